#include "core/emit.hpp"
#include "ops/emit_again.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// A function with a gradient of its own, as nodes. custom_gradient(y, slot, x..., dx...) is y; when
// autodiff passes with a gradient dy, the nodes that lead from `slot` (a stand-in for dy) to the dx
// are emitted once more with dy in its place. So it needs no call back into the language that wrote
// it, goes through JSON like everything else, and can be differentiated again.

std::vector<TensorType> infer_slot(const Node& node, Types inputs) {
  if (!is_float(inputs[0].dtype)) {
    throw Error("dtype_mismatch", node.op->name,
                "only f32 has a gradient, not " + inputs[0].text());
  }
  return {inputs[0]};
}

void reference_slot(const Node&, Inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
}

std::vector<TensorType> infer_custom(const Node& node, Types inputs) {
  size_t count = (inputs.size() - 2) / 2;
  if (inputs.size() % 2 != 0 || inputs[1] != inputs[0]) {
    throw Error("invalid_graph", node.op->name,
                "takes y, the slot of its gradient, the inputs and as many gradients");
  }
  for (size_t i = 0; i < count; ++i) {
    const TensorType& x = inputs[2 + i];
    const TensorType& dx = inputs[2 + count + i];
    if (x == dx) continue;
    throw Error("shape_mismatch", node.op->name,
                "the gradient towards input " + std::to_string(i) + " must be " + x.text() +
                    " like the input, not " + dx.text());
  }
  return {inputs[0]};
}

void reference_custom(const Node&, Inputs inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, inputs[0].at(i));
}

std::vector<Value> grad_custom(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  size_t count = (inputs.size() - 2) / 2;
  std::vector<Value> wanted(inputs.begin() + 2 + static_cast<std::ptrdiff_t>(count), inputs.end());
  std::vector<Value> made = emit_again(graph, {{inputs[1], grads[0]}}, wanted);
  std::vector<Value> result(inputs.size(), kNoValue);
  for (size_t i = 0; i < count; ++i) {
    if (is_float(graph.type(inputs[2 + i]).dtype)) result[2 + i] = made[i];
  }
  return result;
}

}  // namespace

void register_custom_gradient() {
  OpSpec slot;
  slot.name = "gradient_slot";
  slot.inputs_min = slot.inputs_max = 1;
  slot.infer = infer_slot;
  slot.reference = reference_slot;
  slot.zero_gradient = true;
  slot.doc = {"Stands for the gradient that will come to y, in a gradient written by hand.",
              "y -> the shape of y", "f32", "reference"};
  register_op(std::move(slot));

  OpSpec custom;
  custom.name = "custom_gradient";
  custom.inputs_min = 4;
  custom.inputs_max = 66;
  custom.infer = infer_custom;
  custom.reference = reference_custom;
  custom.gradient = grad_custom;
  custom.doc = {
      "y itself, whose gradient towards each x is the given one, emitted with the true "
      "gradient in the place of the slot.",
      "y, slot, x..., dx... -> the shape of y", "f32", "composed"};
  register_op(std::move(custom));
}

}  // namespace vanda
