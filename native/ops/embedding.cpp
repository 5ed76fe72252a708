#include <cmath>

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// Bags: rows of a table, each position of indices [..., L] with a weight, summed over L. The three
// ops below are one trilinear form (table, weights, result) and each other's gradients; positions
// whose index equals the attribute `padding` count nothing.

[[noreturn]] void refuse(const Node& node, const std::string& why) {
  throw Error("shape_mismatch", node.op->name, why);
}

void require_bag(const Node& node, const TensorType& indices) {
  if (!is_integer(indices.dtype)) {
    throw Error("dtype_mismatch", node.op->name,
                "the indices must be i32 or i64, not " + indices.text());
  }
  if (indices.shape.rank() < 1) refuse(node, "the indices are bags [..., L], not a scalar");
}

void require_table(const Node& node, const TensorType& table) {
  if (!is_float(table.dtype) || table.shape.rank() != 2) {
    refuse(node, "the table is f32 [rows, dim], not " + table.text());
  }
}

void require_weights(const Node& node, Types inputs, size_t at, const TensorType& indices) {
  if (inputs.size() > at && inputs[at].shape != indices.shape) {
    refuse(node, "the weights are of the shape of the indices " + indices.shape.text() + ", not " +
                     inputs[at].shape.text());
  }
}

Shape bags_of(const Shape& indices, int64_t width) {
  std::vector<int64_t> dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.push_back(width);
  return Shape(std::move(dims));
}

void require_rows(const Node& node, const TensorType& rows, const TensorType& indices) {
  const Shape& shape = rows.shape;
  bool fits = is_float(rows.dtype) && shape.rank() == indices.shape.rank();
  for (int axis = 0; fits && axis + 1 < shape.rank(); ++axis) {
    fits = shape[axis] == indices.shape[axis];
  }
  if (!fits) {
    refuse(node, rows.text() + " is not one row for each bag of " + indices.text());
  }
}

// One visit for each position that counts: body(bag, position, row).
template <typename Body>
void each_position(const Node& node, const ConstView& indices, int64_t rows, Body body) {
  const Shape& shape = indices.type->shape;
  int64_t length = shape[shape.rank() - 1];
  for (int64_t p = 0; p < indices.elements(); ++p) {
    int64_t row = indices.at_integer(p);
    if (row == node.integer("padding")) continue;
    if (row < 0 || row >= rows) {
      throw Error("invalid_feed", node.op->name,
                  "the index " + std::to_string(row) + " is outside a table of " +
                      std::to_string(rows) + " rows");
    }
    body(p / length, p, row);
  }
}

// bag_sum(table [V, D], indices [..., L] [, weights [..., L]]) -> [..., D]
std::vector<TensorType> infer_bag_sum(const Node& node, Types inputs) {
  require_table(node, inputs[0]);
  require_bag(node, inputs[1]);
  require_weights(node, inputs, 2, inputs[1]);
  return {TensorType{inputs[0].dtype, bags_of(inputs[1].shape, inputs[0].shape[1])}};
}

void reference_bag_sum(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t width = inputs[0].type->shape[1];
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
  ConstView sums{outputs[0].type, outputs[0].data};
  each_position(node, inputs[1], inputs[0].type->shape[0], [&](int64_t bag, int64_t p, int64_t row) {
    double weight = inputs.size() > 2 ? inputs[2].at(p) : 1;
    for (int64_t k = 0; k < width; ++k) {
      outputs[0].set(bag * width + k,
                     sums.at(bag * width + k) + weight * inputs[0].at(row * width + k));
    }
  });
}

Attributes padding_of(const Node& node) { return {{"padding", node.integer("padding")}}; }

std::vector<Value> grad_bag_sum(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> x = graph.node(node).inputs;
  Attributes attributes = padding_of(graph.node(node));
  Attributes with_rows = attributes;
  with_rows["rows"] = graph.type(x[0]).shape[0];
  std::vector<Value> scattered = {grads[0], x[1]};
  if (x.size() > 2) scattered.push_back(x[2]);
  std::vector<Value> result = {emit.op("scatter_bag", scattered, with_rows), kNoValue};
  if (x.size() > 2) result.push_back(emit.op("bag_dot", {grads[0], x[0], x[1]}, attributes));
  return result;
}

// scatter_bag(rows [..., D], indices [..., L] [, weights]) -> a table [V, D]: each row added to the
// rows of the table that its bag names.
std::vector<TensorType> infer_scatter_bag(const Node& node, Types inputs) {
  require_bag(node, inputs[1]);
  require_rows(node, inputs[0], inputs[1]);
  require_weights(node, inputs, 2, inputs[1]);
  if (node.integer("rows") < 0) throw Error("invalid_attribute", "scatter_bag", "rows");
  const Shape& shape = inputs[0].shape;
  return {TensorType{inputs[0].dtype, Shape{node.integer("rows"), shape[shape.rank() - 1]}}};
}

