#include "ops/recompute.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/autodiff.hpp"
#include "core/emit.hpp"
#include "ops/emit_again.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

constexpr int kInputsMax = 100000;

void copy_views(Inputs inputs, Outputs outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::memcpy(outputs[i].data, inputs[i].data, outputs[i].type->bytes());
  }
}

// barrier(x, after) is x. No pass looks through it, so what is computed from it is not merged with
// what was computed from x before; and it waits for `after`.
std::vector<TensorType> infer_barrier(const Node&, Types inputs) { return {inputs[0]}; }

void reference_barrier(const Node&, Inputs inputs, Outputs outputs) { copy_views(inputs, outputs); }

std::vector<Value> grad_barrier(Graph&, int, Grads grads) { return {grads[0], kNoValue}; }

// recompute(outputs..., entries...): the outputs of a block and all that its nodes read.
std::vector<TensorType> infer_recompute(const Node& node, Types inputs) {
  int64_t outputs = node.integer("outputs");
  if (outputs < 1 || outputs > static_cast<int64_t>(inputs.size())) {
    throw Error("invalid_attribute", "recompute", "there must be as many inputs as outputs");
  }
  return {inputs.begin(), inputs.begin() + outputs};
}

void reference_recompute(const Node&, Inputs inputs, Outputs outputs) {
  copy_views(inputs, outputs);
}

// The block once more behind barriers that wait for the gradient, and the gradient of that.
std::vector<Value> grad_recompute(Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  auto entries = node.inputs.begin() + static_cast<std::ptrdiff_t>(node.outputs.size());
  Value after = *std::find_if(grads.begin(), grads.end(), [](Value g) { return g.node >= 0; });
  std::map<Value, Value> replaced;
  std::vector<Value> wanted;
  for (auto entry = entries; entry != node.inputs.end(); ++entry) {
    Value again{graph.add("barrier", {*entry, after}), 0};
    replaced.emplace(*entry, again);
    wanted.push_back(again);
  }
  int floor = graph.size() - 1;
  std::vector<Value> again = emit_again(graph, replaced, {node.inputs.begin(), entries});
  std::vector<Value> comes(grads.begin(), grads.end());
  std::vector<Value> made = pull_back(graph, again, comes, wanted, floor);
  std::vector<Value> result(node.outputs.size(), kNoValue);
  result.insert(result.end(), made.begin(), made.end());
  return result;
}

}  // namespace

int close_recomputed(Graph& graph, int first, const std::vector<Value>& outputs) {
  std::vector<Value> inputs = outputs;
  std::set<int> block;
  std::vector<int> open;
  auto enter = [&](Value value) {
    if (block.insert(value.node).second) open.push_back(value.node);
  };
  for (Value output : outputs) {
    bool inside = graph.valid(output) && output.node >= first &&
                  graph.node(output).op->op_class != OpClass::source;
    if (!inside) {
      throw Error("invalid_graph", "recompute", "the block gives a value that it did not compute");
    }
    enter(output);
  }
  std::set<Value> entries;
  while (!open.empty()) {
    int id = open.back();
    open.pop_back();
    for (Value input : graph.node(id).inputs) {
      const Node& node = graph.node(input);
      bool source = node.op->op_class == OpClass::source;
      if (input.node >= first && !source)
        enter(input);
      else if (!node.is("constant"))
        entries.insert(input);
    }
  }
  inputs.insert(inputs.end(), entries.begin(), entries.end());
  int64_t count = static_cast<int64_t>(outputs.size());
  return graph.add("recompute", std::move(inputs), {{"outputs", count}});
}

void register_recompute() {
  OpSpec barrier;
  barrier.name = "barrier";
  barrier.inputs_min = barrier.inputs_max = 2;
  barrier.infer = infer_barrier;
  barrier.reference = reference_barrier;
  barrier.gradient = grad_barrier;
  barrier.doc = {"x itself, once `after` is computed; what is computed from it is not merged with "
                 "the same computed from x.",
                 "x, after -> the shape of x", "any", "view"};
  register_op(std::move(barrier));

  OpSpec recompute;
  recompute.name = "recompute";
  recompute.inputs_min = 1;
  recompute.inputs_max = kInputsMax;
  recompute.attributes = {{"outputs", AttributeKind::integer, std::nullopt}};
  recompute.infer = infer_recompute;
  recompute.reference = reference_recompute;
  recompute.gradient = grad_recompute;
  recompute.doc = {
      "The outputs of a block, whose gradient computes the block again from its entries in place "
      "of keeping what is inside.",
      "outputs..., entries... -> outputs...", "any", "composed"};
  register_op(std::move(recompute));
}

}  // namespace vanda
