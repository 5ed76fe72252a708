#include <algorithm>
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

constexpr size_t kNameBytesMax = 128;

// An operation that a program made of others, under a name of its own. call(inputs...) is what its
// first body makes of the inputs; a second one, where there is one, is its gradient: it is given
// the inputs, the outputs, and what comes to each float output, and makes what goes to each float
// input. Both lie in the node, so a file that holds it needs nobody who knows the name. Plans see
// the body's nodes alone (passes/inline_calls.cpp).

std::vector<TensorType> floats_of(const std::vector<TensorType>& types) {
  std::vector<TensorType> floats;
  for (const TensorType& type : types) {
    if (is_float(type.dtype)) floats.push_back(type);
  }
  return floats;
}

void require_gradients(const std::string& name, const Program& body,
                       const std::vector<TensorType>& inputs,
                       const std::vector<TensorType>& outputs) {
  std::vector<TensorType> given = inputs;
  given.insert(given.end(), outputs.begin(), outputs.end());
  for (const TensorType& type : floats_of(outputs)) given.push_back(type);
  std::vector<TensorType> made = output_types(bind_body(name, body, given));
  std::vector<TensorType> wanted = floats_of(inputs);
  if (made.size() != wanted.size()) {
    throw Error("invalid_graph", name,
                "the gradient gives " + std::to_string(made.size()) + " values for " +
                    std::to_string(wanted.size()) + " float inputs");
  }
  size_t next = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_float(inputs[i].dtype)) continue;
    const TensorType& gradient = made[next++];
    if (gradient == inputs[i]) continue;
    throw Error("shape_mismatch", name,
                "the gradient towards input " + std::to_string(i) + " must be " +
                    inputs[i].text() + " like the input, not " + gradient.text());
  }
}

std::vector<TensorType> infer_call(const Node& node, Types inputs) {
  const std::string& name = node.text("operation");
  if (name.empty() || name.size() > kNameBytesMax) {
    throw Error("invalid_attribute", "call", "the operation has a name of 1 to 128 bytes");
  }
  std::vector<TensorType> given(inputs.begin(), inputs.end());
  std::vector<TensorType> outputs = output_types(bind_body(name, *node.bodies.at(0), given));
  if (outputs.empty()) throw Error("invalid_graph", name, "the operation gives no value");
  if (node.bodies.size() > 1) require_gradients(name, *node.bodies[1], given, outputs);
  return outputs;
}

void reference_call(const Node& node, Inputs inputs, Outputs outputs) {
  std::vector<TensorType> types;
  std::vector<Tensor> given;
  for (const ConstView& input : inputs) {
    types.push_back(*input.type);
    given.push_back(copy_of(input));
  }
  std::vector<Tensor> made =
      evaluate_body(bind_body(node.text("operation"), *node.bodies[0], types), given);
  for (size_t i = 0; i < made.size(); ++i) {
    std::memcpy(outputs[i].data, made[i].data(), made[i].type.bytes());
  }
}

std::vector<Value> gradient_by_body(Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  std::vector<Value> given = node.inputs;
  for (size_t i = 0; i < node.outputs.size(); ++i) given.push_back({id, static_cast<int>(i)});
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!is_float(node.outputs[i].dtype)) continue;
    Value output{id, static_cast<int>(i)};
    given.push_back(grads[i].node >= 0 ? grads[i] : Emit(graph).zeros_like(output));
  }
  std::vector<Value> made = inline_body(graph, *node.bodies[1], given);
  std::vector<Value> result(node.inputs.size(), kNoValue);
  size_t next = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (is_float(graph.type(node.inputs[i]).dtype)) result[i] = made[next++];
  }
  return result;
}

// Without a gradient of its own: that of the nodes of its body, which are those of the call itself
// once plans merge what is equal.
std::vector<Value> gradient_of_body(Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  int floor = graph.size() - 1;
  std::vector<Value> outputs = inline_body(graph, *node.bodies[0], node.inputs);
  std::vector<Value> wanted;
  for (Value input : node.inputs) {
    if (is_float(graph.type(input).dtype)) wanted.push_back(input);
  }
  std::vector<Value> comes(grads.begin(), grads.end());
  std::vector<Value> made = pull_back(graph, outputs, comes, wanted, floor);
  std::vector<Value> result(node.inputs.size(), kNoValue);
  size_t next = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    // The same value given twice: all of its gradient goes the first way.
    Value input = node.inputs[i];
    if (!is_float(graph.type(input).dtype)) continue;
    bool again = std::find(node.inputs.begin(),
                           node.inputs.begin() + static_cast<std::ptrdiff_t>(i),
                           input) != node.inputs.begin() + static_cast<std::ptrdiff_t>(i);
    Value gradient = made[next++];
    if (!again) result[i] = gradient;
  }
  return result;
}

std::vector<Value> grad_call(Graph& graph, int id, Grads grads) {
  return graph.node(id).bodies.size() > 1 ? gradient_by_body(graph, id, grads)
                                          : gradient_of_body(graph, id, grads);
}

}  // namespace

void register_call() {
  OpSpec call;
  call.name = "call";
  call.inputs_min = 1;
  call.inputs_max = 1000;
  call.attributes = {{"operation", AttributeKind::text, std::nullopt}};
  call.bodies = 1;
  call.optional_bodies = 1;
  call.infer = infer_call;
  call.reference = reference_call;
  call.gradient = grad_call;
  call.doc = {
      "An operation made of others, under a name of its own: what its body makes of the inputs. A "
      "second body is its gradient.",
      "inputs... -> what the body gives", "any", "composed"};
  register_op(std::move(call));
}

}  // namespace vanda
