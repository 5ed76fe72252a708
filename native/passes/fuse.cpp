#include <algorithm>
#include <map>

#include "ops/elementwise.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// A fused program keeps one tile of floats for each register in the first-level cache.
constexpr size_t kInstructionsMax = 32;
// Each one keeps a register to the end.
constexpr size_t kMoreResultsMax = 4;
// A constant that is larger costs more to read than to compute.
constexpr int64_t kConstantElementsMax = 4096;

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
  // Where a value is made in the result: a member of a program at the place of its root, an effect
  // after everything else.
  int place_of(int id) const {
    if (source_.graph.node(id).op->op_class == OpClass::effect) return source_.graph.size();
    int root = root_of_[static_cast<size_t>(id)];
    return root >= 0 ? root : id;
  }

  // A node joins the program that reads it first, when it computes exactly one element for each of
  // that program's. Where others read it too, all of them later, it becomes one more result: the
  // program has it in a register, and nobody reads it back for that. Since every other reader comes
  // behind the root, no program ever waits for itself.
  void assign_roots() {
    const Graph& graph = source_.graph;
    std::vector<std::vector<int>> readers(static_cast<size_t>(graph.size()));
    std::vector<bool> needed = Rewriter::needed_nodes(source_);
    for (int id = 0; id < graph.size(); ++id) {
      if (!needed[static_cast<size_t>(id)]) continue;
      for (Value input : graph.node(id).inputs)
        readers[static_cast<size_t>(input.node)].push_back(id);
    }
    std::vector<bool> pinned(static_cast<size_t>(graph.size()), false);
    for (Value output : source_.outputs) pinned[static_cast<size_t>(output.node)] = true;
    for (int id = graph.size() - 1; id >= 0; --id) {
      size_t at = static_cast<size_t>(id);
      if (!needed[at] || !fusable(graph, graph.node(id))) continue;
      int first = graph.size();
      for (int reader : readers[at]) first = std::min(first, place_of(reader));
      bool program = first < graph.size() && root_of_[static_cast<size_t>(first)] == first;
      bool alone = !pinned[at];
      for (int reader : readers[at]) alone = alone && place_of(reader) == first;
      bool joins = program &&
                   graph.node(id).outputs[0].shape == graph.node(first).outputs[0].shape &&
                   sizes_[static_cast<size_t>(first)] < kInstructionsMax &&
                   (alone || (graph.node(id).outputs[0].dtype == DType::f32 &&
                              results_[first].size() < kMoreResultsMax));
      root_of_[at] = joins ? first : id;
      if (joins && !alone) results_[first].push_back(id);
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
    std::vector<int> made = {root};
    made.insert(made.end(), results_[root].begin(), results_[root].end());
    std::vector<TensorType> types;
    for (int member : made) {
      program->results.push_back(registers.at(member));
      types.push_back(source_.graph.node(member).outputs[0]);
    }
    int fused = rewriter_.result.graph.add_fused(program, inputs, types);
    for (size_t i = 0; i < made.size(); ++i) {
      Value value{fused, static_cast<int>(i)};
      if (inputs.empty() && types[i].shape.elements() <= kConstantElementsMax)
        value = Value{rewriter_.result.graph.add_constant(evaluate(fused, types, i)), 0};
      rewriter_.replace(made[i], value);
    }
  }

  // A program without inputs gives the same in every run.
  Tensor evaluate(int fused, const std::vector<TensorType>& types, size_t wanted) const {
    const Node& node = rewriter_.result.graph.node(fused);
    std::vector<Tensor> tensors;
    std::vector<View> views;
    for (const TensorType& type : types) tensors.emplace_back(type);
    for (Tensor& tensor : tensors) views.push_back({&tensor.type, tensor.data()});
    node.op->reference(node, {}, views);
    return tensors[wanted];
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
  std::map<int, std::vector<int>> results_;  // beside the root, by root
};

}  // namespace

Program fuse_elementwise(const Program& program) { return Fuser(program).run(); }

}  // namespace vanda
