#include <cmath>

#include "ops/jacobi.hpp"
#include "ops/matrices.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

size_t at(int64_t i) { return static_cast<size_t>(i); }

// A gradient that did not come counts as zeros.
Value or_zeros(Emit& emit, Value grad, Value like) {
  return grad.node >= 0 ? grad : emit.zeros_like(like);
}

void require_tall(const Node& node, const TensorType& type) {
  require_matrices(node, type);
  Matrices shape(Shape{type.shape[type.shape.rank() - 2], type.shape[type.shape.rank() - 1]});
  if (shape.rows >= shape.columns) return;
  throw Error(
      "shape_mismatch", node.op->name,
      "takes matrices [..., M, N] with M at least N, not " + type.text() + "; transpose it");
}

Shape with_rows(const Shape& shape, int64_t rows) {
  Shape out = shape;
  out[shape.rank() - 2] = rows;
  return out;
}

// --- qr(a [..., m, n]) -> q [..., m, n], r [..., n, n] with a diagonal of at least 0
// --------------

std::vector<TensorType> infer_qr(const Node& node, Types inputs) {
  require_tall(node, inputs[0]);
  const Shape& a = inputs[0].shape;
  return {inputs[0], TensorType{inputs[0].dtype, with_rows(a, a[a.rank() - 1])}};
}

// Gram and Schmidt, each column twice; what has no direction of its own gets one.
void reference_qr(const Node&, Inputs inputs, Outputs outputs) {
  Matrices shape(inputs[0].type->shape);
  Matrices square(outputs[1].type->shape);
  int64_t n = shape.columns;
  int64_t m = shape.rows;
  for (int64_t index = 0; index < shape.count; ++index) {
    std::vector<double> a = matrix_at(inputs[0], shape, index);
    std::vector<double> columns(a.size());
    for (int64_t i = 0; i < m * n; ++i) columns[at(i % n * m + i / n)] = a[at(i)];
    std::vector<double> r(at(n * n), 0);
    for (int64_t j = 0; j < n; ++j) {
      double* column = columns.data() + j * m;
      for (int64_t k = 0; k < 2 * j; ++k) {
        const double* other = columns.data() + k % j * m;
        double share = 0;
        for (int64_t i = 0; i < m; ++i) share += column[i] * other[i];
        for (int64_t i = 0; i < m; ++i) column[i] -= share * other[i];
        r[at(k % j * n + j)] += share;
      }
      double square_sum = 0;
      for (int64_t i = 0; i < m; ++i) square_sum += column[i] * column[i];
      r[at(j * n + j)] = std::sqrt(square_sum);
      if (square_sum == 0) complete_row(columns.data(), j, m);
      for (int64_t i = 0; i < m && square_sum > 0; ++i) column[i] /= r[at(j * n + j)];
    }
    for (int64_t i = 0; i < m * n; ++i) a[at(i)] = columns[at(i % n * m + i / n)];
    set_matrix(outputs[0], shape, index, a);
    set_matrix(outputs[1], square, index, r);
  }
}

// Walter and Lehmann, 2018: da = (dq + q sym(r dr^T - dq^T q)) r^-T, where sym takes the lower part
// and mirrors it.
std::vector<Value> grad_qr(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value q{node, 0};
  Value r{node, 1};
  Value dq = or_zeros(emit, grads[0], q);
  Value dr = or_zeros(emit, grads[1], r);
  Value m = emit.sub(matrix_product(emit, r, dr, false, true), matrix_product(emit, dq, q, true));
  Value half = masked(emit, m, lower_half);
  Value inner = emit.add(dq, matrix_product(emit, q, emit.add(half, transposed(emit, half))));
  // x r^-T is the transpose of r^-1 x^T.
  Value solved = emit.op("triangular_solve", {r, transposed(emit, inner)}, {{"lower", false}});
  return {transposed(emit, solved)};
}

