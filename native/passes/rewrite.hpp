#pragma once

#include <optional>
#include <vector>

#include "core/emit.hpp"
#include "core/graph.hpp"

namespace vanda {

// Rebuilds a program node by node. The visitor may map a node's outputs to something else;
// otherwise the node is copied. Nodes that nothing needs are dropped on the way.
class Rewriter {
 public:
  explicit Rewriter(const Program& source)
      : source(source),
        emit(result.graph),
        values_(static_cast<size_t>(source.graph.size())),
        nodes_(static_cast<size_t>(source.graph.size()), -1) {}

  // visit(id) returns true when it has called replace() for every output of the node.
  template <typename Visit>
  Program run(Visit visit) {
    std::vector<bool> needed = needed_nodes(source);
    // Effects have no readers, so they may come last: a pass is free to make what they read late.
    for (bool effects : {false, true}) {
      for (int id = 0; id < source.graph.size(); ++id) {
        bool effect = source.graph.node(id).op->op_class == OpClass::effect;
        if (!needed[static_cast<size_t>(id)] || effect != effects) continue;
        values_[static_cast<size_t>(id)].resize(source.graph.node(id).outputs.size());
        if (!visit(id)) copy(id);
      }
    }
    for (Value output : source.outputs) result.outputs.push_back(mapped(output));
    for (int effect : source.effects) result.effects.push_back(nodes_[static_cast<size_t>(effect)]);
    return std::move(result);
  }

  static std::vector<bool> needed_nodes(const Program& program) {
    std::vector<bool> needed(static_cast<size_t>(program.graph.size()), false);
    for (Value output : program.outputs) needed[static_cast<size_t>(output.node)] = true;
    for (int effect : program.effects) needed[static_cast<size_t>(effect)] = true;
    for (int id = program.graph.size() - 1; id >= 0; --id) {
      if (!needed[static_cast<size_t>(id)]) continue;
      for (Value input : program.graph.node(id).inputs)
        needed[static_cast<size_t>(input.node)] = true;
    }
    return needed;
  }

  Value mapped(Value old) const {
    return values_[static_cast<size_t>(old.node)][static_cast<size_t>(old.output)];
  }
  std::vector<Value> mapped_inputs(int id) const {
    std::vector<Value> inputs;
    for (Value input : source.graph.node(id).inputs) inputs.push_back(mapped(input));
    return inputs;
  }
  // The new form of an input of an old node.
  Value input(int id, size_t index) const { return mapped(source.graph.node(id).inputs[index]); }
  void replace(int id, Value value, int output = 0) {
    values_[static_cast<size_t>(id)][static_cast<size_t>(output)] = value;
  }
  void map_node(int id, int fresh) {
    nodes_[static_cast<size_t>(id)] = fresh;
    for (size_t i = 0; i < values_[static_cast<size_t>(id)].size(); ++i) {
      values_[static_cast<size_t>(id)][i] = Value{fresh, static_cast<int>(i)};
    }
  }
  void copy(int id) {
    map_node(id, result.graph.add_copy(source.graph.node(id), mapped_inputs(id)));
  }

  const Node& made(Value value) const { return result.graph.node(value); }
  const TensorType& made_type(Value value) const { return result.graph.type(value); }

  const Program& source;
  Program result;
  Emit emit;

 private:
  std::vector<std::vector<Value>> values_;
  std::vector<int> nodes_;
};

// How often each value is read, outputs and effects included.
inline std::vector<std::vector<int>> count_uses(const Program& program) {
  std::vector<std::vector<int>> uses(static_cast<size_t>(program.graph.size()));
  for (int id = 0; id < program.graph.size(); ++id) {
    uses[static_cast<size_t>(id)].resize(program.graph.node(id).outputs.size(), 0);
  }
  auto count = [&](Value value) {
    ++uses[static_cast<size_t>(value.node)][static_cast<size_t>(value.output)];
  };
  for (int id = 0; id < program.graph.size(); ++id) {
    for (Value input : program.graph.node(id).inputs) count(input);
  }
  for (Value output : program.outputs) count(output);
  return uses;
}

// The value of a constant with one element.
inline std::optional<double> constant_scalar(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  if (!node.is("constant") || node.payload.type.shape.elements() != 1) return std::nullopt;
  return ConstView{&node.payload.type, node.payload.data()}.at(0);
}

}  // namespace vanda
