#include "ops/matrices.hpp"

namespace vanda {

void require_matrices(const Node& node, const TensorType& type) {
  const Shape& shape = type.shape;
  bool fits = is_float(type.dtype) && shape.rank() >= 2 && shape[shape.rank() - 1] >= 1 &&
              shape[shape.rank() - 2] >= 1;
  if (fits) return;
  throw Error("shape_mismatch", node.op->name,
              "takes f32 matrices [..., M, N] of known size, not " + type.text());
}

void require_square(const Node& node, const TensorType& type) {
  require_matrices(node, type);
  const Shape& shape = type.shape;
  if (shape[shape.rank() - 1] == shape[shape.rank() - 2]) return;
  throw Error("shape_mismatch", node.op->name,
              "takes square matrices [..., N, N], not " + type.text());
}

std::vector<double> matrix_at(const ConstView& view, const Matrices& shape, int64_t index) {
  std::vector<double> out(static_cast<size_t>(shape.size()));
  for (int64_t i = 0; i < shape.size(); ++i) {
    out[static_cast<size_t>(i)] = view.at(index * shape.size() + i);
  }
  return out;
}

void set_matrix(const View& view, const Matrices& shape, int64_t index,
                const std::vector<double>& values) {
  for (int64_t i = 0; i < shape.size(); ++i) {
    view.set(index * shape.size() + i, values[static_cast<size_t>(i)]);
  }
}

void refuse_matrix(const std::string& op, int64_t index, const char* what) {
  throw Error("invalid_feed", op, "matrix " + std::to_string(index) + " of the batch " + what);
}

Value matrix_product(Emit& emit, Value a, Value b, bool transpose_a, bool transpose_b) {
  return emit.op("matmul", {a, b}, {{"transposeA", transpose_a}, {"transposeB", transpose_b}});
}

Value transposed(Emit& emit, Value x) {
  int rank = emit.graph.type(x).shape.rank();
  std::vector<int64_t> permutation(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) permutation[static_cast<size_t>(i)] = i;
  std::swap(permutation[static_cast<size_t>(rank) - 1], permutation[static_cast<size_t>(rank) - 2]);
  return emit.op("transpose", {x}, {{"permutation", std::move(permutation)}});
}

Value masked(Emit& emit, Value x, double (*weight)(int64_t row, int64_t column)) {
  const TensorType type = emit.graph.type(x);
  int64_t rows = type.shape[type.shape.rank() - 2];
  int64_t columns = type.shape[type.shape.rank() - 1];
  Tensor mask(TensorType{type.dtype, Shape{rows, columns}});
  View view{&mask.type, mask.data()};
  for (int64_t i = 0; i < rows * columns; ++i) view.set(i, weight(i / columns, i % columns));
  return emit.mul(x, Value{emit.graph.add_constant(std::move(mask)), 0});
}

double lower_part(int64_t row, int64_t column) { return column <= row ? 1 : 0; }
double upper_part(int64_t row, int64_t column) { return column >= row ? 1 : 0; }
double lower_half(int64_t row, int64_t column) {
  return column < row ? 1 : column == row ? 0.5 : 0;
}

Value symmetric_part(Emit& emit, Value x) {
  return emit.mul(emit.add(x, transposed(emit, x)), 0.5);
}

namespace {

Value with_axis(Emit& emit, Value x, bool row) {
  std::vector<int64_t> dims = emit.graph.type(x).shape.dims();
  for (size_t i = 0; i < dims.size(); ++i) dims[i] = dims[i] == kDynamic ? 0 : dims[i];
  dims.insert(row ? dims.end() - 1 : dims.end(), 1);
  return emit.op("reshape", {x}, {{"shape", std::move(dims)}});
}

}  // namespace

Value as_row(Emit& emit, Value x) { return with_axis(emit, x, true); }
Value as_column(Emit& emit, Value x) { return with_axis(emit, x, false); }

Value inverse_gaps(Emit& emit, Value b) {
  Value gaps = emit.sub(as_row(emit, b), as_column(emit, b));
  Value none = emit.op("equal", {gaps, emit.scalar(0, gaps)});
  Value safe = emit.where(none, emit.scalar(1, gaps), gaps);
  return emit.where(none, emit.scalar(0, gaps), emit.op("reciprocal", {safe}));
}

}  // namespace vanda
