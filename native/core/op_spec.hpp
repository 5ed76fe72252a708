#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/attributes.hpp"
#include "core/tensor.hpp"

namespace vanda {

class Graph;
struct Node;

// One output of a node.
struct Value {
  int node = -1;
  int output = 0;
  bool operator==(const Value& other) const = default;
  auto operator<=>(const Value& other) const = default;
};

struct AttributeSpec {
  std::string name;
  AttributeKind kind;
  std::optional<Attribute> fallback;  // none: the attribute is required
};

using InferFn = std::vector<TensorType> (*)(const Node& node, std::span<const TensorType> inputs);
// Emits nodes into the graph; returns one gradient for each input (Value{-1} where there is none).
using GradientFn = std::vector<Value> (*)(Graph& graph, int node, std::span<const Value> grads);
using ReferenceFn = void (*)(const Node& node, std::span<const ConstView> inputs,
                             std::span<const View> outputs);

enum class OpClass : uint8_t {
  source,       // placeholder, constant, variable
  elementwise,  // one output, broadcasts its inputs
  structured,   // everything else without an effect
  effect,       // writes a variable; no outputs
  internal,     // made by passes only; refused from outside
};

// An op family is one place: name, arity, attributes, shape rule, gradient and plain reference.
struct OpSpec {
  std::string name;
  OpClass op_class = OpClass::structured;
  int inputs_min = 0;
  int inputs_max = 0;
  std::vector<AttributeSpec> attributes;
  InferFn infer = nullptr;
  GradientFn gradient = nullptr;    // null: not differentiable, and autodiff says so
  ReferenceFn reference = nullptr;  // null: needs the run (variables, random numbers)
  bool zero_gradient = false;       // piecewise constant: the gradient stops silently
};

const OpSpec* find_op(const std::string& name);
void register_op(OpSpec spec);
std::vector<std::string> op_names();

}  // namespace vanda
