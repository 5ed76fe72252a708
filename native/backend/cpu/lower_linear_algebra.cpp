#include <algorithm>
#include <cmath>

#include "backend/cpu/matrix_batch.hpp"

namespace vanda::cpu {

namespace {

double cube(int64_t n) {
  double side = static_cast<double>(n);
  return side * side * side;
}

// The upper factor u with u^T u = a, in the rows of `u`; row by row, so that the inner loop runs
// over neighbours.
bool factor_upper(double* u, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    double* row = u + k * n;
    if (!(row[k] > 0)) return false;
    double inverse = 1 / std::sqrt(row[k]);
    for (int64_t j = k; j < n; ++j) row[j] *= inverse;
    for (int64_t i = k + 1; i < n; ++i) subtract_row(u + i * n + i, row + i, row[i], n - i);
  }
  return true;
}

void lower_cholesky(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(node.outputs[0].shape);
  int64_t n = shape.rows;
  MatrixBatch batch(lowering, id, shape.count, n * n, cube(n) / 6);
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("cholesky", {source}, {target, batch.scratch()}, [=](const RunContext& context) {
    batch.run(context, "is not positive definite", [&](int64_t m, double* u) {
      const float* a = static_cast<const float*>(context.data[source]) + m * n * n;
      float* l = static_cast<float*>(context.data[target]) + m * n * n;
      copy_transposed(u, a, n, n);
      bool positive = factor_upper(u, n);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          l[i * n + j] = j <= i ? static_cast<float>(u[j * n + i]) : 0.0f;
        }
      }
      return positive;
    });
  });
}

// x = a^-1 x for a triangle in the rows of a, from the first row on or from the last.
bool substitute(const double* a, double* x, int64_t n, int64_t width, bool forward) {
  for (int64_t step = 0; step < n; ++step) {
    int64_t i = forward ? step : n - 1 - step;
    const double* row = a + i * n;
    if (row[i] == 0) return false;
    int64_t from = forward ? 0 : i + 1;
    int64_t to = forward ? i : n;
    for (int64_t k = from; k < to; ++k) subtract_row(x + i * width, x + k * width, row[k], width);
    for (int64_t c = 0; c < width; ++c) x[i * width + c] /= row[i];
  }
  return true;
}

void lower_triangular(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(lowering.type(node.inputs[0]).shape);
  int64_t n = shape.rows;
  int64_t width = Matrices(node.outputs[0].shape).columns;
  bool transpose = node.flag("transpose");
  bool forward = node.flag("lower") != transpose;
  double work = static_cast<double>(n * n) * static_cast<double>(width) / 2;
  MatrixBatch batch(lowering, id, shape.count, n * (n + width), work);
  int left = lowering.plain(node.inputs[0]);
  int right = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(
      "triangular_solve", {left, right}, {target, batch.scratch()}, [=](const RunContext& context) {
        batch.run(context, "is singular", [&](int64_t m, double* a) {
          double* x = a + n * n;
          const float* given = static_cast<const float*>(context.data[left]) + m * n * n;
          if (transpose)
            copy_transposed(a, given, n, n);
          else
            copy_in(a, given, n * n);
          copy_in(x, static_cast<const float*>(context.data[right]) + m * n * width, n * width);
          bool solved = substitute(a, x, n, width, forward);
          copy_out(static_cast<float*>(context.data[target]) + m * n * width, x, n * width);
          return solved;
        });
      });
}

// Elimination with partial pivoting: the upper factor stays in a, and the same is done to the rows
// of x. Gives the sign of the permutation; 0 for a matrix without a pivot.
int eliminate(double* a, double* x, int64_t n, int64_t width) {
  int sign = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i) {
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    }
    if (!(std::fabs(a[pivot * n + k]) > 0)) return 0;
    if (pivot != k) {
      sign = -sign;
      std::swap_ranges(a + k * n + k, a + k * n + n, a + pivot * n + k);
      std::swap_ranges(x + k * width, x + k * width + width, x + pivot * width);
    }
    double inverse = 1 / a[k * n + k];
    for (int64_t i = k + 1; i < n; ++i) {
      double factor = a[i * n + k] * inverse;
      if (factor == 0) continue;
      subtract_row(a + i * n + k + 1, a + k * n + k + 1, factor, n - k - 1);
      subtract_row(x + i * width, x + k * width, factor, width);
    }
  }
  return sign;
}

void lower_solve(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(lowering.type(node.inputs[0]).shape);
  int64_t n = shape.rows;
  int64_t width = Matrices(node.outputs[0].shape).columns;
  bool transpose = node.flag("transpose");
  double work = cube(n) / 3 + static_cast<double>(n * n) * static_cast<double>(width);
  MatrixBatch batch(lowering, id, shape.count, n * (n + width), work);
  int left = lowering.plain(node.inputs[0]);
  int right = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("solve", {left, right}, {target, batch.scratch()}, [=](const RunContext& context) {
    batch.run(context, "is singular", [&](int64_t m, double* a) {
      double* x = a + n * n;
      const float* given = static_cast<const float*>(context.data[left]) + m * n * n;
      if (transpose)
        copy_transposed(a, given, n, n);
      else
        copy_in(a, given, n * n);
      copy_in(x, static_cast<const float*>(context.data[right]) + m * n * width, n * width);
      bool solved = eliminate(a, x, n, width) != 0 && substitute(a, x, n, width, false);
      copy_out(static_cast<float*>(context.data[target]) + m * n * width, x, n * width);
      return solved;
    });
  });
}

void lower_determinant(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(lowering.type(node.inputs[0]).shape);
  int64_t n = shape.rows;
  MatrixBatch batch(lowering, id, shape.count, n * n, cube(n) / 3);
  int source = lowering.plain(node.inputs[0]);
  int signs = lowering.define_new(Value{id, 0});
  int logs = lowering.define_new(Value{id, 1});
  lowering.add("log_determinant", {source}, {signs, logs, batch.scratch()},
               [=](const RunContext& context) {
                 batch.run(context, "", [&](int64_t m, double* a) {
                   copy_in(a, static_cast<const float*>(context.data[source]) + m * n * n, n * n);
                   int sign = eliminate(a, a, n, 0);
                   double sum = sign == 0 ? -INFINITY : 0;
                   for (int64_t k = 0; sign != 0 && k < n; ++k) {
                     double pivot = a[k * n + k];
                     if (pivot < 0) sign = -sign;
                     sum += std::log(std::fabs(pivot));
                   }
                   static_cast<float*>(context.data[signs])[m] = static_cast<float>(sign);
                   static_cast<float*>(context.data[logs])[m] = static_cast<float>(sum);
                   return true;
                 });
               });
}

}  // namespace

bool lower_linear_algebra(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("cholesky"))
    lower_cholesky(lowering, id);
  else if (node.is("triangular_solve"))
    lower_triangular(lowering, id);
  else if (node.is("solve"))
    lower_solve(lowering, id);
  else if (node.is("log_determinant"))
    lower_determinant(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
