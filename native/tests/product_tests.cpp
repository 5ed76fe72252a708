#include <algorithm>

#include "core/autodiff.hpp"
#include "passes/passes.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

int count(const Graph& graph, const char* op) {
  int found = 0;
  for (int id = 0; id < graph.size(); ++id) found += graph.node(id).is(op) ? 1 : 0;
  return found;
}

// A feed-forward block with a residual, as transformers have it.
struct Block {
  Graph graph;
  Feeds feeds;
  std::vector<Value> inputs;
  std::vector<Value> outputs;

  Block(int64_t rows, int64_t width, int64_t hidden) {
    Emit emit(graph);
    auto feed = [&](const char* name, std::vector<int64_t> shape) {
      TensorType type{DType::f32, Shape(shape)};
      feeds[name] = random_tensor(type, 7 + inputs.size(), -0.3, 0.3);
      inputs.push_back(placeholder(graph, name, std::move(shape)));
      return inputs.back();
    };
    Value x = feed("x", {2, rows, width});
    Value inner = emit.op("dense", {x, feed("w1", {width, hidden}), feed("b1", {hidden})});
    inner = emit.op("gelu", {inner});
    Value out = emit.op("dense", {inner, feed("w2", {hidden, width}), feed("b2", {width})});
    Value sum = emit.add(x, out);
    outputs = {sum};
    Value loss = emit.sum(emit.op("square", {sum}), {}, false);
    for (Value grad : gradients(graph, loss, inputs)) outputs.push_back(grad);
  }
  Program optimized() const {
    Program program{graph, outputs, {}};
    FeedTypes types;
    for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
    return optimize(program, types);
  }
};

}  // namespace

TEST("gelu, its slope and residuals become parts of the products before them") {
  Block block(5, 6, 9);
  Program program = block.optimized();
  int slopes = 0;
  int joins = 0;
  for (int id = 0; id < program.graph.size(); ++id) {
    const Node& node = program.graph.node(id);
    if (!node.is("fused_product")) continue;
    slopes += node.flag("slope") ? 1 : 0;
    joins += node.text("join").empty() ? 0 : 1;
  }
  CHECK(slopes == 1);
  // The residual, the product with the slope, and the sum of the two ways back to x.
  CHECK(joins == 3);
  CHECK(count(program.graph, "dense") == 0);
}

TEST("products with all that is joined to them agree with the plain reference") {
  for (auto [rows, width, hidden] : {std::tuple{5, 6, 9}, std::tuple{130, 33, 70},
                                     std::tuple{1, 300, 17}, std::tuple{16, 20, 600}}) {
    Block block(rows, width, hidden);
    std::vector<Tensor> wanted = evaluate_reference(block.graph, block.outputs, block.feeds);
    std::vector<Tensor> first = evaluate_backend(block.graph, block.outputs, block.feeds, 1);
    std::vector<Tensor> third = evaluate_backend(block.graph, block.outputs, block.feeds, 3);
    for (size_t i = 0; i < wanted.size(); ++i) {
      CHECK_MESSAGE(largest_difference(first[i], wanted[i]) < 2e-4,
                    "output " + std::to_string(i) + " of " + std::to_string(rows) + " rows");
      CHECK(largest_difference(third[i], first[i]) == 0);
    }
  }
}

TEST("a sum with a shape of its own stays outside the product") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {4, 6});
  Value w = placeholder(graph, "w", {6, 5});
  Value column = placeholder(graph, "column", {4, 1});
  Value y = emit.add(emit.op("matmul", {x, w}), column);
  FeedTypes types;
  for (Value value : {x, w, column}) types[graph.node(value).name] = graph.type(value);
  Program program = optimize(Program{graph, {y}, {}}, types);
  CHECK(count(program.graph, "fused_product") == 0);
  CHECK(count(program.graph, "matmul") == 1);
}

}  // namespace vanda::testing
