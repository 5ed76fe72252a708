#include "ops/emit_again.hpp"

#include <algorithm>

namespace vanda {

namespace {

// The nodes from `first` on that `wanted` needs, up to the replaced values.
std::vector<bool> needed_nodes(const Graph& graph, const std::map<Value, Value>& replaced,
                               const std::vector<Value>& wanted, int first, int last) {
  std::vector<bool> needed(static_cast<size_t>(last) + 1, false);
  auto need = [&](Value value) {
    if (!replaced.contains(value)) needed[static_cast<size_t>(value.node)] = true;
  };
  for (Value value : wanted) need(value);
  for (int id = last; id >= first; --id) {
    if (!needed[static_cast<size_t>(id)]) continue;
    for (Value input : graph.node(id).inputs) need(input);
  }
  return needed;
}

}  // namespace

std::vector<Value> emit_again(Graph& graph, const std::map<Value, Value>& replaced,
                              const std::vector<Value>& wanted) {
  if (replaced.empty()) return wanted;
  int first = replaced.begin()->first.node;
  int last = first;
  for (Value value : wanted) last = std::max(last, value.node);
  std::vector<bool> needed = needed_nodes(graph, replaced, wanted, first, last);
  std::map<int, int> again;
  auto mapped = [&](Value value) {
    auto other = replaced.find(value);
    if (other != replaced.end()) return other->second;
    auto found = again.find(value.node);
    return found == again.end() ? value : Value{found->second, value.output};
  };
  for (int id = first; id <= last; ++id) {
    if (!needed[static_cast<size_t>(id)]) continue;
    std::vector<Value> inputs;
    bool depends = false;
    for (Value input : graph.node(id).inputs) {
      inputs.push_back(mapped(input));
      depends = depends || inputs.back() != input;
    }
    // A copy: emitting moves the nodes.
    const Node node = graph.node(id);
    if (depends) again.emplace(id, graph.add_copy(node, std::move(inputs)));
  }
  std::vector<Value> result;
  for (Value value : wanted) result.push_back(mapped(value));
  return result;
}

}  // namespace vanda
