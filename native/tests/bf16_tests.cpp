#include "ops/bf16.hpp"

#include <bit>
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/onednn.hpp"
#include "core/autodiff.hpp"
#include "ops/elementwise.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

// Whatever a float can be: every exponent, halves between two numbers of bfloat16 and what is next
// to them, both signs, and what is special.
std::vector<float> floats() {
  std::vector<float> out = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 3.4028235e38f, 1e-45f};
  for (uint32_t top = 0; top < 0x7f80; top += 37) {
    for (uint32_t low : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      out.push_back(std::bit_cast<float>(top << 16 | low));
      out.push_back(-out.back());
    }
  }
  for (uint32_t low : {0x7fffu, 0x8000u, 0xffffu}) {
    for (uint32_t top : {0x7f7fu, 0x7f7eu, 0x0000u, 0x007fu})
      out.push_back(std::bit_cast<float>(top << 16 | low));
  }
  return out;
}

// By its meaning alone: the nearer one of the two numbers of bfloat16 that x lies between.
float nearest(float x) {
  if (!std::isfinite(x)) return x;
  uint32_t bits = std::bit_cast<uint32_t>(x);
  uint32_t below = bits & 0xffff0000u;
  auto wide = [](uint32_t pattern) {
    float value = std::bit_cast<float>(pattern);
    // Behind the largest number comes the one that the next exponent would begin with.
    return std::isinf(value) ? std::copysign(std::ldexp(1.0, 128), value) : double{value};
  };
  double down = std::fabs(static_cast<double>(x) - wide(below));
  double up = std::fabs(static_cast<double>(x) - wide(below + 0x10000u));
  bool even = (below & 0x10000u) == 0;
  return std::bit_cast<float>(down < up || (down == up && even) ? below : below + 0x10000u);
}

bool same(float a, float b) {
  return std::isnan(a) ? std::isnan(b) : std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

SessionOptions options_of(Precision precision, int threads = 1) {
  SessionOptions options{threads};
  options.precision = precision;
  return options;
}

struct Network {
  Graph graph;
  Feeds feeds;
  std::vector<Value> inputs, outputs;

  Value feed(std::vector<int64_t> shape) {
    std::string name = "x" + std::to_string(inputs.size());
    feeds[name] = random_tensor({DType::f32, Shape(shape)}, 300 + inputs.size(), -1, 1);
    inputs.push_back(placeholder(graph, name, std::move(shape)));
    return inputs.back();
  }
  void train(Value y) {
    Emit emit(graph);
    Value loss = emit.sum(emit.op("square", {y}), {}, false);
    outputs = {y};
    for (Value grad : gradients(graph, loss, inputs)) outputs.push_back(grad);
  }
  FeedTypes types() const {
    FeedTypes all;
    for (const auto& [name, tensor] : feeds) all[name] = tensor.type;
    return all;
  }
  // Rounded, and not fused yet.
  Program rounded() const {
    OptimizeOptions options;
    options.precision = Precision::bfloat16_emulated;
    options.passes.set("fuse", false);
    return optimize(Program{graph, outputs, {}}, types(), options);
  }
  std::vector<Tensor> run(Precision precision, int threads) const {
    Session session(options_of(precision, threads));
    std::vector<NamedView> views;
    for (const auto& [name, tensor] : feeds) views.push_back({name, tensor.type, tensor.data()});
    return session.run(session.prepare(graph, outputs, {}), views, 0);
  }
  std::vector<std::string> labels(Precision precision) const {
    Session session(options_of(precision));
    std::vector<std::string> all;
    auto cached = session.plan_for(session.prepare(graph, outputs, {}), types());
    for (const StepInfo& step : cached->plan->steps()) all.push_back(step.label);
    return all;
  }
};

// Pictures through two convolutions, then rows through products with and without a batch of their
// own, of every kind that gradients make of them.
Network small_network() {
  Network net;
  Emit emit(net.graph);
  Attributes window = {{"padding", std::string("same")},
                       {"stride", std::vector<int64_t>{1, 1}},
                       {"groups", int64_t{1}}};
  Value x = net.feed({4, 8, 8, 8});
  Value y = emit.op("conv2d", {x, net.feed({3, 3, 8, 16}), net.feed({16})}, window);
  y = emit.op("relu", {y});
  y = emit.op("conv2d", {y, net.feed({3, 3, 16, 8})}, window);
  y = emit.op("reshape", {y}, {{"shape", std::vector<int64_t>{4, 16, 32}}});
  y = emit.op("dense", {y, net.feed({32, 24}), net.feed({24})});
  y = emit.op("gelu", {y});
  net.train(emit.op("matmul", {y, y}, {{"transposeB", true}}));
  return net;
}

}  // namespace

