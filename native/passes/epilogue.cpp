#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

class EpilogueJoiner {
 public:
  explicit EpilogueJoiner(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph), uses_(count_uses(program)) {}

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    Value result = kNoValue;
    if (node.is("relu")) result = join_relu(id);
    if (node.is("add")) {
      result = join_bias(id, 0, 1);
      if (result.node < 0) result = join_bias(id, 1, 0);
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
};

}  // namespace

Program join_epilogues(const Program& program) { return EpilogueJoiner(program).run(); }

}  // namespace vanda
