#include "core/graph.hpp"

#include <atomic>
#include <cmath>

#include "core/error.hpp"

namespace vanda {

namespace {

bool kind_matches(const Attribute& attribute, AttributeKind kind) {
  return attribute.index() == static_cast<size_t>(kind);
}

// JavaScript and JSON do not tell 1 from 1.0, so numbers are brought to the kind that the op names.
bool coerce(Attribute& attribute, AttributeKind kind) {
  if (kind_matches(attribute, kind)) return true;
  if (kind == AttributeKind::number && std::holds_alternative<int64_t>(attribute)) {
    attribute = static_cast<double>(std::get<int64_t>(attribute));
    return true;
  }
  if (kind == AttributeKind::integer && std::holds_alternative<double>(attribute)) {
    double value = std::get<double>(attribute);
    if (!(std::fabs(value) < 9e15) || value != std::floor(value)) return false;
    attribute = static_cast<int64_t>(value);
    return true;
  }
  if (kind == AttributeKind::integers && std::holds_alternative<std::vector<double>>(attribute)) {
    std::vector<int64_t> integers;
    for (double value : std::get<std::vector<double>>(attribute)) {
      if (!(std::fabs(value) < 9e15) || value != std::floor(value)) return false;
      integers.push_back(static_cast<int64_t>(value));
    }
    attribute = std::move(integers);
    return true;
  }
  if (kind == AttributeKind::numbers && std::holds_alternative<std::vector<int64_t>>(attribute)) {
    const auto& integers = std::get<std::vector<int64_t>>(attribute);
    attribute = std::vector<double>(integers.begin(), integers.end());
    return true;
  }
  return false;
}

void complete_attributes(Node& node) {
  const OpSpec& spec = *node.op;
  for (const AttributeSpec& wanted : spec.attributes) {
    auto found = node.attributes.find(wanted.name);
    if (found == node.attributes.end()) {
      if (!wanted.fallback) {
        throw Error("invalid_attribute", spec.name,
                    "the attribute '" + wanted.name + "' is missing");
      }
      node.attributes.emplace(wanted.name, *wanted.fallback);
    } else if (!coerce(found->second, wanted.kind)) {
      throw Error("invalid_attribute", spec.name,
                  "the attribute '" + wanted.name + "' has the wrong kind of value");
    }
  }
  if (node.attributes.size() == spec.attributes.size()) return;
  for (const auto& [key, value] : node.attributes) {
    bool known = false;
    for (const AttributeSpec& wanted : spec.attributes) known = known || wanted.name == key;
    if (!known) {
      throw Error("invalid_attribute", spec.name, "there is no attribute '" + key + "'");
    }
  }
}

void check_inputs(const Graph& graph, const Node& node) {
  int count = static_cast<int>(node.inputs.size());
  if (count < node.op->inputs_min || count > node.op->inputs_max) {
    throw Error("invalid_graph", node.op->name,
                "takes " + std::to_string(node.op->inputs_min) + " to " +
                    std::to_string(node.op->inputs_max) + " inputs, not " + std::to_string(count));
  }
  for (Value input : node.inputs) {
    if (!graph.valid(input)) throw Error("invalid_graph", node.op->name, "an input does not exist");
  }
}

void infer_outputs(const Graph& graph, Node& node) {
  std::vector<TensorType> types;
  types.reserve(node.inputs.size());
  for (Value input : node.inputs) types.push_back(graph.type(input));
  node.outputs = node.op->infer(node, types);
}

}  // namespace

Graph::Graph() {
  static std::atomic<uint64_t> made{0};
  serial_ = ++made;
}

int Graph::push(Node node) {
  if (size() >= kNodesMax) throw Error("limit", node.op->name, "the graph has too many nodes");
  check_inputs(*this, node);
  if (node.outputs.empty() && node.op->infer != nullptr) {
    complete_attributes(node);
    infer_outputs(*this, node);
  }
  for (const TensorType& output : node.outputs) output.shape.validate(node.op->name);
  if (!node.name.empty()) {
    if (names_.contains(node.name)) {
      throw Error("invalid_graph", node.op->name, "the name '" + node.name + "' is already taken");
    }
    names_.emplace(node.name, size());
  }
  nodes_.push_back(std::move(node));
  return size() - 1;
}

int Graph::add(const std::string& op, std::vector<Value> inputs, Attributes attributes,
               const std::string& name) {
  const OpSpec* spec = find_op(op);
  if (spec == nullptr || spec->op_class == OpClass::internal || spec->made_by_passes) {
    throw Error("unknown_op", op, "there is no operation of that name");
  }
  if (spec->bodies > 0) throw Error("invalid_graph", op, "is made with its bodies");
  if (op == "constant") throw Error("invalid_graph", op, "a constant is made of a tensor");
  bool named = op == "placeholder" || op == "variable";
  if (named == name.empty() || name.size() > 512) {
    throw Error("invalid_graph", op,
                named ? "a name of 1 to 512 bytes is needed" : "this operation takes no name");
  }
  Node node;
  node.op = spec;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.name = name;
  return push(std::move(node));
}

int Graph::add_internal(const std::string& op, std::vector<Value> inputs, Attributes attributes) {
  Node node;
  node.op = find_op(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  return push(std::move(node));
}

int Graph::add_with_bodies(const std::string& op, std::vector<Value> inputs,
                           Attributes attributes,
                           std::vector<std::shared_ptr<const Program>> bodies) {
  const OpSpec* spec = find_op(op);
  int count = static_cast<int>(bodies.size());
  if (spec == nullptr || count < spec->bodies || count > spec->bodies + spec->optional_bodies) {
    throw Error("unknown_op", op,
                "there is no operation of that name with " + std::to_string(count) + " bodies");
  }
  Node node;
  node.op = spec;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.bodies = std::move(bodies);
  return push(std::move(node));
}

int Graph::add_constant(Tensor tensor) {
  Node node;
  node.op = find_op("constant");
  node.outputs = {tensor.type};
  node.payload = std::move(tensor);
  return push(std::move(node));
}

int Graph::add_copy(const Node& source, std::vector<Value> inputs) {
  Node node = source;
  node.inputs = std::move(inputs);
  if (node.op->op_class == OpClass::source || node.program != nullptr) return push(std::move(node));
  node.outputs.clear();
  // Most often they are complete since it was added the first time: passes copy each node many times.
  if (node.op->infer != nullptr) {
    check_inputs(*this, node);
    if (node.attributes.size() != node.op->attributes.size()) complete_attributes(node);
    infer_outputs(*this, node);
  }
  return push(std::move(node));
}

int Graph::add_fused(std::shared_ptr<const FusedProgram> program, std::vector<Value> inputs,
                     std::vector<TensorType> types) {
  Node node;
  node.op = find_op("fused");
  node.inputs = std::move(inputs);
  node.outputs = std::move(types);
  node.program = std::move(program);
  return push(std::move(node));
}

int Graph::add_placeholder_typed(const Node& source, TensorType type) {
  Node node = source;
  node.outputs = {std::move(type)};
  return push(std::move(node));
}

int Graph::find(const std::string& name) const {
  auto found = names_.find(name);
  return found == names_.end() ? -1 : found->second;
}

}  // namespace vanda
