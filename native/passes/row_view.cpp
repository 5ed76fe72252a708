#include "passes/row_view.hpp"

#include "core/emit.hpp"

namespace vanda {

namespace {

// A slice that takes whole steps of one; what else an attribute may say, it is not looked through.
bool plain_slice(const Node& node) {
  for (const auto& [name, value] : node.attributes) {
    if (name == "begin" || name == "size") continue;
    const auto* numbers = std::get_if<std::vector<int64_t>>(&value);
    if (numbers == nullptr) return false;
    for (int64_t number : *numbers) {
      if (number != 1) return false;
    }
  }
  return true;
}

Value through_reshapes(const Graph& graph, Value value) {
  while (graph.node(value).is("reshape")) value = graph.node(value).inputs[0];
  return value;
}

}  // namespace

RowView view_rows(const Graph& graph, Value value, int64_t width) {
  value = through_reshapes(graph, value);
  RowView view{value, 0, width};
  const Node& node = graph.node(value);
  if (!node.is("slice") || !plain_slice(node)) return view;
  const Shape& from = graph.type(node.inputs[0]).shape;
  const Shape& to = node.outputs[0].shape;
  if (from.rank() != 2 || to[1] != width) return view;
  const std::vector<int64_t>& begin = node.integers("begin");
  view.offset = begin[0] * from[1] + begin[1];
  view.stride = from[1];
  view.source = through_reshapes(graph, node.inputs[0]);
  return view;
}

}  // namespace vanda
