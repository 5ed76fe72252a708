#include "ops/window.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

class EpilogueJoiner {
 public:
  explicit EpilogueJoiner(const Program& program)
      : rewriter_(program),
        graph_(rewriter_.result.graph),
        uses_(count_uses(program)),
        answers_only_(program.effects.empty()) {
    for (int id = 0; id < program.graph.size(); ++id) {
      const Node& node = program.graph.node(id);
      if (node.is("conv2d_grad_input") || node.is("conv2d_grad_kernel")) answers_only_ = false;
    }
  }

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    Value result = kNoValue;
    if (node.is("relu")) result = join_relu(id);
    if (node.is("relu6") || node.is("clamp")) result = join_clamp(id);
    if (node.is("add")) {
      for (size_t side : {0, 1}) {
        if (result.node < 0) result = join_bias(id, side, 1 - side);
      }
      // Of two convolutions the later one takes the other's result: it need not wait in between.
      for (size_t side : {1, 0}) {
        if (result.node < 0) result = join_residual(id, side, 1 - side);
      }
    }
    if (result.node < 0) return false;
    rewriter_.replace(id, result);
    return true;
  }

  bool used_once(Value old) const {
    return uses_[static_cast<size_t>(old.node)][static_cast<size_t>(old.output)] == 1;
  }

  Value join_relu(int id) {
    Value old = rewriter_.source.graph.node(id).inputs[0];
    Value made = rewriter_.mapped(old);
    const Node& producer = graph_.node(made);
    bool joins = producer.is("dense") || producer.is("conv2d");
    if (!joins || !used_once(old) || producer.text("activation") != "") return kNoValue;
    Attributes attributes = producer.attributes;
    attributes["activation"] = std::string("relu");
    return rewriter_.emit.op(producer.op->name, producer.inputs, std::move(attributes));
  }

  // Convolutions that answer alone, without a gradient to come, take more: the CPU's own kernel.
  bool takes_more(Value old) const {
    if (!answers_only_ || !used_once(old)) return false;
    const Node& producer = graph_.node(rewriter_.mapped(old));
    return producer.is("conv2d") && producer.text("activation") == "" &&
           is_plain_or_depthwise(producer, graph_.type(producer.inputs[0]).shape,
                                 graph_.type(producer.inputs[1]).shape);
  }

  Value join_clamp(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    if (!takes_more(node.inputs[0])) return kNoValue;
    const Node& producer = graph_.node(rewriter_.mapped(node.inputs[0]));
    Attributes attributes = producer.attributes;
    bool six = node.is("relu6");
    attributes["activation"] = std::string("clamp");
    attributes["low"] = six ? 0.0 : node.number("low");
    attributes["high"] = six ? 6.0 : node.number("high");
    return rewriter_.emit.op("conv2d", producer.inputs, std::move(attributes));
  }

  Value join_residual(int id, size_t product, size_t other) {
    const Node& node = rewriter_.source.graph.node(id);
    if (!takes_more(node.inputs[product])) return kNoValue;
    const Node& producer = graph_.node(rewriter_.mapped(node.inputs[product]));
    Value added = rewriter_.input(id, other);
    if (producer.inputs.size() != 3 || graph_.type(added) != producer.outputs[0]) return kNoValue;
    std::vector<Value> inputs = producer.inputs;
    inputs.push_back(added);
    Attributes attributes = producer.attributes;
    return rewriter_.emit.op("conv2d", std::move(inputs), std::move(attributes));
  }

  // add(matmul | dense | conv2d, bias [channels])
  Value join_bias(int id, size_t product, size_t bias) {
    const Node& node = rewriter_.source.graph.node(id);
    Value old = node.inputs[product];
    Value made = rewriter_.mapped(old);
    Value vector = rewriter_.input(id, bias);
    const Node& producer = graph_.node(made);
    const Shape& shape = graph_.type(made).shape;
    if (!used_once(old) || shape.rank() == 0 ||
        graph_.type(vector).shape != Shape{shape[shape.rank() - 1]}) {
      return kNoValue;
    }
    std::vector<Value> inputs = producer.inputs;
    inputs.push_back(vector);
    bool plain = producer.is("matmul") && shape.rank() == 2 && !producer.flag("transposeA") &&
                 !producer.flag("transposeB");
    if (plain) return rewriter_.emit.op("dense", std::move(inputs));
    bool open = (producer.is("dense") || producer.is("conv2d")) && producer.inputs.size() == 2 &&
                producer.text("activation") == "";
    if (!open) return kNoValue;
    Attributes attributes = producer.attributes;
    return rewriter_.emit.op(producer.op->name, std::move(inputs), std::move(attributes));
  }

  Rewriter rewriter_;
  Graph& graph_;
  std::vector<std::vector<int>> uses_;
  bool answers_only_;
};

}  // namespace

Program join_epilogues(const Program& program) { return EpilogueJoiner(program).run(); }

}  // namespace vanda
