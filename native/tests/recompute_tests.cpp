#include <cstring>

#include "core/autodiff.hpp"
#include "ops/recompute.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

struct Deep {
  Graph graph;
  std::vector<Value> outputs;  // the loss, then the gradients towards the input and the weights
  Feeds feeds;
};

// Layers of x = dropout(gelu(x w + b)) + x, each a block of its own that is computed again or not.
Deep deep(int layers, bool recompute) {
  constexpr int64_t kRows = 64, kWidth = 96;
  Deep net;
  Emit emit(net.graph);
  std::vector<Value> wrt;
  auto feed = [&](const std::string& name, std::vector<int64_t> shape) {
    Value value = placeholder(net.graph, name, shape);
    net.feeds[name] = random_tensor(net.graph.type(value), 70 + wrt.size(), -0.2, 0.2);
    wrt.push_back(value);
    return value;
  };
  Value x = feed("x", {kRows, kWidth});
  for (int layer = 0; layer < layers; ++layer) {
    std::string name = std::to_string(layer);
    Value w = feed("w" + name, {kWidth, kWidth});
    Value b = feed("b" + name, {kWidth});
    int first = net.graph.size();
    Value wide = emit.op("gelu", {emit.op("dense", {x, w, b})});
    Value kept = emit.op("dropout", {wide}, {{"rate", 0.3}, {"salt", int64_t{layer}}});
    x = emit.add(emit.op("tanh", {kept}), x);
    if (recompute) x = {close_recomputed(net.graph, first, {x}), 0};
  }
  net.outputs = {emit.sum(emit.op("square", {x}), {}, false)};
  for (Value grad : gradients(net.graph, net.outputs[0], wrt)) net.outputs.push_back(grad);
  return net;
}

size_t arena_of(const Deep& net) {
  Session session(1);
  FeedTypes types;
  for (const auto& [name, tensor] : net.feeds) types[name] = tensor.type;
  return session.plan_for(session.prepare(net.graph, net.outputs, {}), types)->plan->memory().arena;
}

}  // namespace

TEST("blocks that are computed again give the same bits, random numbers included") {
  Deep kept = deep(6, false);
  Deep again = deep(6, true);
  for (uint64_t step : {0, 5}) {
    std::vector<Tensor> wanted = evaluate_backend(kept.graph, kept.outputs, kept.feeds, 1, step);
    std::vector<Tensor> got = evaluate_backend(again.graph, again.outputs, again.feeds, 1, step);
    for (size_t i = 0; i < wanted.size(); ++i) {
      bool same = std::memcmp(wanted[i].data(), got[i].data(), wanted[i].type.bytes()) == 0;
      CHECK_MESSAGE(same, "output " + std::to_string(i) + " differs");
    }
  }
}

TEST("blocks that are computed again need the memory of one of them, not of all") {
  size_t activation = size_t{64} * 96 * 4;
  size_t kept = arena_of(deep(12, false)) / activation;
  size_t again = arena_of(deep(12, true)) / activation;
  // What each block reads stays: one activation a block. Without, three or more of each live.
  CHECK_MESSAGE(again * 3 < kept * 2,
                std::to_string(again) + " activations against " + std::to_string(kept));
}

TEST("a block closes what it computed itself") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {2});
  int first = graph.size();
  Value y = emit.op("exp", {x});
  CHECK(code_of([&] { close_recomputed(graph, first, {x}); }) == "invalid_graph");
  CHECK(code_of([&] { close_recomputed(graph, first, {y}); }).empty());
}

}  // namespace vanda::testing
