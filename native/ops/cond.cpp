#include <cstring>

#include "core/autodiff.hpp"
#include "ops/bodies.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// cond(predicate, inputs...) is what one of two bodies makes of the inputs; the other never runs.
std::vector<TensorType> infer_cond(const Node& node, Types inputs) {
  if (inputs[0] != TensorType{DType::boolean, Shape{}}) {
    throw Error("shape_mismatch", "cond",
                "the predicate is a bool scalar, not " + inputs[0].text());
  }
  std::vector<TensorType> given(inputs.begin() + 1, inputs.end());
  std::vector<TensorType> yes = output_types(bind_body("cond", *node.bodies.at(0), given));
  std::vector<TensorType> no = output_types(bind_body("cond", *node.bodies.at(1), given));
  if (yes == no && !yes.empty()) return yes;
  std::string text;
  for (const auto* types : {&yes, &no}) {
    text += types == &yes ? "" : "; ";
    for (const TensorType& type : *types) text += type.text() + " ";
  }
  throw Error("shape_mismatch", "cond", "both bodies must give the same types: " + text);
}

void reference_cond(const Node& node, Inputs inputs, Outputs outputs) {
  std::vector<TensorType> types;
  std::vector<Tensor> given;
  for (const ConstView& input : inputs.subspan(1)) {
    types.push_back(*input.type);
    given.push_back(copy_of(input));
  }
  size_t taken = inputs[0].at(0) != 0 ? 0 : 1;
  std::vector<Tensor> made = evaluate_body(bind_body("cond", *node.bodies[taken], types), given);
  for (size_t i = 0; i < made.size(); ++i) {
    std::memcpy(outputs[i].data, made[i].data(), made[i].type.bytes());
  }
}

// The gradient of a body as a body: its inputs, then what comes to its outputs -> what goes to
// those of its inputs that are floats.
std::shared_ptr<const Program> gradient_body(const Program& body,
                                             const std::vector<TensorType>& inputs,
                                             const std::vector<TensorType>& outputs,
                                             const std::vector<bool>& comes) {
  Program made;
  Emit emit(made.graph);
  std::vector<Value> given, wanted;
  size_t next = 0;
  for (const TensorType& type : inputs) {
    given.push_back(body_placeholder(made.graph, next++, type));
    if (is_float(type.dtype)) wanted.push_back(given.back());
  }
  std::vector<Value> dy;
  for (size_t i = 0; i < outputs.size(); ++i) {
    dy.push_back(comes[i] ? body_placeholder(made.graph, next++, outputs[i]) : kNoValue);
  }
  std::vector<Value> results = inline_body(made.graph, body, given);
  Value total = kNoValue;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!comes[i]) continue;
    Value sum = emit.sum(emit.mul(results[i], dy[i]), {}, false);
    total = total.node < 0 ? sum : emit.add(total, sum);
  }
  made.outputs = gradients(made.graph, total, wanted);
  return std::make_shared<const Program>(std::move(made));
}

std::vector<Value> grad_cond(Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  std::vector<TensorType> inputs;
  std::vector<bool> comes;
  std::vector<Value> fed = node.inputs;
  for (size_t i = 1; i < node.inputs.size(); ++i) inputs.push_back(graph.type(node.inputs[i]));
  for (size_t i = 0; i < grads.size(); ++i) {
    comes.push_back(grads[i].node >= 0 && is_float(node.outputs[i].dtype));
    if (comes.back()) fed.push_back(grads[i]);
  }
  std::vector<Value> result(node.inputs.size(), kNoValue);
  bool floats = false;
  for (const TensorType& type : inputs) floats = floats || is_float(type.dtype);
  if (!floats || fed.size() == node.inputs.size()) return result;
  std::vector<std::shared_ptr<const Program>> bodies;
  for (const auto& body : node.bodies) {
    bodies.push_back(gradient_body(*body, inputs, node.outputs, comes));
  }
  int made = graph.add_with_bodies("cond", std::move(fed), {}, std::move(bodies));
  int output = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (is_float(inputs[i].dtype)) result[i + 1] = Value{made, output++};
  }
  return result;
}

}  // namespace

void register_cond() {
  OpSpec cond;
  cond.name = "cond";
  cond.inputs_min = 1;
  cond.inputs_max = 1000;
  cond.bodies = 2;
  cond.infer = infer_cond;
  cond.reference = reference_cond;
  cond.gradient = grad_cond;
  cond.doc = {
      "What the first of two bodies makes of the inputs where the predicate is true, else the "
      "second; only one of them runs.",
      "predicate [], inputs... -> what both bodies give", "any"};
  register_op(std::move(cond));
}

}  // namespace vanda
