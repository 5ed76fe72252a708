#include <algorithm>
#include <cstring>

#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

// A wide convolution, a depthwise one and a narrow one, with more between them than a core's cache
// holds.
struct Blocks {
  int64_t batch, height, width, channels, wide, narrow;  // no wide or narrow one: 0
  int64_t wide_size, size, stride;
  std::vector<int64_t> pads;  // of the depthwise one: top, bottom, left, right
  bool add;                   // the pictures to the result
  int64_t steps;              // of the plan that are chains
};

// Borders on all sides and none, rows that do not fill the last few, one picture and more than
// threads.
const Blocks kBlocks[] = {
    {1, 61, 90, 16, 112, 16, 1, 3, 1, {1, 1, 1, 1}, true, 1},
    {2, 57, 61, 8, 96, 24, 1, 3, 2, {0, 1, 0, 1}, false, 1},
    {5, 33, 35, 8, 96, 20, 1, 5, 2, {2, 2, 2, 2}, false, 1},
    {1, 121, 97, 3, 48, 16, 3, 3, 1, {1, 1, 1, 1}, false, 1},
    {1, 99, 130, 19, 53, 0, 1, 5, 1, {2, 2, 2, 2}, false, 1},
    {3, 75, 70, 40, 40, 24, 0, 3, 1, {1, 1, 1, 1}, false, 1},
    {9, 41, 30, 8, 64, 16, 1, 3, 1, {4, 5, 1, 1}, false, 1},
    {1, 12, 12, 8, 48, 8, 1, 3, 1, {1, 1, 1, 1}, false, 0},  // in the cache as it is
};

struct Network {
  Graph graph;
  Feeds feeds;
  std::vector<Value> between;
  Value y;

  Value feed(const std::string& name, std::vector<int64_t> shape) {
    Value value = placeholder(graph, name, std::move(shape));
    feeds[name] = random_tensor(graph.type(value), 90 + feeds.size(), -1, 1.25);
    return value;
  }
  Value conv(Value x, const std::string& name, std::vector<int64_t> kernel, Attributes attributes) {
    int64_t filters = kernel[3];
    Value weights = feed(name, std::move(kernel));
    return Emit(graph).op("conv2d", {x, weights, feed(name + " bias", {filters})},
                          std::move(attributes));
  }

  explicit Network(const Blocks& b) {
    Emit emit(graph);
    Value x = feed("x", {b.batch, b.height, b.width, b.channels});
    y = x;
    if (b.wide_size > 0) {
      y = emit.op("relu6", {conv(y, "wide", {b.wide_size, b.wide_size, b.channels, b.wide},
                                 {{"padding", std::string("same")}})});
      between.push_back(y);
    }
    y = emit.op("relu6", {conv(y, "depth", {b.size, b.size, 1, b.wide},
                               {{"groups", b.wide},
                                {"pads", b.pads},
                                {"padding", std::string("explicit")},
                                {"stride", std::vector<int64_t>{b.stride, b.stride}}})});
    if (b.narrow == 0) return;
    between.push_back(y);
    y = conv(y, "narrow", {1, 1, b.wide, b.narrow}, {});
    if (b.add) y = emit.add(y, x);
  }

  int64_t chains() const {
    Session session(2);
    FeedTypes types;
    for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
    auto cached = session.plan_for(session.prepare(graph, {y}, {}), types);
    std::vector<StepInfo> steps = cached->plan->steps();
    return std::count_if(steps.begin(), steps.end(), [](const StepInfo& step) {
      return step.label.find(" x conv2d") != std::string::npos;
    });
  }
};

bool same(const Tensor& a, const Tensor& b) {
  return a.type == b.type && std::memcmp(a.data(), b.data(), a.type.bytes()) == 0;
}

}  // namespace

TEST("convolutions a few rows at a time answer what they answer one after the other") {
  for (const Blocks& blocks : kBlocks) {
    Network network(blocks);
    CHECK(network.chains() == blocks.steps);
    // What is handed out is made whole.
    std::vector<Value> outputs = {network.y};
    outputs.insert(outputs.end(), network.between.begin(), network.between.end());
    Tensor apart = evaluate_backend(network.graph, outputs, network.feeds)[0];
    CHECK(largest_difference(
              apart, evaluate_reference(network.graph, {network.y}, network.feeds)[0]) < 1e-4);
    for (int threads : {1, 2, 3, 7}) {
      CHECK(same(evaluate_backend(network.graph, {network.y}, network.feeds, threads)[0], apart));
    }
  }
}

}  // namespace vanda::testing