// --- svd(a [..., m, n]) -> u [..., m, n], s [..., n] greatest first, v [..., n, n]
// ----------------

std::vector<TensorType> infer_svd(const Node& node, Types inputs) {
  require_tall(node, inputs[0]);
  const Shape& a = inputs[0].shape;
  std::vector<int64_t> values(a.dims().begin(), a.dims().end() - 2);
  values.push_back(a[a.rank() - 1]);
  DType dtype = inputs[0].dtype;
  return {inputs[0], TensorType{dtype, Shape(std::move(values))},
          TensorType{dtype, with_rows(a, a[a.rank() - 1])}};
}

// By the eigenvectors of a^T a, the textbook's way.
void reference_svd(const Node&, Inputs inputs, Outputs outputs) {
  Matrices shape(inputs[0].type->shape);
  int64_t m = shape.rows;
  int64_t n = shape.columns;
  for (int64_t index = 0; index < shape.count; ++index) {
    std::vector<double> a = matrix_at(inputs[0], shape, index);
    std::vector<double> gram(at(n * n), 0);
    std::vector<double> v(at(n * n), 0);
    std::vector<double> u(at(m * n), 0);
    std::vector<double> values(at(n));
    for (int64_t i = 0; i < n; ++i) {
      v[at(i * n + i)] = 1;
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t k = 0; k < m; ++k) gram[at(i * n + j)] += a[at(k * n + i)] * a[at(k * n + j)];
      }
    }
    diagonalize(gram.data(), v.data(), n);
    for (int64_t i = 0; i < n; ++i) values[at(i)] = gram[at(i * n + i)];
    sort_rows(values.data(), v.data(), n, nullptr, 0, n, true);
    for (int64_t i = 0; i < n; ++i) {
      double* row = v.data() + i * n;
      double sign = sign_of_row(row, n);
      double s = std::sqrt(std::fmax(values[at(i)], 0));
      for (int64_t j = 0; j < n; ++j) row[j] *= sign;
      for (int64_t k = 0; k < m; ++k) {
        for (int64_t j = 0; j < n; ++j) u[at(i * m + k)] += a[at(k * n + j)] * row[j];
      }
      if (s <= 1e-7 * std::sqrt(std::fmax(values[0], 0)))
        complete_row(u.data(), i, m);
      else
        for (int64_t k = 0; k < m; ++k) u[at(i * m + k)] /= s;
      outputs[1].set(index * n + i, s);
      for (int64_t k = 0; k < m; ++k) outputs[0].set((index * m + k) * n + i, u[at(i * m + k)]);
      for (int64_t j = 0; j < n; ++j) outputs[2].set((index * n + j) * n + i, row[j]);
    }
  }
}

