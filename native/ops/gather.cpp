#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

void require_indices(const Node& node, const TensorType& indices) {
  if (!is_integer(indices.dtype) && indices.dtype != DType::u8) {
    throw Error("dtype_mismatch", node.op->name,
                "the indices must be integers, not " + indices.text());
  }
}

[[noreturn]] void out_of_range(const Node& node, int64_t index, int64_t rows) {
  throw Error("invalid_feed", node.op->name,
              "the index " + std::to_string(index) + " is outside a table of " +
                  std::to_string(rows) + " rows");
}

// gather(table [V, ...], indices) -> indices.shape + [...]: the embedding lookup.
std::vector<TensorType> infer_gather(const Node& node, Types inputs) {
  require_indices(node, inputs[1]);
  if (inputs[0].shape.rank() < 1) throw Error("shape_mismatch", "gather", "the table has no rows");
  std::vector<int64_t> dims = inputs[1].shape.dims();
  dims.insert(dims.end(), inputs[0].shape.dims().begin() + 1, inputs[0].shape.dims().end());
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_gather(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t rows = inputs[0].type->shape[0];
  int64_t width = rows == 0 ? 0 : inputs[0].elements() / rows;
  for (int64_t i = 0; i < inputs[1].elements(); ++i) {
    int64_t row = inputs[1].at_integer(i);
    if (row < 0 || row >= rows) out_of_range(node, row, rows);
    for (int64_t k = 0; k < width; ++k) {
      if (is_float(inputs[0].type->dtype))
        outputs[0].set(i * width + k, inputs[0].at(row * width + k));
      else
        outputs[0].set_integer(i * width + k, inputs[0].at_integer(row * width + k));
    }
  }
}

std::vector<Value> grad_gather(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> inputs = graph.node(node).inputs;
  int64_t rows = graph.type(inputs[0]).shape[0];
  return {emit.op("scatter_add", {grads[0], inputs[1]}, {{"rows", rows}}), kNoValue};
}

// scatter_add(values, indices) -> a table of `rows` rows with each value added to its row.
std::vector<TensorType> infer_scatter(const Node& node, Types inputs) {
  require_indices(node, inputs[1]);
  const Shape& values = inputs[0].shape;
  const Shape& indices = inputs[1].shape;
  bool fits =
      is_float(inputs[0].dtype) && values.rank() >= indices.rank() && node.integer("rows") >= 0;
  for (int axis = 0; fits && axis < indices.rank(); ++axis) fits = values[axis] == indices[axis];
  if (!fits) throw Error("shape_mismatch", "scatter_add", "the values do not go with the indices");
  std::vector<int64_t> dims = {node.integer("rows")};
  dims.insert(dims.end(), values.dims().begin() + indices.rank(), values.dims().end());
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_scatter(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t rows = node.integer("rows");
  int64_t count = inputs[1].elements();
  int64_t width = count == 0 ? 0 : inputs[0].elements() / count;
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
  ConstView sums{outputs[0].type, outputs[0].data};
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = inputs[1].at_integer(i);
    if (row < 0 || row >= rows) out_of_range(node, row, rows);
    for (int64_t k = 0; k < width; ++k) {
      outputs[0].set(row * width + k, sums.at(row * width + k) + inputs[0].at(i * width + k));
    }
  }
}

std::vector<Value> grad_scatter(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  return {emit.op("gather", {grads[0], graph.node(node).inputs[1]}), kNoValue};
}

// one_hot(indices) -> f32 [..., depth]; an index outside is a row of zeros.
std::vector<TensorType> infer_one_hot(const Node& node, Types inputs) {
  require_indices(node, inputs[0]);
  if (node.integer("depth") < 1)
    throw Error("invalid_attribute", "one_hot", "depth must be at least 1");
  std::vector<int64_t> dims = inputs[0].shape.dims();
  dims.push_back(node.integer("depth"));
  return {TensorType{DType::f32, Shape(std::move(dims))}};
}

void reference_one_hot(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t depth = node.integer("depth");
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    for (int64_t k = 0; k < depth; ++k) {
      outputs[0].set(i * depth + k, inputs[0].at_integer(i) == k ? 1 : 0);
    }
  }
}

}  // namespace

void register_gather() {
  OpSpec gather;
  gather.name = "gather";
  gather.inputs_min = gather.inputs_max = 2;
  gather.doc = {"Rows of a table by their numbers: the embedding lookup.",
                "table [V, ...], indices [...] -> [indices..., ...]", "any"};
  gather.infer = infer_gather;
  gather.reference = reference_gather;
  gather.gradient = grad_gather;
  register_op(std::move(gather));

  OpSpec scatter;
  scatter.name = "scatter_add";
  scatter.inputs_min = scatter.inputs_max = 2;
  scatter.attributes = {{"rows", AttributeKind::integer, std::nullopt}};
  scatter.doc = {"Adds each value to its row of a table of zeros, in the order of the batch.",
                 "values [indices..., ...], indices [...] -> [rows, ...]"};
  scatter.infer = infer_scatter;
  scatter.reference = reference_scatter;
  scatter.gradient = grad_scatter;
  register_op(std::move(scatter));

  OpSpec one_hot;
  one_hot.name = "one_hot";
  one_hot.inputs_min = one_hot.inputs_max = 1;
  one_hot.attributes = {{"depth", AttributeKind::integer, std::nullopt}};
  one_hot.doc = {"1 at the index, 0 elsewhere, as f32; an index outside gives a row of zeros.",
                 "indices [...] -> [..., depth]", "i32, i64, u8"};
  one_hot.infer = infer_one_hot;
  one_hot.reference = reference_one_hot;
  one_hot.zero_gradient = true;
  register_op(std::move(one_hot));
}

}  // namespace vanda
