#include "core/autodiff.hpp"

#include <map>

#include "core/emit.hpp"

namespace vanda {

namespace {

// Nodes up to `last` that depend on one of `wrt`.
std::vector<bool> dependents(const Graph& graph, int last, const std::vector<Value>& wrt) {
  std::vector<bool> marked(static_cast<size_t>(last) + 1, false);
  for (Value value : wrt) {
    if (value.node <= last) marked[static_cast<size_t>(value.node)] = true;
  }
  for (int id = 0; id <= last; ++id) {
    for (Value input : graph.node(id).inputs) {
      if (marked[static_cast<size_t>(input.node)]) marked[static_cast<size_t>(id)] = true;
    }
  }
  return marked;
}

}  // namespace

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
  std::vector<bool> wanted = dependents(graph, loss.node, wrt);
  std::map<Value, Value> grads;
  grads[loss] = emit.scalar(1, loss);
  auto accumulate = [&](Value target, Value grad) {
    auto [entry, fresh] = grads.emplace(target, grad);
    if (!fresh) entry->second = emit.add(entry->second, grad);
  };
  for (int id = loss.node; id >= 0; --id) {
    if (!wanted[static_cast<size_t>(id)]) continue;
    const OpSpec* op = graph.node(id).op;
    const size_t output_count = graph.node(id).outputs.size();
    const std::vector<Value> inputs = graph.node(id).inputs;
    if (op->op_class == OpClass::source || op->zero_gradient) continue;
    bool any = false;
    std::vector<Value> output_grads(output_count, kNoValue);
    for (size_t output = 0; output < output_count; ++output) {
      auto found = grads.find(Value{id, static_cast<int>(output)});
      if (found == grads.end()) continue;
      output_grads[output] = found->second;
      any = true;
    }
    if (!any) continue;
    if (op->gradient == nullptr) {
      throw Error("no_gradient", op->name, "this operation has no gradient");
    }
    std::vector<Value> input_grads = op->gradient(graph, id, output_grads);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (input_grads[i].node < 0 || !wanted[static_cast<size_t>(inputs[i].node)]) continue;
      accumulate(inputs[i], input_grads[i]);
    }
  }
  std::vector<Value> result;
  for (Value value : wrt) {
    auto found = grads.find(value);
    result.push_back(found != grads.end() ? found->second : emit.zeros_like(value));
  }
  return result;
}

}  // namespace vanda
