#pragma once

#include <functional>
#include <map>
#include <memory>
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

// What docs/OPERATIONS.md says of an op. Tests hold it against what the op really does.
struct OpDoc {
  std::string text;    // what it computes, in a sentence
  std::string shapes;  // the shape rule in words
  // Of the inputs that carry data, as names after commas; an "any" stands for all of them.
  std::string dtypes = "f32";
  // Begins with own, oneDNN, view (no memory moves), composed (of other ops) or reference (the
  // plain evaluation alone); what has no fast kernel comes behind a semicolon.
  std::string kernel = "own";
};

// An op family is one place: name, arity, attributes, shape rule, gradient, plain reference and
// what people read about it.
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
  bool made_by_passes = false;      // an effect that is refused from outside, as internal ops are
  bool first_order = false;         // the gradient is a fused kernel that has none itself
  int bodies = 0;                   // how many graphs a node holds and runs
  int optional_bodies = 0;          // how many more it may hold
  bool costly = false;              // its plain reference is too slow to fold constants by
  OpDoc doc;
  std::string family = {};  // set by the table while a family registers itself
  // Of an op that a program registers while it runs: what its functions find in node.op->context.
  std::shared_ptr<const void> context = nullptr;
};

const OpSpec* find_op(const std::string& name);
void register_op(OpSpec spec);
// For ops that come while the program runs; false, and nothing happens, where the name is taken.
bool register_new_op(OpSpec spec);
// Runs the registration of a family; its title heads it on the reference page.
void register_family(const char* title, void (*registration)());
std::vector<std::string> op_names();

}  // namespace vanda