TEST("round_bf16 gives the nearest number of bfloat16, on every table and in oneDNN's reorder") {
  std::vector<float> x = floats();
  std::vector<float> y(x.size());
  int64_t n = static_cast<int64_t>(x.size());
  for (float value : x) {
    double wide = value;
    float got = static_cast<float>(scalar_reference(Scalar::round_bf16, &wide, nullptr));
    CHECK_MESSAGE(same(got, nearest(value)), "the reference of " + std::to_string(value));
  }
  const cpu::KernelTable* tables[3];
  int count = cpu::runnable_kernels(tables);
  for (int t = 0; t < count; ++t) {
    tables[t]->tile[static_cast<int>(Scalar::round_bf16)](y.data(), x.data(), nullptr, nullptr,
                                                          nullptr, n);
    for (size_t i = 0; i < x.size(); ++i) {
      CHECK_MESSAGE(same(y[i], nearest(x[i])),
                    std::string(tables[t]->isa) + " of " + std::to_string(x[i]));
    }
  }
  // What is rounded in a plan comes out of this reorder as it is; processors that have the
  // instruction take denormal numbers for 0.
  cpu::Layout from = cpu::plain_layout({DType::f32, Shape{n}});
  cpu::Layout to = cpu::plain_bf16_layout(Shape{n});
  cpu::Layout scratch;
  dnnl::primitive reorder = cpu::reorder(from, to, &scratch);
  std::vector<uint16_t> half(x.size());
  std::vector<char> room(cpu::layout_bytes(scratch) + 1);
  dnnl::stream stream(cpu::onednn_engine());
  reorder.execute(
      stream, {{DNNL_ARG_FROM, dnnl::memory(from, cpu::onednn_engine(), x.data())},
               {DNNL_ARG_TO, dnnl::memory(to, cpu::onednn_engine(), half.data())},
               {DNNL_ARG_SCRATCHPAD, dnnl::memory(scratch, cpu::onednn_engine(), room.data())}});
  stream.wait();
  for (size_t i = 0; i < x.size(); ++i) {
    float got = std::bit_cast<float>(static_cast<uint32_t>(half[i]) << 16);
    bool denormal = std::fabs(x[i]) < 1.17549435e-38f;
    CHECK_MESSAGE(same(got, nearest(x[i])) || (denormal && got == 0),
                  "the reorder of " + std::to_string(x[i]));
  }
}

TEST("the gradient passes straight through round_bf16") {
  Network net;
  Emit emit(net.graph);
  Value x = net.feed({3, 5});
  Value weight = net.feed({3, 5});
  Value loss = emit.sum(emit.mul(emit.op("round_bf16", {x}), weight), {}, false);
  net.outputs = gradients(net.graph, loss, {x});
  Tensor got = evaluate_reference(net.graph, net.outputs, net.feeds)[0];
  CHECK(largest_difference(got, net.feeds.at("x1")) == 0);
}

