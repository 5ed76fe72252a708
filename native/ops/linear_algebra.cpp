#include <cmath>

#include "ops/matrices.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

size_t at(int64_t i) { return static_cast<size_t>(i); }

// --- cholesky(a [..., n, n]) -> l, lower, with l l^T = a; reads the lower part of a
// ---------------

std::vector<TensorType> infer_cholesky(const Node& node, Types inputs) {
  require_square(node, inputs[0]);
  return {inputs[0]};
}

void reference_cholesky(const Node&, Inputs inputs, Outputs outputs) {
  Matrices shape(inputs[0].type->shape);
  int64_t n = shape.rows;
  for (int64_t m = 0; m < shape.count; ++m) {
    std::vector<double> a = matrix_at(inputs[0], shape, m);
    std::vector<double> l(a.size(), 0);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = a[at(i * n + j)];
        for (int64_t k = 0; k < j; ++k) sum -= l[at(i * n + k)] * l[at(j * n + k)];
        if (i == j && !(sum > 0)) refuse_matrix("cholesky", m, "is not positive definite");
        l[at(i * n + j)] = i == j ? std::sqrt(sum) : sum / l[at(j * n + j)];
      }
    }
    set_matrix(outputs[0], shape, m, l);
  }
}

Value triangular(Emit& emit, Value a, Value b, bool lower, bool transpose) {
  return emit.op("triangular_solve", {a, b}, {{"lower", lower}, {"transpose", transpose}});
}

// Murray, 2016: with p the lower half of l^T dl, the gradient is l^-T p l^-1, made symmetric.
std::vector<Value> grad_cholesky(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value l{node, 0};
  Value p = masked(emit, matrix_product(emit, l, grads[0], true), lower_half);
  Value left = triangular(emit, l, p, true, true);
  Value both = triangular(emit, l, transposed(emit, left), true, true);
  return {symmetric_part(emit, both)};
}

// --- triangular_solve(a [..., n, n], b [..., n, m]) -> x with a x = b, or a^T x = b
// ---------------

void require_right_side(const Node& node, Types inputs) {
  require_square(node, inputs[0]);
  const Shape& a = inputs[0].shape;
  const Shape& b = inputs[1].shape;
  bool fits = b.rank() == a.rank() && inputs[1].dtype == inputs[0].dtype && b[b.rank() - 1] >= 1;
  for (int axis = 0; fits && axis < a.rank() - 1; ++axis) fits = a[axis] == b[axis];
  if (fits) return;
  throw Error("shape_mismatch", node.op->name,
              "matrices " + inputs[0].text() +
                  " need a right side [..., N, K] of the same batch, not " + inputs[1].text());
}

std::vector<TensorType> infer_solve(const Node& node, Types inputs) {
  require_right_side(node, inputs);
  return {inputs[1]};
}

void reference_triangular(const Node& node, Inputs inputs, Outputs outputs) {
  bool transpose = node.flag("transpose");
  bool forward = node.flag("lower") != transpose;
  Matrices shape(inputs[0].type->shape);
  Matrices sides(inputs[1].type->shape);
  int64_t n = shape.rows;
  for (int64_t m = 0; m < shape.count; ++m) {
    std::vector<double> a = matrix_at(inputs[0], shape, m);
    std::vector<double> x = matrix_at(inputs[1], sides, m);
    auto element = [&](int64_t i, int64_t k) { return a[at(transpose ? k * n + i : i * n + k)]; };
    for (int64_t step = 0; step < n; ++step) {
      int64_t i = forward ? step : n - 1 - step;
      if (element(i, i) == 0) refuse_matrix("triangular_solve", m, "is singular");
      for (int64_t c = 0; c < sides.columns; ++c) {
        double sum = x[at(i * sides.columns + c)];
        for (int64_t k = forward ? 0 : i + 1; k < (forward ? i : n); ++k) {
          sum -= element(i, k) * x[at(k * sides.columns + c)];
        }
        x[at(i * sides.columns + c)] = sum / element(i, i);
      }
    }
    set_matrix(outputs[0], sides, m, x);
  }
}

// db = a^-T dx; da = -db x^T, or its transpose, of which the triangle counts.
std::vector<Value> grad_triangular(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value a = graph.node(node).inputs[0];
  bool lower = graph.node(node).flag("lower");
  bool transpose = graph.node(node).flag("transpose");
  Value x{node, 0};
  Value db = triangular(emit, a, grads[0], lower, !transpose);
  Value da = transpose ? matrix_product(emit, x, db, false, true)
                       : matrix_product(emit, db, x, false, true);
  return {emit.neg(masked(emit, da, lower ? lower_part : upper_part)), db};
}

// --- solve(a [..., n, n], b [..., n, m]) -> x with a x = b, or a^T x = b
// --------------------------