void reference_scatter_bag(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t width = outputs[0].type->shape[1];
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
  ConstView sums{outputs[0].type, outputs[0].data};
  each_position(node, inputs[1], node.integer("rows"), [&](int64_t bag, int64_t p, int64_t row) {
    double weight = inputs.size() > 2 ? inputs[2].at(p) : 1;
    for (int64_t k = 0; k < width; ++k) {
      outputs[0].set(row * width + k,
                     sums.at(row * width + k) + weight * inputs[0].at(bag * width + k));
    }
  });
}

std::vector<Value> grad_scatter_bag(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> x = graph.node(node).inputs;
  Attributes attributes = padding_of(graph.node(node));
  std::vector<Value> looked = {grads[0], x[1]};
  if (x.size() > 2) looked.push_back(x[2]);
  std::vector<Value> result = {emit.op("bag_sum", looked, attributes), kNoValue};
  if (x.size() > 2) result.push_back(emit.op("bag_dot", {x[0], grads[0], x[1]}, attributes));
  return result;
}

// bag_dot(rows [..., D], table [V, D], indices [..., L]) -> [..., L]: each bag's row times the rows
// of the table that it names; 0 at padding.
std::vector<TensorType> infer_bag_dot(const Node& node, Types inputs) {
  require_table(node, inputs[1]);
  require_bag(node, inputs[2]);
  require_rows(node, inputs[0], inputs[2]);
  const Shape& rows = inputs[0].shape;
  if (rows[rows.rank() - 1] != inputs[1].shape[1]) {
    refuse(node, rows.text() + " does not go with a table of " + inputs[1].shape.text());
  }
  return {TensorType{inputs[0].dtype, inputs[2].shape}};
}

void reference_bag_dot(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t width = inputs[1].type->shape[1];
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
  each_position(node, inputs[2], inputs[1].type->shape[0], [&](int64_t bag, int64_t p, int64_t row) {
    double sum = 0;
    for (int64_t k = 0; k < width; ++k) {
      sum += inputs[0].at(bag * width + k) * inputs[1].at(row * width + k);
    }
    outputs[0].set(p, sum);
  });
}

std::vector<Value> grad_bag_dot(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> x = graph.node(node).inputs;
  Attributes attributes = padding_of(graph.node(node));
  Attributes with_rows = attributes;
  with_rows["rows"] = graph.type(x[1]).shape[0];
  return {emit.op("bag_sum", {x[1], x[2], grads[0]}, attributes),
          emit.op("scatter_bag", {x[0], x[2], grads[0]}, with_rows), kNoValue};
}

// bag_sizes(indices [..., L]) -> f32 [..., 1]: how many positions are no padding, at least 1, so that
// the mean of an empty bag is 0.
std::vector<TensorType> infer_bag_sizes(const Node& node, Types inputs) {
  require_bag(node, inputs[0]);
  return {TensorType{DType::f32, bags_of(inputs[0].shape, 1)}};
}

void reference_bag_sizes(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& shape = inputs[0].type->shape;
  int64_t length = shape[shape.rank() - 1];
  for (int64_t bag = 0; bag < outputs[0].elements(); ++bag) {
    int64_t size = 0;
    for (int64_t k = 0; k < length; ++k) {
      size += inputs[0].at_integer(bag * length + k) == node.integer("padding") ? 0 : 1;
    }
    outputs[0].set(bag, static_cast<double>(size > 0 ? size : 1));
  }
}

OpSpec op(const char* name, int inputs_min, int inputs_max, InferFn infer, ReferenceFn reference,
          GradientFn gradient, bool rows, OpDoc doc) {
  OpSpec spec;
  spec.name = name;
  spec.inputs_min = inputs_min;
  spec.inputs_max = inputs_max;
  spec.infer = infer;
  spec.reference = reference;
  spec.gradient = gradient;
  spec.zero_gradient = gradient == nullptr;
  spec.attributes = {{"padding", AttributeKind::integer, int64_t{-1}}};
  spec.doc = std::move(doc);
  if (rows) spec.attributes.push_back({"rows", AttributeKind::integer, std::nullopt});
  return spec;
}

}  // namespace

void register_embedding() {
  register_op(op("bag_sum", 2, 3, infer_bag_sum, reference_bag_sum, grad_bag_sum, false,
                 {"Sums of rows of a table, weighted or not; an index that is the padding counts "
                  "nothing.",
                  "table [V, D], indices [..., L] [, weights [..., L]] -> [..., D]"}));
  register_op(op("scatter_bag", 2, 3, infer_scatter_bag, reference_scatter_bag, grad_scatter_bag,
                 true,
                 {"Adds each row, weighted or not, to all rows of a table of zeros that its bag names.",
                  "rows [..., D], indices [..., L] [, weights [..., L]] -> [rows, D]"}));
  register_op(op("bag_dot", 3, 3, infer_bag_dot, reference_bag_dot, grad_bag_dot, false,
                 {"The product of each bag's row with every row of a table that it names.",
                  "rows [..., D], table [V, D], indices [..., L] -> [..., L]"}));
  register_op(op("bag_sizes", 1, 1, infer_bag_sizes, reference_bag_sizes, nullptr, false,
                 {"How many indices of each bag are no padding, at least 1.",
                  "indices [..., L] -> [..., 1]", "i32, i64"}));
  register_segments();
  register_negative_sampling();
}

}  // namespace vanda
