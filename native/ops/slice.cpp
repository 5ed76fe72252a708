#include "ops/slice.hpp"

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

void copy_element(const View& to, int64_t i, const ConstView& from, int64_t j) {
  if (is_float(from.type->dtype))
    to.set(i, from.at(j));
  else
    to.set_integer(i, from.at_integer(j));
}

int64_t part_index(const Shape& part, const Shape& whole, const std::vector<int64_t>& begin,
                   const std::vector<int64_t>& step, int64_t flat) {
  std::vector<int64_t> strides = whole.strides();
  int64_t index = 0;
  for (int axis = part.rank() - 1; axis >= 0; --axis) {
    size_t at = static_cast<size_t>(axis);
    int64_t place = flat % part[axis] * (step.empty() ? 1 : step[at]) + begin[at];
    index += place * strides[at];
    flat /= part[axis];
  }
  return index;
}

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// --- slice and pad_to: begin and step for each axis; a size of -1 goes to the end ----------------

// How many elements there are from `first` on to the end, in steps.
int64_t reach(int64_t dim, int64_t first, int64_t step) {
  return step > 0 ? (dim - first + step - 1) / step : first / -step + 1;
}

void require_axes(const Node& node, const Shape& shape, const std::vector<int64_t>& list,
                  const char* what) {
  if (static_cast<int>(list.size()) == shape.rank()) return;
  throw Error("invalid_attribute", node.op->name,
              std::string(what) + " needs one number for each dim of " + shape.text());
}

int64_t step_at(const Node& node, int axis) {
  const std::vector<int64_t>& step = node.integers("step");
  return step.empty() ? 1 : step[static_cast<size_t>(axis)];
}

int64_t sliced_dim(const Node& node, const Shape& from, int axis) {
  int64_t first = node.integers("begin")[static_cast<size_t>(axis)];
  int64_t count = node.integers("size")[static_cast<size_t>(axis)];
  int64_t step = step_at(node, axis);
  if (first < 0 || count < -1 || step == 0) {
    throw Error("invalid_attribute", "slice",
                "begin and size may not be negative (a size of -1 goes to the end), no step 0");
  }
  if (from[axis] == kDynamic) {
    if (step != 1 || (count == -1 && first != 0)) {
      throw Error("invalid_attribute", "slice",
                  "the batch can be sliced from 0 on in steps of 1 only");
    }
    return count == -1 ? kDynamic : count;
  }
  bool inside = first < from[axis] || (first == from[axis] && count <= 0 && step > 0);
  int64_t most = inside ? reach(from[axis], first, step) : 0;
  if (!inside || count > most) {
    throw Error("shape_mismatch", "slice",
                "the slice reaches outside dim " + std::to_string(axis) + " of " + from.text());
  }
  return count == -1 ? most : count;
}

std::vector<TensorType> infer_slice(const Node& node, Types inputs) {
  const Shape& from = inputs[0].shape;
  require_axes(node, from, node.integers("begin"), "begin");
  require_axes(node, from, node.integers("size"), "size");
  if (!node.integers("step").empty()) require_axes(node, from, node.integers("step"), "step");
  std::vector<int64_t> dims;
  for (int axis = 0; axis < from.rank(); ++axis) dims.push_back(sliced_dim(node, from, axis));
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_slice(const Node& node, Inputs inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    int64_t at = part_index(outputs[0].type->shape, inputs[0].type->shape, node.integers("begin"),
                            node.integers("step"), i);
    copy_element(outputs[0], i, inputs[0], at);
  }
}

std::vector<Value> grad_slice(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  std::vector<int64_t> begin = graph.node(node).integers("begin");
  std::vector<int64_t> step = graph.node(node).integers("step");
  return {emit.op("pad_to", {grads[0], x}, {{"begin", begin}, {"step", step}})};
}

std::vector<TensorType> infer_pad_to(const Node& node, Types inputs) {
  const Shape& part = inputs[0].shape;
  const Shape& whole = inputs[1].shape;
  const std::vector<int64_t>& begin = node.integers("begin");
  const std::vector<int64_t>& steps = node.integers("step");
  bool fits = part.rank() == whole.rank() && static_cast<int>(begin.size()) == part.rank() &&
              (steps.empty() || steps.size() == begin.size());
  for (int axis = 0; fits && axis < part.rank(); ++axis) {
    if (part[axis] == kDynamic || whole[axis] == kDynamic) continue;
    int64_t first = begin[static_cast<size_t>(axis)];
    int64_t step = step_at(node, axis);
    if (part[axis] == 0) continue;
    fits = step != 0 && first >= 0 && first < whole[axis] &&
           part[axis] <= reach(whole[axis], first, step);
  }
  if (!fits) {
    throw Error("shape_mismatch", "pad_to", part.text() + " does not fit into " + whole.text());
  }
  return {TensorType{inputs[0].dtype, whole}};
}

