#include <map>

#include "ops/bf16.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// Attention and the recurrent cells are not among them: their products stand inside of kernels of
// our own, between sums and exponentials that have to stay f32.
bool is_product(const Node& node) {
  for (const char* op : {"matmul", "dense", "conv2d", "conv2d_grad_input", "conv2d_grad_kernel"}) {
    if (node.is(op)) return node.outputs[0].dtype == DType::f32;
  }
  return false;
}

class ProductRounder {
 public:
  explicit ProductRounder(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph) {}

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    if (!is_product(node)) return false;
    // The first two inputs are the factors; a bias and what else is added come behind them.
    std::vector<Value> inputs = rewriter_.mapped_inputs(id);
    for (size_t i = 0; i < 2; ++i) inputs[i] = rounded(inputs[i]);
    rewriter_.map_node(id, graph_.add_copy(node, inputs));
    return true;
  }

  // Each value once, whatever shapes and products it goes into.
  Value rounded(Value value) {
    if (is_bf16(graph_, value)) return value;
    auto found = rounded_.find(value);
    if (found != rounded_.end()) return found->second;
    Value result;
    if (graph_.node(value).is("reshape")) {
      Value inner = rounded(graph_.node(value).inputs[0]);
      // A copy, since the graph's own node moves when one is added.
      Node reshape = graph_.node(value);
      result = {graph_.add_copy(reshape, {inner}), 0};
    } else {
      result = rewriter_.emit.op("round_bf16", {value});
    }
    rounded_.emplace(value, result);
    return result;
  }

  Rewriter rewriter_;
  Graph& graph_;
  std::map<Value, Value> rounded_;
};

}  // namespace

Program round_products(const Program& program) { return ProductRounder(program).run(); }

}  // namespace vanda