// Gauss and Jordan: the plainest way, on a copy of the matrix with its right side.
void reference_solve(const Node& node, Inputs inputs, Outputs outputs) {
  bool transpose = node.flag("transpose");
  Matrices shape(inputs[0].type->shape);
  Matrices sides(inputs[1].type->shape);
  int64_t n = shape.rows;
  int64_t width = sides.columns;
  for (int64_t m = 0; m < shape.count; ++m) {
    std::vector<double> given = matrix_at(inputs[0], shape, m);
    std::vector<double> a = given;
    for (int64_t i = 0; transpose && i < n * n; ++i) a[at(i)] = given[at(i % n * n + i / n)];
    std::vector<double> x = matrix_at(inputs[1], sides, m);
    for (int64_t k = 0; k < n; ++k) {
      int64_t pivot = k;
      for (int64_t i = k + 1; i < n; ++i) {
        if (std::fabs(a[at(i * n + k)]) > std::fabs(a[at(pivot * n + k)])) pivot = i;
      }
      if (!(std::fabs(a[at(pivot * n + k)]) > 0)) refuse_matrix("solve", m, "is singular");
      for (int64_t j = 0; j < n; ++j) std::swap(a[at(k * n + j)], a[at(pivot * n + j)]);
      for (int64_t j = 0; j < width; ++j) std::swap(x[at(k * width + j)], x[at(pivot * width + j)]);
      for (int64_t i = 0; i < n; ++i) {
        double factor = i == k ? 0 : a[at(i * n + k)] / a[at(k * n + k)];
        for (int64_t j = 0; j < n; ++j) a[at(i * n + j)] -= factor * a[at(k * n + j)];
        for (int64_t j = 0; j < width; ++j) x[at(i * width + j)] -= factor * x[at(k * width + j)];
      }
    }
    for (int64_t i = 0; i < n * width; ++i) x[at(i)] /= a[at(i / width * n + i / width)];
    set_matrix(outputs[0], sides, m, x);
  }
}

std::vector<Value> grad_solve(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value a = graph.node(node).inputs[0];
  bool transpose = graph.node(node).flag("transpose");
  Value x{node, 0};
  Value db = emit.op("solve", {a, grads[0]}, {{"transpose", !transpose}});
  Value da = transpose ? matrix_product(emit, x, db, false, true)
                       : matrix_product(emit, db, x, false, true);
  return {emit.neg(da), db};
}

// --- log_determinant(a [..., n, n]) -> the sign and the logarithm of |det a|
// ----------------------

std::vector<TensorType> infer_determinant(const Node& node, Types inputs) {
  require_square(node, inputs[0]);
  const std::vector<int64_t>& dims = inputs[0].shape.dims();
  TensorType each{inputs[0].dtype, Shape(std::vector<int64_t>(dims.begin(), dims.end() - 2))};
  return {each, each};
}

// Elimination, row by row.
void reference_determinant(const Node&, Inputs inputs, Outputs outputs) {
  Matrices shape(inputs[0].type->shape);
  int64_t n = shape.rows;
  for (int64_t m = 0; m < shape.count; ++m) {
    std::vector<double> a = matrix_at(inputs[0], shape, m);
    double sign = 1;
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) {
      int64_t pivot = k;
      for (int64_t i = k; i < n; ++i) {
        if (std::fabs(a[at(i * n + k)]) > std::fabs(a[at(pivot * n + k)])) pivot = i;
      }
      if (pivot != k) sign = -sign;
      for (int64_t j = 0; j < n; ++j) std::swap(a[at(k * n + j)], a[at(pivot * n + j)]);
      double value = a[at(k * n + k)];
      sign *= value > 0 ? 1 : value < 0 ? -1 : value;
      sum += std::log(std::fabs(value));
      if (value == 0) break;
      for (int64_t i = k + 1; i < n; ++i) {
        double factor = a[at(i * n + k)] / value;
        for (int64_t j = k; j < n; ++j) a[at(i * n + j)] -= factor * a[at(k * n + j)];
      }
    }
    outputs[0].set(m, sign);
    outputs[1].set(m, sum);
  }
}

// d log|det a| = trace(a^-1 da); the sign is constant where it is defined.
std::vector<Value> grad_determinant(Graph& graph, int node, Grads grads) {
  if (grads[1].node < 0) return {kNoValue};
  Emit emit(graph);
  Value a = graph.node(node).inputs[0];
  Value unit = masked(emit, emit.add(emit.zeros_like(a), 1.0),
                      [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
  Value inverse = emit.op("solve", {a, unit}, {{"transpose", true}});
  return {emit.mul(inverse, as_column(emit, as_column(emit, grads[1])))};
}

OpSpec spec(const char* name, int inputs, std::vector<AttributeSpec> attributes, InferFn infer,
            ReferenceFn reference, GradientFn gradient, OpDoc doc) {
  OpSpec out;
  out.name = name;
  out.inputs_min = out.inputs_max = inputs;
  out.attributes = std::move(attributes);
  out.infer = infer;
  out.reference = reference;
  out.gradient = gradient;
  out.costly = true;
  out.doc = std::move(doc);
  return out;
}

}  // namespace

void register_linear_algebra() {
  AttributeSpec transpose{"transpose", AttributeKind::boolean, false};
  register_op(spec("cholesky", 1, {}, infer_cholesky, reference_cholesky, grad_cholesky,
                   {"The lower l with l l^T = a of symmetric positive definite matrices, of which "
                    "the lower part is read.",
                    "a [..., N, N] -> [..., N, N]"}));
  register_op(spec("triangular_solve", 2, {{"lower", AttributeKind::boolean, true}, transpose},
                   infer_solve, reference_triangular, grad_triangular,
                   {"The x with a x = b, or a^T x = b, of which a triangle of a is read.",
                    "a [..., N, N], b [..., N, K] -> [..., N, K]"}));
  register_op(spec("solve", 2, {transpose}, infer_solve, reference_solve, grad_solve,
                   {"The x with a x = b, or a^T x = b, by elimination with partial pivoting.",
                    "a [..., N, N], b [..., N, K] -> [..., N, K]"}));
  register_op(spec("log_determinant", 1, {}, infer_determinant, reference_determinant,
                   grad_determinant,
                   {"The sign of the determinant and the logarithm of its absolute value.",
                    "a [..., N, N] -> [...], [...]"}));
}

}  // namespace vanda