void reference_pad_to(const Node& node, Inputs inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set_integer(i, 0);
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    int64_t at = part_index(inputs[0].type->shape, outputs[0].type->shape, node.integers("begin"),
                            node.integers("step"), i);
    copy_element(outputs[0], at, inputs[0], i);
  }
}

std::vector<Value> grad_pad_to(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<int64_t> size = graph.type(graph.node(node).inputs[0]).shape.dims();
  Attributes attributes = graph.node(node).attributes;
  attributes.emplace("size", size);
  return {emit.op("slice", {grads[0]}, std::move(attributes)), kNoValue};
}

// --- pad: a border of one value
// -------------------------------------------------------------------

std::vector<TensorType> infer_pad(const Node& node, Types inputs) {
  const Shape& from = inputs[0].shape;
  const std::vector<int64_t>& before = node.integers("before");
  const std::vector<int64_t>& after = node.integers("after");
  require_axes(node, from, before, "before");
  require_axes(node, from, after, "after");
  std::vector<int64_t> dims;
  for (int axis = 0; axis < from.rank(); ++axis) {
    int64_t low = before[static_cast<size_t>(axis)];
    int64_t high = after[static_cast<size_t>(axis)];
    bool open = from[axis] == kDynamic && (low != 0 || high != 0);
    if (low < 0 || high < 0 || low > kElementsMax || high > kElementsMax || open) {
      throw Error("invalid_attribute", "pad",
                  open ? "the batch cannot be padded" : "a border has at least 0 elements");
    }
    dims.push_back(from[axis] == kDynamic ? kDynamic : from[axis] + low + high);
  }
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_pad(const Node& node, Inputs inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, node.number("value"));
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    int64_t at =
        part_index(inputs[0].type->shape, outputs[0].type->shape, node.integers("before"), {}, i);
    copy_element(outputs[0], at, inputs[0], i);
  }
}

std::vector<Value> grad_pad(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<int64_t> begin = graph.node(node).integers("before");
  std::vector<int64_t> size = graph.type(graph.node(node).inputs[0]).shape.dims();
  return {emit.op("slice", {grads[0]}, {{"begin", begin}, {"size", size}})};
}

}  // namespace

void register_slices() {
  AttributeSpec begin{"begin", AttributeKind::integers, std::nullopt};
  AttributeSpec step{"step", AttributeKind::integers, std::vector<int64_t>{}};
  OpSpec slice;
  slice.name = "slice";
  slice.inputs_min = slice.inputs_max = 1;
  slice.attributes = {begin, {"size", AttributeKind::integers, std::nullopt}, step};
  slice.infer = infer_slice;
  slice.reference = reference_slice;
  slice.gradient = grad_slice;
  slice.doc = {
      "Every step-th element from `begin` on; steps may be negative, a size of -1 goes to "
      "the end. A part that lies in one piece is a view.",
      "[...] -> size", "any"};
  register_op(std::move(slice));

  OpSpec pad_to;
  pad_to.name = "pad_to";
  pad_to.inputs_min = pad_to.inputs_max = 2;
  pad_to.attributes = {begin, step};
  pad_to.infer = infer_pad_to;
  pad_to.reference = reference_pad_to;
  pad_to.gradient = grad_pad_to;
  pad_to.doc = {"Lays a part at `begin`, in steps, into zeros of the shape of another tensor.",
                "[...], like -> like", "any"};
  register_op(std::move(pad_to));

  OpSpec pad;
  pad.name = "pad";
  pad.inputs_min = pad.inputs_max = 1;
  pad.attributes = {{"before", AttributeKind::integers, std::nullopt},
                    {"after", AttributeKind::integers, std::nullopt},
                    {"value", AttributeKind::number, 0.0}};
  pad.infer = infer_pad;
  pad.reference = reference_pad;
  pad.gradient = grad_pad;
  pad.doc = {"Puts a border of one value around a tensor.",
             "[..., D, ...] -> [..., before + D + after, ...]", "any"};
  register_op(std::move(pad));
}

}  // namespace vanda
