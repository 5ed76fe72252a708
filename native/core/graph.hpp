#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/attributes.hpp"
#include "core/op_spec.hpp"
#include "core/tensor.hpp"

namespace vanda {

struct FusedProgram;
struct Program;

struct Node {
  const OpSpec* op = nullptr;
  std::vector<Value> inputs;
  Attributes attributes;
  std::vector<TensorType> outputs;
  std::string name;                             // placeholders and variables only
  Tensor payload;                               // constants only
  std::shared_ptr<const FusedProgram> program;  // made by the fusion pass only
  std::vector<std::shared_ptr<const Program>> bodies;  // of control flow: what the node runs

  bool is(const char* op_name) const { return op->name == op_name; }
  bool flag(const std::string& key) const { return std::get<bool>(attributes.at(key)); }
  int64_t integer(const std::string& key) const { return std::get<int64_t>(attributes.at(key)); }
  double number(const std::string& key) const { return std::get<double>(attributes.at(key)); }
  const std::string& text(const std::string& key) const {
    return std::get<std::string>(attributes.at(key));
  }
  const std::vector<int64_t>& integers(const std::string& key) const {
    return std::get<std::vector<int64_t>>(attributes.at(key));
  }
  const std::vector<double>& numbers(const std::string& key) const {
    return std::get<std::vector<double>>(attributes.at(key));
  }
};

// Nodes are appended and never changed; an input always has a smaller id, so the order of ids is
// a topological order. Passes build new graphs.
class Graph {
 public:
  Graph();
  // Checks attributes and inputs against the op's spec and infers the output types.
  int add(const std::string& op, std::vector<Value> inputs, Attributes attributes = {},
          const std::string& name = "");
  int add_constant(Tensor tensor);
  // For control flow: the graphs that the node runs, whose inputs are placeholders p0, p1, ...
  int add_with_bodies(const std::string& op, std::vector<Value> inputs, Attributes attributes,
                      std::vector<std::shared_ptr<const Program>> bodies);
  // For passes: an op that is refused from outside.
  int add_internal(const std::string& op, std::vector<Value> inputs, Attributes attributes);
  // For passes: keeps payload, program and name; types are inferred again.
  int add_copy(const Node& node, std::vector<Value> inputs);
  int add_fused(std::shared_ptr<const FusedProgram> program, std::vector<Value> inputs,
                std::vector<TensorType> types);
  int add_placeholder_typed(const Node& node, TensorType type);

  const Node& node(int id) const { return nodes_[static_cast<size_t>(id)]; }
  const Node& node(Value value) const { return node(value.node); }
  const TensorType& type(Value value) const {
    return node(value.node).outputs[static_cast<size_t>(value.output)];
  }
  // Its own for each graph that was made, so that what is known of one is never taken for another's.
  uint64_t serial() const { return serial_; }
  int size() const { return static_cast<int>(nodes_.size()); }
  // Placeholder or variable by name; -1 when there is none.
  int find(const std::string& name) const;
  bool valid(Value value) const {
    return value.node >= 0 && value.node < size() && value.output >= 0 &&
           value.output < static_cast<int>(node(value.node).outputs.size());
  }

 private:
  int push(Node node);
  uint64_t serial_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, int> names_;
};

// A graph with what is wanted from it: values to hand out and nodes to run for their effect.
struct Program {
  Graph graph;
  std::vector<Value> outputs;
  std::vector<int> effects;
};

constexpr int kNodesMax = 200000;

}  // namespace vanda
