#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// Segments: rows of values [M, ...] cut at offsets [N], where segment n is the rows offsets[n] up to
// the next offset, the last one up to the end; offsets begin at 0 and never fall.
void require_segments(const Node& node, const TensorType& offsets, const TensorType& values) {
  if (!is_integer(offsets.dtype) || offsets.shape.rank() != 1) {
    throw Error("shape_mismatch", node.op->name,
                "the offsets are i32 or i64 [segments], not " + offsets.text());
  }
  if (!is_float(values.dtype) || values.shape.rank() < 1) {
    throw Error("shape_mismatch", node.op->name, "the values are f32 [rows, ...], not " +
                                                     values.text());
  }
}

Shape with_rows(const Shape& shape, int64_t rows) {
  Shape out = shape;
  out[0] = rows;
  return out;
}

int64_t row_width(const ConstView& values) {
  int64_t rows = values.type->shape[0];
  return rows == 0 ? 0 : values.elements() / rows;
}

// body(segment, row) for each row.
template <typename Body>
void each_row(const Node& node, const ConstView& offsets, int64_t rows, Body body) {
  int64_t segments = offsets.elements();
  for (int64_t n = 0; n < segments; ++n) {
    int64_t begin = offsets.at_integer(n);
    int64_t end = n + 1 < segments ? offsets.at_integer(n + 1) : rows;
    if (begin < 0 || end < begin || end > rows || (n == 0 && begin != 0)) {
      throw Error("invalid_feed", node.op->name,
                  "the offsets must begin at 0, never fall and end within " +
                      std::to_string(rows) + " rows");
    }
    for (int64_t row = begin; row < end; ++row) body(n, row);
  }
}

// segment_sum(values [M, ...], offsets [N]) -> [N, ...]
std::vector<TensorType> infer_sum(const Node& node, Types inputs) {
  require_segments(node, inputs[1], inputs[0]);
  return {TensorType{inputs[0].dtype, with_rows(inputs[0].shape, inputs[1].shape[0])}};
}

void reference_sum(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t width = row_width(inputs[0]);
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
  ConstView sums{outputs[0].type, outputs[0].data};
  each_row(node, inputs[1], inputs[0].type->shape[0], [&](int64_t n, int64_t row) {
    for (int64_t k = 0; k < width; ++k) {
      outputs[0].set(n * width + k, sums.at(n * width + k) + inputs[0].at(row * width + k));
    }
  });
}

std::vector<Value> grad_sum(Graph& graph, int node, Grads grads) {
  std::vector<Value> x = graph.node(node).inputs;
  return {Emit(graph).op("segment_spread", {grads[0], x[1], x[0]}), kNoValue};
}

// segment_spread(rows [N, ...], offsets [N], like [M, ...]) -> [M, ...]: each segment's row at all of
// its places. Of `like` only the shape counts.
std::vector<TensorType> infer_spread(const Node& node, Types inputs) {
  require_segments(node, inputs[1], inputs[0]);
  require_segments(node, inputs[1], inputs[2]);
  if (inputs[0].shape[0] != inputs[1].shape[0] ||
      with_rows(inputs[2].shape, 0) != with_rows(inputs[0].shape, 0)) {
    throw Error("shape_mismatch", node.op->name,
                inputs[0].text() + " is not one row of " + inputs[2].text() +
                    " for each offset of " + inputs[1].text());
  }
  return {TensorType{inputs[0].dtype, inputs[2].shape}};
}

void reference_spread(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t width = row_width(inputs[2]);
  each_row(node, inputs[1], outputs[0].type->shape[0], [&](int64_t n, int64_t row) {
    for (int64_t k = 0; k < width; ++k)
      outputs[0].set(row * width + k, inputs[0].at(n * width + k));
  });
}

std::vector<Value> grad_spread(Graph& graph, int node, Grads grads) {
  std::vector<Value> x = graph.node(node).inputs;
  return {Emit(graph).op("segment_sum", {grads[0], x[1]}), kNoValue, kNoValue};
}

}  // namespace

void register_segments() {
  OpSpec sum;
  sum.name = "segment_sum";
  sum.inputs_min = sum.inputs_max = 2;
  sum.doc = {"Sums of consecutive rows, cut at offsets that begin at 0 and never fall.",
             "values [M, ...], offsets [N] -> [N, ...]", "f32"};
  sum.infer = infer_sum;
  sum.reference = reference_sum;
  sum.gradient = grad_sum;
  register_op(std::move(sum));
  OpSpec spread;
  spread.name = "segment_spread";
  spread.inputs_min = spread.inputs_max = 3;
  spread.doc = {"Each segment's row at all places of the segment; of the last input only the shape "
                "counts.",
                "rows [N, ...], offsets [N], like [M, ...] -> [M, ...]", "f32"};
  spread.infer = infer_spread;
  spread.reference = reference_spread;
  spread.gradient = grad_spread;
  register_op(std::move(spread));
}

}  // namespace vanda