// Townsend, 2016. What two equal singular values would turn into each other counts as nothing.
std::vector<Value> grad_svd(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value u{node, 0};
  Value s{node, 1};
  Value v{node, 2};
  Value du = or_zeros(emit, grads[0], u);
  Value ds = or_zeros(emit, grads[1], s);
  Value dv = or_zeros(emit, grads[2], v);
  Value gaps = inverse_gaps(emit, emit.op("square", {s}));
  auto turned = [&](Value x, Value dx) {
    Value product = matrix_product(emit, x, dx, true);
    return emit.mul(gaps, emit.sub(product, transposed(emit, product)));
  };
  Value row = as_row(emit, s);
  Value column = as_column(emit, s);
  Value none = emit.op("equal", {row, emit.scalar(0, row)});
  Value inverse = emit.where(none, emit.scalar(0, row),
                             emit.op("reciprocal", {emit.where(none, emit.scalar(1, row), row)}));
  Value inner = emit.add(emit.mul(turned(u, du), row), emit.mul(column, turned(v, dv)));
  Value ones = masked(emit, emit.add(emit.zeros_like(v), 1.0),
                      [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
  Value core = emit.add(inner, emit.mul(ones, as_row(emit, ds)));
  // What of du leaves the space of u.
  Value beside = emit.sub(du, matrix_product(emit, u, matrix_product(emit, u, du, true)));
  Value left = emit.add(matrix_product(emit, u, core), emit.mul(beside, inverse));
  return {matrix_product(emit, left, v, false, true)};
}

// --- symmetric_eigen(a [..., n, n]) -> w [..., n] smallest first, v [..., n, n] in columns
// --------

std::vector<TensorType> infer_eigen(const Node& node, Types inputs) {
  require_square(node, inputs[0]);
  const Shape& a = inputs[0].shape;
  std::vector<int64_t> values(a.dims().begin(), a.dims().end() - 1);
  return {TensorType{inputs[0].dtype, Shape(std::move(values))}, inputs[0]};
}

void reference_eigen(const Node&, Inputs inputs, Outputs outputs) {
  Matrices shape(inputs[0].type->shape);
  int64_t n = shape.rows;
  for (int64_t m = 0; m < shape.count; ++m) {
    std::vector<double> a = matrix_at(inputs[0], shape, m);
    std::vector<double> v(a.size(), 0);
    std::vector<double> values(at(n));
    for (int64_t i = 0; i < n; ++i) {
      v[at(i * n + i)] = 1;
      for (int64_t j = 0; j < i; ++j) a[at(j * n + i)] = a[at(i * n + j)];
    }
    diagonalize(a.data(), v.data(), n);
    for (int64_t i = 0; i < n; ++i) values[at(i)] = a[at(i * n + i)];
    sort_rows(values.data(), v.data(), n, nullptr, 0, n, false);
    for (int64_t i = 0; i < n; ++i) {
      double sign = sign_of_row(v.data() + i * n, n);
      outputs[0].set(m * n + i, values[at(i)]);
      for (int64_t j = 0; j < n; ++j) outputs[1].set((m * n + j) * n + i, sign * v[at(i * n + j)]);
    }
  }
}

// da = v (diag(dw) + gaps * (v^T dv)) v^T, made symmetric.
std::vector<Value> grad_eigen(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value w{node, 0};
  Value v{node, 1};
  Value dw = or_zeros(emit, grads[0], w);
  Value dv = or_zeros(emit, grads[1], v);
  Value ones = masked(emit, emit.add(emit.zeros_like(v), 1.0),
                      [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
  Value core = emit.add(emit.mul(ones, as_row(emit, dw)),
                        emit.mul(inverse_gaps(emit, w), matrix_product(emit, v, dv, true)));
  Value whole = matrix_product(emit, matrix_product(emit, v, core), v, false, true);
  return {symmetric_part(emit, whole)};
}

OpSpec spec(const char* name, InferFn infer, ReferenceFn reference, GradientFn gradient,
            OpDoc doc) {
  OpSpec out;
  out.name = name;
  out.inputs_min = out.inputs_max = 1;
  out.infer = infer;
  out.reference = reference;
  out.gradient = gradient;
  out.costly = true;
  out.doc = std::move(doc);
  return out;
}

}  // namespace

void register_decompositions() {
  register_op(spec("qr", infer_qr, reference_qr, grad_qr,
                   {"Orthonormal columns q and an upper r of positive diagonal with q r = a.",
                    "a [..., M, N], M >= N -> [..., M, N], [..., N, N]"}));
  register_op(spec("svd", infer_svd, reference_svd, grad_svd,
                   {"a = u diag(s) v^T with orthonormal columns; s falls, and the greatest element "
                    "of each column of v is positive.",
                    "a [..., M, N], M >= N -> [..., M, N], [..., N], [..., N, N]"}));
  register_op(spec("symmetric_eigen", infer_eigen, reference_eigen, grad_eigen,
                   {"The eigenvalues of symmetric matrices, smallest first, and the vectors in "
                    "columns; the lower part is read.",
                    "a [..., N, N] -> [..., N], [..., N, N]"}));
}

}  // namespace vanda
