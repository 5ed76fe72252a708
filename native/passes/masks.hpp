#pragma once

#include "passes/rewrite.hpp"

namespace vanda {

// where(value > bound, gradient, 0) with a scalar bound: what the gradient of relu emits.
struct Mask {
  Value value, bound, gradient, zero;
};

inline std::optional<Mask> mask_of(const Graph& graph, int id) {
  const Node& node = graph.node(id);
  if (!node.is("where") || constant_scalar(graph, node.inputs[2]) != 0.0) return std::nullopt;
  const Node& condition = graph.node(node.inputs[0]);
  if (!condition.is("greater") || !constant_scalar(graph, condition.inputs[1])) return std::nullopt;
  if (graph.type(condition.inputs[0]) != node.outputs[0] ||
      graph.type(node.inputs[1]) != node.outputs[0]) {
    return std::nullopt;
  }
  return Mask{condition.inputs[0], condition.inputs[1], node.inputs[1], node.inputs[2]};
}

}  // namespace vanda
