#include <algorithm>
#include <cmath>

#include "backend/cpu/matrix_batch.hpp"
#include "ops/jacobi.hpp"

namespace vanda::cpu {

namespace {

double flops(int64_t rows, int64_t columns) {
  return static_cast<double>(rows * columns) * static_cast<double>(columns);
}

// Reflects the rows i0 .. of a [m, n] by I - 2 v v^T / |v|^2, v [m - i0] of squared length
// `square`: the columns from j0 on. `row` is scratch of n.
void reflect(double* a, int64_t m, int64_t n, int64_t i0, int64_t j0, const double* v,
             double square, double* row) {
  std::fill(row + j0, row + n, 0.0);
  for (int64_t i = i0; i < m; ++i) subtract_row(row + j0, a + i * n + j0, -v[i - i0], n - j0);
  for (int64_t i = i0; i < m; ++i) {
    subtract_row(a + i * n + j0, row + j0, 2 * v[i - i0] / square, n - j0);
  }
}

// Householder, 1958: a [m, n] becomes r in its first rows; the reflections, one after the other in
// `reflections` [n, m] with their squared lengths, make q of the first columns of the identity.
struct Householder {
  int64_t m, n;
  double *a, *q, *reflections, *squares, *row;

  void run() const {
    for (int64_t k = 0; k < n; ++k) {
      double* v = reflections + k * m;
      double square = 0;
      for (int64_t i = k; i < m; ++i) {
        v[i - k] = a[i * n + k];
        square += v[i - k] * v[i - k];
      }
      double length = std::sqrt(square);
      v[0] += v[0] < 0 ? -length : length;
      squares[k] = 0;
      for (int64_t i = 0; i < m - k; ++i) squares[k] += v[i] * v[i];
      if (squares[k] > 0) reflect(a, m, n, k, k, v, squares[k], row);
    }
    std::fill(q, q + m * n, 0.0);
    for (int64_t k = 0; k < n; ++k) q[k * n + k] = 1;
    for (int64_t k = n - 1; k >= 0; --k) {
      if (squares[k] > 0) reflect(q, m, n, k, 0, reflections + k * m, squares[k], row);
    }
    // One of all choices of signs: the diagonal of r is not below 0.
    for (int64_t k = 0; k < n; ++k) {
      if (!(a[k * n + k] < 0)) continue;
      for (int64_t j = k; j < n; ++j) a[k * n + j] = -a[k * n + j];
      for (int64_t i = 0; i < m; ++i) q[i * n + k] = -q[i * n + k];
    }
  }
};

void lower_qr(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(node.outputs[0].shape);
  int64_t m = shape.rows;
  int64_t n = shape.columns;
  MatrixBatch batch(lowering, id, shape.count, 3 * m * n + 2 * n, 3 * flops(m, n));
  int source = lowering.plain(node.inputs[0]);
  int left = lowering.define_new(Value{id, 0});
  int right = lowering.define_new(Value{id, 1});
  lowering.add("qr", {source}, {left, right, batch.scratch()}, [=](const RunContext& context) {
    batch.run(context, "", [&](int64_t index, double* a) {
      Householder qr{m, n, a, a + m * n, a + 2 * m * n, a + 3 * m * n, a + 3 * m * n + n};
      copy_in(a, static_cast<const float*>(context.data[source]) + index * m * n, m * n);
      qr.run();
      copy_out(static_cast<float*>(context.data[left]) + index * m * n, qr.q, m * n);
      float* r = static_cast<float*>(context.data[right]) + index * n * n;
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < n; ++j) r[i * n + j] = j < i ? 0 : static_cast<float>(a[i * n + j]);
      }
      return true;
    });
  });
}

void identity(double* v, int64_t n) {
  std::fill(v, v + n * n, 0.0);
  for (int64_t i = 0; i < n; ++i) v[i * n + i] = 1;
}

// The rows of x [n, m] as columns of out [m, n], times their factors.
void write_columns(float* out, const double* x, const double* factors, int64_t n, int64_t m) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < m; ++k) out[k * n + i] = static_cast<float>(x[i * m + k] * factors[i]);
  }
}

