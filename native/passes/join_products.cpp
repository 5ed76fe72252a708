#include <map>

#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// A product of a matrix with what follows it becomes one node: gelu (with its slope, where the
// gradient will want it: both share an exponential, and the slope then takes the place of the input
// that would be kept), and one addition or multiplication with another value of the same shape
// (residuals, sums of gradients, slopes). Each saves a pass over memory.
class ProductJoiner {
 public:
  explicit ProductJoiner(const Program& program)
      : rewriter_(program),
        graph_(rewriter_.result.graph),
        uses_(count_uses(program)),
        readers_(static_cast<size_t>(program.graph.size())) {
    for (int id = 0; id < program.graph.size(); ++id) {
      for (Value input : program.graph.node(id).inputs) {
        readers_[static_cast<size_t>(input.node)].push_back(id);
      }
    }
  }

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    Value result = kNoValue;
    if (node.is("gelu") || node.is("gelu_slope")) result = join_gelu(id);
    if ((node.is("add") || node.is("mul")) && node.outputs[0].dtype == DType::f32) {
      result = join_other(id, 0, 1);
      if (result.node < 0) result = join_other(id, 1, 0);
    }
    if (result.node < 0) return false;
    rewriter_.replace(id, result);
    return true;
  }

  bool one_matrix(const Node& node) const {
    if (node.outputs[0].dtype != DType::f32) return false;
    if (node.is("dense") || node.is("fused_product")) return true;
    return node.is("matmul") && !node.flag("transposeA") &&
           graph_.type(node.inputs[1]).shape.rank() == 2;
  }

  // The node as a fused_product that may be changed further.
  static Attributes attributes_of(const Node& node) {
    if (node.is("fused_product")) return node.attributes;
    bool dense = node.is("dense");
    return {{"transposeB", !dense && node.flag("transposeB")},
            {"bias", node.inputs.size() == 3},
            {"activation", dense ? node.text("activation") : std::string()},
            {"slope", false},
            {"join", std::string()}};
  }

  Value make(std::vector<Value> inputs, Attributes attributes) {
    Node node;
    node.op = find_op("fused_product");
    node.attributes = std::move(attributes);
    return Value{graph_.add_copy(node, std::move(inputs)), 0};
  }

  Value join_gelu(int id) {
    Value old = rewriter_.source.graph.node(id).inputs[0];
    bool slope = rewriter_.source.graph.node(id).is("gelu_slope");
    if (auto found = gelus_.find(old); found != gelus_.end()) {
      return Value{found->second, slope ? 1 : 0};
    }
    // A copy: emitting moves the nodes.
    const Node producer = graph_.node(rewriter_.mapped(old));
    bool open = one_matrix(producer) && !producer.is("fused_product") &&
                (!producer.is("dense") || producer.text("activation").empty());
    bool values = false;
    bool slopes = false;
    int reads = 0;
    for (int reader : readers_[static_cast<size_t>(old.node)]) {
      const Node& node = rewriter_.source.graph.node(reader);
      values = values || node.is("gelu");
      slopes = slopes || node.is("gelu_slope");
      if (node.is("gelu") || node.is("gelu_slope")) ++reads;
    }
    bool alone = reads == uses_[static_cast<size_t>(old.node)][static_cast<size_t>(old.output)];
    if (!open || !values || !alone) return kNoValue;
    Attributes attributes = attributes_of(producer);
    attributes["activation"] = std::string("gelu");
    attributes["slope"] = slopes;
    Value made = make(producer.inputs, std::move(attributes));
    gelus_.emplace(old, made.node);
    return Value{made.node, slope ? 1 : 0};
  }

  Value join_other(int id, size_t product, size_t other) {
    const Node& node = rewriter_.source.graph.node(id);
    Value old = node.inputs[product];
    if (uses_[static_cast<size_t>(old.node)][static_cast<size_t>(old.output)] != 1) return kNoValue;
    Value made = rewriter_.mapped(old);
    Value joined = rewriter_.input(id, other);
    const Node producer = graph_.node(made);
    if (!one_matrix(producer) || made.output != 0 || graph_.type(made) != node.outputs[0] ||
        graph_.type(joined) != node.outputs[0]) {
      return kNoValue;
    }
    Attributes attributes = attributes_of(producer);
    if (std::get<bool>(attributes.at("slope")) ||
        !std::get<std::string>(attributes.at("join")).empty()) {
      return kNoValue;
    }
    attributes["join"] = node.op->name;
    std::vector<Value> inputs = producer.inputs;
    inputs.push_back(joined);
    return make(std::move(inputs), std::move(attributes));
  }

  Rewriter rewriter_;
  Graph& graph_;
  std::vector<std::vector<int>> uses_;
  std::vector<std::vector<int>> readers_;
  std::map<Value, int> gelus_;
};

}  // namespace

Program join_products(const Program& program) { return ProductJoiner(program).run(); }

}  // namespace vanda
