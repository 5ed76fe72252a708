#include "core/verify.hpp"

#include "core/error.hpp"

namespace vanda {

namespace {

[[noreturn]] void refuse(const char* stage, const Node& node, int id, const std::string& why) {
  throw Error("internal", node.op == nullptr ? "?" : node.op->name,
              "the graph is not legal after " + std::string(stage) + " (node " +
                  std::to_string(id) + "): " + why);
}

void verify_node(const Graph& graph, int id, const char* stage) {
  const Node& node = graph.node(id);
  if (node.op == nullptr || find_op(node.op->name) != node.op) {
    refuse(stage, node, id, "the op is not in the table");
  }
  int count = static_cast<int>(node.inputs.size());
  if (count < node.op->inputs_min || count > node.op->inputs_max) {
    refuse(stage, node, id, "wrong number of inputs");
  }
  std::vector<TensorType> types;
  for (Value input : node.inputs) {
    if (!graph.valid(input) || input.node >= id) {
      refuse(stage, node, id, "an input does not come before it");
    }
    types.push_back(graph.type(input));
  }
  if (node.is("constant") && (!node.payload.bytes || node.payload.type != node.outputs[0])) {
    refuse(stage, node, id, "the constant has no payload of its type");
  }
  if (node.is("fused") && node.program == nullptr) refuse(stage, node, id, "no program");
  if (node.op->op_class != OpClass::source && node.op->infer != nullptr &&
      node.op->infer(node, types) != node.outputs) {
    refuse(stage, node, id, "the outputs disagree with the shape rule");
  }
}

}  // namespace

void verify(const Program& program, const char* stage) {
  for (int id = 0; id < program.graph.size(); ++id) verify_node(program.graph, id, stage);
  for (Value output : program.outputs) {
    if (!program.graph.valid(output)) throw Error("internal", stage, "an output does not exist");
  }
  for (int effect : program.effects) {
    if (effect < 0 || effect >= program.graph.size() ||
        program.graph.node(effect).op->op_class != OpClass::effect) {
      throw Error("internal", stage, "an effect is not a node with an effect");
    }
  }
}

}  // namespace vanda