TEST("the factors of every product are rounded, each value once, and nothing else is") {
  Network net = small_network();
  Program program = net.rounded();
  int products = 0;
  std::map<Value, int> roundings;
  for (int id = 0; id < program.graph.size(); ++id) {
    const Node& node = program.graph.node(id);
    if (node.is("round_bf16")) ++roundings[node.inputs[0]];
    bool product = node.is("matmul") || node.is("dense") || node.op->name.starts_with("conv2d");
    products += product ? 1 : 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      bool factor = product && i < 2;
      bool carries = node.is("reshape") || node.is("round_bf16");
      bool rounded = is_bf16(program.graph, node.inputs[i]);
      CHECK_MESSAGE(factor ? rounded : carries || !rounded,
                    node.op->name + ", input " + std::to_string(i));
    }
  }
  // Four on the way forward, and two in the gradient of each.
  CHECK(products == 12);
  for (const auto& [value, count] : roundings) CHECK(count == 1);
  CHECK(!roundings.empty());
}

TEST("plans in bfloat16 compute what their rounded program says") {
  Network net = small_network();
  Program rounded = net.rounded();
  std::vector<Tensor> exact = evaluate_reference(net.graph, net.outputs, net.feeds);
  std::vector<Tensor> wanted = evaluate_reference(rounded.graph, rounded.outputs, net.feeds);
  for (Precision precision : {Precision::bfloat16_emulated, Precision::bfloat16_tried}) {
    for (int threads : {1, 3}) {
      std::vector<Tensor> got = net.run(precision, threads);
      for (size_t i = 0; i < got.size(); ++i) {
        // Sums in another order may fall on the other side of a half: one number in a few thousand
        // is then off by a part in 256, and goes into sums of hundreds.
        double off = largest_difference(got[i], wanted[i]);
        double cost = largest_difference(exact[i], wanted[i]);
        CHECK_MESSAGE(off < 0.3 * cost && off < 5e-3,
                      "output " + std::to_string(i) + " is off by " + std::to_string(off) +
                          ", what rounding costs is " + std::to_string(cost));
      }
    }
  }
}

TEST("oneDNN's primitives of bfloat16 take the products wherever it has them") {
  std::vector<std::string> labels = small_network().labels(Precision::bfloat16_tried);
  int native = 0;
  for (const std::string& label : labels) native += label.ends_with(" bf16") ? 1 : 0;
  CHECK(native == 12 || !cpu::onednn_has_bf16());
  // Where it has none, those of f32 stand in their places.
  int products = 0;
  for (const std::string& label : labels) {
    products +=
        label.starts_with("conv2d") || label.starts_with("dense") || label.starts_with("matmul");
  }
  CHECK(products == 12);
}

TEST("a plan that only answers rounds its weights when they were written, not in each run") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {4, 32});
  Attributes attributes = {{"dtype", std::string("f32")}, {"shape", std::vector<int64_t>{32, 32}}};
  Value w{graph.add("variable", {}, attributes, "w"), 0};
  Value y = emit.op("dense", {x, w});
  for (Precision precision : {Precision::bfloat16_emulated, Precision::bfloat16_tried}) {
    Session session(options_of(precision));
    Tensor feed = random_tensor({DType::f32, Shape{4, 32}}, 1);
    auto run = [&] {
      return session.run(session.prepare(graph, {y}, {}), {{"x", feed.type, feed.data()}}, 0)[0];
    };
    session.prepare(graph, {y}, {});
    Tensor weights = random_tensor({DType::f32, Shape{32, 32}}, 2);
    session.write_variables({{"w", weights.type, weights.data()}});
    Tensor before = run();
    Variable& variable = session.variables.at("w");
    std::memset(variable.storage.data(), 0, variable.type.bytes());
    CHECK(largest_difference(run(), before) == 0);
    variable.version.fetch_add(1);
    CHECK(largest_difference(run(), before) > 0.1);
  }
}

TEST("bfloat16 is refused where the processor has no instructions for it") {
  auto make = [] { Session session(options_of(Precision::bfloat16)); };
  CHECK(code_of(make) == (linked_backend().has_bf16() ? "" : "unsupported"));
}

}  // namespace vanda::testing
