#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

class AffineFolder {
 public:
  explicit AffineFolder(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph), uses_(count_uses(program)) {
    for (int id = 0; id < program.graph.size(); ++id) {
      const Node& node = program.graph.node(id);
      bool steady = node.is("variable") || node.is("constant") ||
                    (node.op->reference != nullptr && !node.inputs.empty());
      for (Value input : node.inputs) steady = steady && steady_[static_cast<size_t>(input.node)];
      steady_.push_back(steady);
    }
  }

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    bool sum = node.is("add");
    bool product = node.is("mul");
    if (!sum && !product && !node.is("sub")) return false;
    size_t side = 0;
    if (!opens(node.inputs[0]) && (sum || product)) side = 1;
    Value old = node.inputs[side];
    Value vector = rewriter_.input(id, 1 - side);
    if (!opens(old) || !steady_[static_cast<size_t>(node.inputs[1 - side].node)]) return false;
    const Shape& shape = graph_.type(rewriter_.mapped(old)).shape;
    if (node.outputs[0].shape != shape || !by_channel(vector, shape)) return false;
    std::vector<Value> inputs = graph_.node(rewriter_.mapped(old)).inputs;
    Attributes attributes = graph_.node(rewriter_.mapped(old)).attributes;
    std::string op = graph_.node(rewriter_.mapped(old)).op->name;
    bool biased = inputs.size() == 3;
    if (product) {
      inputs[1] = rewriter_.emit.mul(inputs[1], vector);
      if (biased) inputs[2] = rewriter_.emit.mul(inputs[2], vector);
    } else if (biased) {
      inputs[2] = rewriter_.emit.op(sum ? "add" : "sub", {inputs[2], vector});
    } else {
      inputs.push_back(sum ? vector : rewriter_.emit.neg(vector));
    }
    rewriter_.replace(id, rewriter_.emit.op(op, inputs, std::move(attributes)));
    return true;
  }

  // A convolution or product of steady weights whose result nothing else reads.
  bool opens(Value old) const {
    Value made = rewriter_.mapped(old);
    const Node& producer = graph_.node(made);
    if (!producer.is("conv2d") && !producer.is("dense")) return false;
    const Node& source = rewriter_.source.graph.node(old);
    // What was folded already stands where an elementwise node stood, and its weights are steady.
    bool folded = !source.is("conv2d") && !source.is("dense");
    bool steady = folded;
    if (!folded) {
      steady = true;
      for (size_t i = 1; i < source.inputs.size(); ++i) {
        steady = steady && steady_[static_cast<size_t>(source.inputs[i].node)];
      }
    }
    return steady && producer.text("activation") == "" &&
           uses_[static_cast<size_t>(old.node)][static_cast<size_t>(old.output)] == 1;
  }

  bool by_channel(Value vector, const Shape& shape) const {
    return graph_.type(vector).shape == Shape{shape[shape.rank() - 1]};
  }

  Rewriter rewriter_;
  Graph& graph_;
  std::vector<std::vector<int>> uses_;
  std::vector<bool> steady_;
};

}  // namespace

Program fold_affine(const Program& program) {
  return program.effects.empty() ? AffineFolder(program).run() : program;
}

}  // namespace vanda
