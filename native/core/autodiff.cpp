#include "core/autodiff.hpp"

#include <algorithm>
#include <map>

#include "core/emit.hpp"

namespace vanda {

namespace {

// Nodes from `first` to `last` that depend on one of `wrt`, and those themselves.
std::vector<bool> dependents(const Graph& graph, int first, int last,
                             const std::vector<Value>& wrt) {
  std::vector<bool> marked(static_cast<size_t>(last) + 1, false);
  for (Value value : wrt) {
    if (value.node <= last) marked[static_cast<size_t>(value.node)] = true;
  }
  for (int id = first; id <= last; ++id) {
    for (Value input : graph.node(id).inputs) {
      if (marked[static_cast<size_t>(input.node)]) marked[static_cast<size_t>(id)] = true;
    }
  }
  return marked;
}

// What goes from a node to its inputs; empty where nothing comes to it or it lets nothing through.
std::vector<Value> pass_node(Graph& graph, int id, const std::map<Value, Value>& grads) {
  const OpSpec* op = graph.node(id).op;
  if (op->op_class == OpClass::source || op->zero_gradient) return {};
  const size_t output_count = graph.node(id).outputs.size();
  bool any = false;
  std::vector<Value> output_grads(output_count, kNoValue);
  for (size_t output = 0; output < output_count; ++output) {
    auto found = grads.find(Value{id, static_cast<int>(output)});
    if (found == grads.end()) continue;
    output_grads[output] = found->second;
    any = true;
  }
  if (!any) return {};
  if (op->gradient == nullptr) {
    throw Error("no_gradient", op->name, "this operation has no gradient");
  }
  return op->gradient(graph, id, output_grads);
}

}  // namespace

std::vector<Value> pull_back(Graph& graph, const std::vector<Value>& outputs,
                             const std::vector<Value>& grads, const std::vector<Value>& wrt,
                             int floor) {
  Emit emit(graph);
  std::map<Value, Value> reached;
  auto accumulate = [&](Value target, Value grad) {
    auto [entry, fresh] = reached.emplace(target, grad);
    if (!fresh) entry->second = emit.add(entry->second, grad);
  };
  int last = floor;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (grads[i].node < 0) continue;
    accumulate(outputs[i], grads[i]);
    last = std::max(last, outputs[i].node);
  }
  std::vector<bool> wanted = dependents(graph, floor + 1, last, wrt);
  for (int id = last; id > floor; --id) {
    if (!wanted[static_cast<size_t>(id)]) continue;
    const std::vector<Value> inputs = graph.node(id).inputs;
    std::vector<Value> input_grads = pass_node(graph, id, reached);
    for (size_t i = 0; i < input_grads.size(); ++i) {
      if (input_grads[i].node < 0 || !wanted[static_cast<size_t>(inputs[i].node)]) continue;
      accumulate(inputs[i], input_grads[i]);
    }
  }
  std::vector<Value> result;
  for (Value value : wrt) {
    auto found = reached.find(value);
    result.push_back(found != reached.end() ? found->second : kNoValue);
  }
  return result;
}

std::vector<Value> gradients(Graph& graph, Value loss, const std::vector<Value>& wrt) {
  if (!graph.valid(loss)) throw Error("invalid_graph", "gradients", "the loss does not exist");
  if (!is_float(graph.type(loss).dtype) || graph.type(loss).shape.rank() != 0) {
    throw Error("shape_mismatch", "gradients",
                "the loss must be a float scalar, not " + graph.type(loss).text());
  }
  for (Value value : wrt) {
    if (!graph.valid(value)) throw Error("invalid_graph", "gradients", "a value does not exist");
    if (!is_float(graph.type(value).dtype)) {
      throw Error("dtype_mismatch", "gradients", "only float values have gradients");
    }
  }
  Emit emit(graph);
  std::vector<Value> result = pull_back(graph, {loss}, {emit.scalar(1, loss)}, wrt, -1);
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (result[i].node < 0) result[i] = emit.zeros_like(wrt[i]);
  }
  return result;
}

}  // namespace vanda