// One-sided rotations: the columns of a, as rows of w, are turned until they are orthogonal.
void decompose(double* w, double* v, double* s, double* factors, int64_t m, int64_t n) {
  identity(v, n);
  orthogonalize_rows(w, v, n, m);
  for (int64_t i = 0; i < n; ++i) {
    double square = 0;
    for (int64_t k = 0; k < m; ++k) square += w[i * m + k] * w[i * m + k];
    s[i] = std::sqrt(square);
  }
  sort_rows(s, w, m, v, n, n, true);
  for (int64_t i = 0; i < n; ++i) {
    double sign = sign_of_row(v + i * n, n);
    factors[i] = sign;
    if (s[i] <= 1e-7 * s[0]) {
      complete_row(w, i, m);
      // The sign belongs to v alone where u is free.
      for (int64_t k = 0; k < m; ++k) w[i * m + k] *= sign;
      continue;
    }
    for (int64_t k = 0; k < m; ++k) w[i * m + k] /= s[i];
  }
}

void lower_svd(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(node.outputs[0].shape);
  int64_t m = shape.rows;
  int64_t n = shape.columns;
  MatrixBatch batch(lowering, id, shape.count, m * n + n * n + 2 * n, 30 * flops(m, n));
  int source = lowering.plain(node.inputs[0]);
  int left = lowering.define_new(Value{id, 0});
  int values = lowering.define_new(Value{id, 1});
  int right = lowering.define_new(Value{id, 2});
  lowering.add(
      "svd", {source}, {left, values, right, batch.scratch()}, [=](const RunContext& context) {
        batch.run(context, "", [&](int64_t index, double* w) {
          double* v = w + m * n;
          double* s = v + n * n;
          copy_transposed(w, static_cast<const float*>(context.data[source]) + index * m * n, m, n);
          decompose(w, v, s, s + n, m, n);
          write_columns(static_cast<float*>(context.data[left]) + index * m * n, w, s + n, n, m);
          write_columns(static_cast<float*>(context.data[right]) + index * n * n, v, s + n, n, n);
          copy_out(static_cast<float*>(context.data[values]) + index * n, s, n);
          return true;
        });
      });
}

void lower_eigen(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Matrices shape(node.outputs[1].shape);
  int64_t n = shape.rows;
  MatrixBatch batch(lowering, id, shape.count, 2 * n * n + 2 * n, 30 * flops(n, n));
  int source = lowering.plain(node.inputs[0]);
  int values = lowering.define_new(Value{id, 0});
  int vectors = lowering.define_new(Value{id, 1});
  lowering.add("symmetric_eigen", {source}, {values, vectors, batch.scratch()},
               [=](const RunContext& context) {
                 batch.run(context, "", [&](int64_t index, double* a) {
                   double* v = a + n * n;
                   double* w = v + n * n;
                   const float* x = static_cast<const float*>(context.data[source]) + index * n * n;
                   for (int64_t i = 0; i < n; ++i) {
                     for (int64_t j = 0; j <= i; ++j)
                       a[i * n + j] = a[j * n + i] = static_cast<double>(x[i * n + j]);
                   }
                   identity(v, n);
                   diagonalize(a, v, n);
                   for (int64_t i = 0; i < n; ++i) w[i] = a[i * n + i];
                   sort_rows(w, v, n, nullptr, 0, n, false);
                   for (int64_t i = 0; i < n; ++i) w[n + i] = sign_of_row(v + i * n, n);
                   copy_out(static_cast<float*>(context.data[values]) + index * n, w, n);
                   write_columns(static_cast<float*>(context.data[vectors]) + index * n * n, v,
                                 w + n, n, n);
                   return true;
                 });
               });
}

}  // namespace

bool lower_decompositions(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("qr"))
    lower_qr(lowering, id);
  else if (node.is("svd"))
    lower_svd(lowering, id);
  else if (node.is("symmetric_eigen"))
    lower_eigen(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
