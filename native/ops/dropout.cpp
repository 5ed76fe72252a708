#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

// dropout(x): zeroes a share `rate` of x and scales the rest by 1 / (1 - rate). What is dropped is
// a pure function of (seed, salt, step, element), so a resumed run drops the same, and the gradient
// is the same op on the gradient.
std::vector<TensorType> infer_dropout(const Node& node, std::span<const TensorType> inputs) {
  double rate = node.number("rate");
  if (!(rate >= 0 && rate < 1)) {
    throw Error("invalid_attribute", "dropout", "the rate must be at least 0 and below 1");
  }
  if (!is_float(inputs[0].dtype)) {
    throw Error("dtype_mismatch", "dropout", "takes f32, not " + inputs[0].text());
  }
  return {inputs[0]};
}

std::vector<Value> grad_dropout(Graph& graph, int node, std::span<const Value> grads) {
  Attributes attributes = graph.node(node).attributes;
  return {Emit(graph).op("dropout", {grads[0]}, std::move(attributes))};
}

}  // namespace

void register_dropout() {
  OpSpec spec;
  spec.name = "dropout";
  spec.inputs_min = spec.inputs_max = 1;
  spec.attributes = {{"rate", AttributeKind::number, std::nullopt},
                     {"seed", AttributeKind::integer, int64_t{0}},
                     {"salt", AttributeKind::integer, int64_t{0}}};
  spec.doc = {
      "Zeroes a share of x and scales the rest by 1 / (1 - rate); which elements is a function "
      "of seed, salt, step and place.",
      "x -> the shape of x"};
  spec.infer = infer_dropout;
  spec.gradient = grad_dropout;
  register_op(std::move(spec));
}

}  // namespace vanda
