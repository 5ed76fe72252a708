#include <algorithm>
#include <map>

#include "ops/elementwise.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// A fused program keeps one tile of floats for each register in the first-level cache.
constexpr size_t kInstructionsMax = 32;

bool exact_in_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::boolean || dtype == DType::u8;
}

bool fusable(const Graph& graph, const Node& node) {
  if (node.outputs.size() != 1 || !exact_in_float(node.outputs[0].dtype)) return false;
  if (node.is("cast")) {
    DType from = graph.type(node.inputs[0]).dtype;
    return exact_in_float(from) || node.outputs[0].dtype == DType::f32;
  }
  if (node.op->op_class != OpClass::elementwise && !node.is("expand")) return false;
  for (Value input : node.inputs) {
    if (!exact_in_float(graph.type(input).dtype)) return false;
  }
  return true;
}

class Fuser {
 public:
  explicit Fuser(const Program& program)
      : source_(program),
        rewriter_(program),
        root_of_(static_cast<size_t>(program.graph.size()), -1),
        sizes_(static_cast<size_t>(program.graph.size()), 0) {}

  Program run() {
    assign_roots();
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  // A node joins the program of its readers when all of them are in one program and it computes
  // exactly one element for each of theirs.
  void assign_roots() {
    const Graph& graph = source_.graph;
    std::vector<std::vector<int>> readers(static_cast<size_t>(graph.size()));
    for (int id = 0; id < graph.size(); ++id) {
      for (Value input : graph.node(id).inputs)
        readers[static_cast<size_t>(input.node)].push_back(id);
    }
    std::vector<bool> pinned(static_cast<size_t>(graph.size()), false);
    for (Value output : source_.outputs) pinned[static_cast<size_t>(output.node)] = true;
    for (int id = graph.size() - 1; id >= 0; --id) {
      size_t at = static_cast<size_t>(id);
      if (!fusable(graph, graph.node(id))) continue;
      int root =
          readers[at].empty() || pinned[at] ? -1 : root_of_[static_cast<size_t>(readers[at][0])];
      for (int reader : readers[at]) {
        if (root_of_[static_cast<size_t>(reader)] != root) root = -1;
      }
      bool joins = root >= 0 &&
                   graph.node(id).outputs[0].shape == graph.node(root).outputs[0].shape &&
                   sizes_[static_cast<size_t>(root)] < kInstructionsMax;
      root_of_[at] = joins ? root : id;
      sizes_[static_cast<size_t>(root_of_[at])] += graph.node(id).inputs.size();
    }
  }

  bool visit(int id) {
    int root = root_of_[static_cast<size_t>(id)];
    if (root < 0) return false;
    if (root != id) return true;  // lives inside the program of its root
    std::vector<int> members = members_of(id);
    build(id, members);
    return true;
  }

  std::vector<int> members_of(int root) {
    std::vector<int> members = {root};
    for (size_t i = 0; i < members.size(); ++i) {
      for (Value input : source_.graph.node(members[i]).inputs) {
        if (root_of_[static_cast<size_t>(input.node)] != root) continue;
        if (std::find(members.begin(), members.end(), input.node) == members.end()) {
          members.push_back(input.node);
        }
      }
    }
    std::sort(members.begin(), members.end());
    return members;
  }

  void build(int root, const std::vector<int>& members) {
    // Operands from outside: scalar constants become registers, everything else an input.
    std::vector<Value> inputs;
    std::vector<double> constants;
    std::map<Value, int> input_index;
    std::map<Value, int> constant_index;
    for (int member : members) {
      for (Value old : source_.graph.node(member).inputs) {
        if (root_of_[static_cast<size_t>(old.node)] == root) continue;
        Value fresh = rewriter_.mapped(old);
        std::optional<double> scalar = constant_scalar(rewriter_.result.graph, fresh);
        if (scalar && constant_index.emplace(fresh, static_cast<int>(constants.size())).second) {
          constants.push_back(*scalar);
        }
        if (!scalar && input_index.emplace(fresh, static_cast<int>(inputs.size())).second) {
          inputs.push_back(fresh);
        }
      }
    }
    auto program = std::make_shared<FusedProgram>();
    program->inputs = static_cast<int>(inputs.size());
    program->constants = constants;
    std::map<int, int> registers;
    int next = static_cast<int>(inputs.size() + constants.size());
    auto operand = [&](Value old) {
      if (root_of_[static_cast<size_t>(old.node)] == root) return registers.at(old.node);
      Value fresh = rewriter_.mapped(old);
      auto found = input_index.find(fresh);
      return found != input_index.end() ? found->second
                                        : program->inputs + constant_index.at(fresh);
    };
    for (int member : members) {
      const Node& node = source_.graph.node(member);
      FusedInstruction step;
      step.code = code_of(node);
      if (!node.inputs.empty()) step.a = operand(node.inputs[0]);
      if (node.inputs.size() > 1) step.b = operand(node.inputs[1]);
      if (node.inputs.size() > 2) step.c = operand(node.inputs[2]);
      const ScalarInfo* info = scalar_of_op(node.op->name);
      for (size_t i = 0; info != nullptr && i < info->parameters.size(); ++i) {
        step.parameters[i] = node.number(info->parameters[i]);
      }
      program->code.push_back(step);
      registers.emplace(member, next++);
    }
    int fused =
        rewriter_.result.graph.add_fused(program, inputs, source_.graph.node(root).outputs[0]);
    rewriter_.map_node(root, fused);
  }

  static Scalar code_of(const Node& node) {
    if (node.is("cast")) {
      DType dtype = node.outputs[0].dtype;
      return dtype == DType::boolean ? Scalar::to_bool
             : dtype == DType::u8    ? Scalar::to_u8
                                     : Scalar::identity;
    }
    if (node.is("expand")) return Scalar::identity;
    return scalar_of_op(node.op->name)->code;
  }

  const Program& source_;
  Rewriter rewriter_;
  std::vector<int> root_of_;
  std::vector<size_t> sizes_;
};

}  // namespace

Program fuse_elementwise(const Program& program) { return Fuser(program).run(); }

}  // namespace vanda
