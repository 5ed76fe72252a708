#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

// Ops that write variables. They run after everything else of a step, so every other op sees the
// values from before the step. The first `variables` inputs must be variable nodes.
void require_update(const Node& node, std::span<const TensorType> inputs, size_t variables,
                    size_t scalars) {
  size_t tensors = inputs.size() - scalars;
  for (size_t i = 1; i < tensors; ++i) {
    if (inputs[i] != inputs[0]) {
      throw Error("shape_mismatch", node.op->name,
                  inputs[i].text() + " does not go with a variable of " + inputs[0].text());
    }
  }
  for (size_t i = tensors; i < inputs.size(); ++i) {
    if (inputs[i] != TensorType{DType::f32, Shape{}}) {
      throw Error("shape_mismatch", node.op->name, "the rate and the step are f32 scalars");
    }
  }
  if (variables > 1 && inputs[0].dtype != DType::f32) {
    throw Error("dtype_mismatch", node.op->name, "only f32 variables can be trained");
  }
}

std::vector<TensorType> infer_assign(const Node& node, std::span<const TensorType> inputs) {
  require_update(node, inputs, 1, 0);
  return {};
}
std::vector<TensorType> infer_sgd(const Node& node, std::span<const TensorType> inputs) {
  require_update(node, inputs, 1, 1);
  return {};
}
std::vector<TensorType> infer_momentum(const Node& node, std::span<const TensorType> inputs) {
  require_update(node, inputs, 2, 1);
  return {};
}
std::vector<TensorType> infer_adam(const Node& node, std::span<const TensorType> inputs) {
  require_update(node, inputs, 3, 2);
  return {};
}

OpSpec update(const char* name, int inputs, InferFn infer, std::vector<AttributeSpec> attributes,
              OpDoc doc) {
  OpSpec spec;
  spec.name = name;
  spec.op_class = OpClass::effect;
  spec.inputs_min = spec.inputs_max = inputs;
  spec.infer = infer;
  spec.attributes = std::move(attributes);
  spec.doc = std::move(doc);
  return spec;
}

}  // namespace

void register_updates() {
  AttributeSpec l2{"l2", AttributeKind::number, 0.0};
  // assign(variable, value)
  register_op(update("assign", 2, infer_assign, {},
                     {"Writes a value into a variable.", "variable [...], value [...] ->", "any"}));
  // apply_sgd(variable, gradient, rate)
  register_op(
      update("apply_sgd", 3, infer_sgd, {l2},
             {"variable -= rate * gradient.", "variable [...], gradient [...], rate [] ->"}));
  // apply_momentum(variable, velocity, gradient, rate)
  register_op(update(
      "apply_momentum", 4, infer_momentum,
      {{"momentum", AttributeKind::number, 0.9}, {"nesterov", AttributeKind::boolean, false}, l2},
      {"Gradient descent with momentum, plain or Nesterov's.",
       "variable [...], velocity [...], gradient [...], rate [] ->"}));
  // apply_adam(variable, first moment, second moment, gradient, rate, step); Kingma and Ba, 2015;
  // decoupled weight decay of Loshchilov and Hutter, 2019.
  register_op(update("apply_adam", 6, infer_adam,
                     {{"beta1", AttributeKind::number, 0.9},
                      {"beta2", AttributeKind::number, 0.999},
                      {"epsilon", AttributeKind::number, 1e-7},
                      {"weightDecay", AttributeKind::number, 0.0},
                      l2},
                     {"Adam, and AdamW by its decoupled weight decay.",
                      "variable [...], both moments [...], gradient [...], rate [], step [] ->"}));
}

}  // namespace vanda
