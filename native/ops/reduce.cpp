#include "ops/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/emit.hpp"
#include "ops/elementwise.hpp"
#include "ops/register.hpp"

namespace vanda {

std::vector<int> reduced_axes(const Node& node, int rank) {
  std::vector<int> axes;
  for (int64_t axis : node.integers("axes")) {
    int wrapped = normalize_axis(axis, rank, node.op->name);
    if (std::find(axes.begin(), axes.end(), wrapped) != axes.end()) {
      throw Error("invalid_attribute", node.op->name, "an axis is named twice");
    }
    axes.push_back(wrapped);
  }
  if (node.integers("axes").empty()) {
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

namespace {

Shape kept_shape(const Shape& shape, const std::vector<int>& axes) {
  Shape kept = shape;
  for (int axis : axes) kept[axis] = 1;
  return kept;
}

std::vector<TensorType> infer_reduce(const Node& node, std::span<const TensorType> inputs) {
  const TensorType& x = inputs[0];
  if (!is_float(x.dtype) && !(node.op->name != "mean" && is_integer(x.dtype))) {
    throw Error("dtype_mismatch", node.op->name,
                "does not take " + x.text() + "; cast to f32 first");
  }
  std::vector<int> axes = reduced_axes(node, x.shape.rank());
  Shape kept = kept_shape(x.shape, axes);
  if (node.flag("keepDims")) return {TensorType{x.dtype, kept}};
  std::vector<int64_t> dims;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) dims.push_back(x.shape[axis]);
  }
  return {TensorType{x.dtype, Shape(std::move(dims))}};
}

void reference_reduce(const Node& node, std::span<const ConstView> inputs,
                      std::span<const View> outputs) {
  const ConstView& x = inputs[0];
  const Shape& shape = x.type->shape;
  Shape kept = kept_shape(shape, reduced_axes(node, shape.rank()));
  BroadcastIndex index(kept, shape);
  bool maximum = node.is("max");
  int64_t count = outputs[0].elements();
  std::vector<double> sums(static_cast<size_t>(count),
                           maximum ? -std::numeric_limits<double>::infinity() : 0);
  for (int64_t i = 0; i < x.elements(); ++i) {
    double& slot = sums[static_cast<size_t>(index(i))];
    slot = maximum ? std::fmax(slot, x.at(i)) : slot + x.at(i);
  }
  double scale =
      node.is("mean") ? static_cast<double>(count) / static_cast<double>(x.elements()) : 1;
  for (int64_t i = 0; i < count; ++i) outputs[0].set(i, sums[static_cast<size_t>(i)] * scale);
}

std::vector<int64_t> axes_attribute(const std::vector<int>& axes) {
  return std::vector<int64_t>(axes.begin(), axes.end());
}

// The incoming gradient with the reduced axes put back as ones, where `kept` is of that form.
Value spread(Emit& emit, int node, Value grad, Value kept) {
  const Node& self = emit.graph.node(node);
  if (self.flag("keepDims")) return grad;
  return emit.op("reshape_like", {grad, kept});
}

std::vector<Value> grad_sum(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  std::vector<int> axes = reduced_axes(graph.node(node), graph.type(x).shape.rank());
  Value grad = grads[0];
  if (!graph.node(node).flag("keepDims") && !axes.empty() && graph.type(grad).shape.rank() > 0) {
    // A tensor with the reduced axes kept as ones, only for its shape.
    Value kept = emit.op("sum", {x}, {{"axes", axes_attribute(axes)}, {"keepDims", true}});
    grad = spread(emit, node, grad, kept);
  }
  return {emit.op("expand_like", {grad, x})};
}

std::vector<Value> grad_mean(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  // The count of averaged elements may hang on the batch: sum(ones) / sum(1) inside the graph is
  // folded into a constant as soon as shapes are known.
  Value ones = emit.op("expand_like", {emit.scalar(1, x), x});
  Value count =
      emit.div(emit.sum(ones, {}, false),
               emit.sum(emit.op("expand_like", {emit.scalar(1, x), Value{node, 0}}), {}, false));
  std::vector<Value> spread_grad = grad_sum(graph, node, grads);
  return {emit.div(spread_grad[0], count)};
}

// Ties share the gradient evenly.
std::vector<Value> grad_max(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  DType dtype = graph.type(x).dtype;
  std::vector<int64_t> axes =
      axes_attribute(reduced_axes(graph.node(node), graph.type(x).shape.rank()));
  Value kept = emit.op("max", {x}, {{"axes", axes}, {"keepDims", true}});
  Value hit = emit.cast(emit.op("equal", {x, kept}), dtype);
  Value hits = emit.sum(hit, axes, true);
  Value grad = spread(emit, node, grads[0], kept);
  return {emit.mul(hit, emit.div(grad, hits))};
}

// sum_to(x, like): sums x down to the shape of like, which broadcasts to that of x.
std::vector<TensorType> infer_sum_to(const Node& node, std::span<const TensorType> inputs) {
  if (!is_float(inputs[0].dtype) && !is_integer(inputs[0].dtype)) {
    throw Error("dtype_mismatch", node.op->name, "does not take " + inputs[0].text());
  }
  broadcast(inputs[1].shape, inputs[0].shape, node.op->name);
  return {TensorType{inputs[0].dtype, inputs[1].shape}};
}

void reference_sum_to(const Node&, std::span<const ConstView> inputs,
                      std::span<const View> outputs) {
  BroadcastIndex index(outputs[0].type->shape, inputs[0].type->shape);
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    sums[static_cast<size_t>(index(i))] += inputs[0].at(i);
  }
  for (int64_t i = 0; i < outputs[0].elements(); ++i)
    outputs[0].set(i, sums[static_cast<size_t>(i)]);
}

std::vector<Value> grad_sum_to(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  return {emit.op("expand_like", {grads[0], graph.node(node).inputs[0]}), kNoValue};
}

}  // namespace

void register_reductions() {
  for (const char* name : {"sum", "mean", "max"}) {
    OpSpec spec;
    spec.name = name;
    spec.inputs_min = spec.inputs_max = 1;
    spec.attributes = {{"axes", AttributeKind::integers, std::vector<int64_t>{}},
                       {"keepDims", AttributeKind::boolean, false}};
    const char* text = spec.name == "sum" ? "The sum over some axes, or all of them."
                       : spec.name == "mean"
                           ? "The mean over some axes, or all of them."
                           : "The greatest element over some axes, or all of them.";
    spec.doc = {text, "[...] -> [...] without the axes, or with ones in their place",
                spec.name == "mean" ? "f32" : "f32, i32, i64",
                spec.name == "mean" ? "composed" : "own; scattered axes and integers: reference"};
    spec.infer = infer_reduce;
    spec.reference = reference_reduce;
    spec.gradient = spec.name == "sum" ? grad_sum : spec.name == "mean" ? grad_mean : grad_max;
    register_op(std::move(spec));
  }
  OpSpec sum_to;
  sum_to.name = "sum_to";
  sum_to.inputs_min = sum_to.inputs_max = 2;
  sum_to.doc = {"Undoes broadcasting: sums down to the shape of another tensor.",
                "[...], like -> like", "f32, i32, i64", "composed"};
  sum_to.infer = infer_sum_to;
  sum_to.reference = reference_sum_to;
  sum_to.gradient = grad_sum_to;
  register_op(std::move(sum_to));
}

}  // namespace vanda
