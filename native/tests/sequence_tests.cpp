#include <cstring>

#include "core/autodiff.hpp"
#include "ops/recurrent.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

struct Wanted {
  Graph graph;
  Feeds feeds;
  std::vector<Value> outputs;

  Value feed(const std::string& name, std::vector<int64_t> shape, double low, double high,
             DType dtype = DType::f32) {
    feeds[name] = random_tensor(TensorType{dtype, Shape(shape)}, 40 + feeds.size(), low, high);
    return placeholder(graph, name, std::move(shape), dtype);
  }
  // The gradients of sum(output * weights) towards all float feeds.
  void add_gradients(Value output, const std::vector<Value>& wrt) {
    Emit emit(graph);
    Value weights = feed("weights", graph.type(output).shape.dims(), 0.5, 1.5);
    Value loss = emit.sum(emit.mul(output, weights), {}, false);
    outputs.push_back(output);
    for (Value grad : gradients(graph, loss, wrt)) outputs.push_back(grad);
  }
  void check(const std::string& what) {
    std::vector<Tensor> wanted = evaluate_reference(graph, outputs, feeds);
    std::vector<Tensor> first = evaluate_backend(graph, outputs, feeds, 1);
    std::vector<Tensor> third = evaluate_backend(graph, outputs, feeds, 3);
    for (size_t i = 0; i < outputs.size(); ++i) {
      double difference = largest_difference(first[i], wanted[i]);
      CHECK_MESSAGE(difference < 2e-4, what + ": output " + std::to_string(i) + " is off by " +
                                           std::to_string(difference));
      CHECK_MESSAGE(largest_difference(third[i], first[i]) == 0,
                    what + ": output " + std::to_string(i) + " depends on the number of threads");
    }
  }
};

void check_recurrent(const std::string& op, bool reverse, bool state, bool mask, int64_t batch,
                     int64_t steps, int64_t inputs, int64_t units) {
  Wanted wanted;
  int64_t columns = (op == "lstm" ? 4 : 3) * units;
  std::vector<Value> all = {wanted.feed("x", {batch, steps, inputs}, -1, 1),
                            wanted.feed("w", {inputs, columns}, -0.4, 0.4),
                            wanted.feed("u", {units, columns}, -0.4, 0.4)};
  all.push_back(op == "lstm" ? wanted.feed("b", {columns}, -1, 1)
                             : wanted.feed("b", {2, columns}, -1, 1));
  if (state) all.push_back(wanted.feed("h0", {batch, units}, -1, 1));
  if (state && op == "lstm") all.push_back(wanted.feed("c0", {batch, units}, -1, 1));
  std::vector<Value> arguments = all;
  if (mask) arguments.push_back(wanted.feed("mask", {batch, steps}, -1, 1, DType::boolean));
  if (mask) {
    uint8_t* seen = wanted.feeds.at("mask").as<uint8_t>();
    for (int64_t i = 0; i < batch * steps; ++i) seen[i] = i % 5 == 0 || i / steps == 1 ? 0 : 1;
  }
  Value y{wanted.graph.add(op, arguments, {{"reverse", reverse}, {"state", state}, {"mask", mask}}),
          0};
  wanted.add_gradients(y, all);
  wanted.check(op + " of " + wanted.graph.type(all[0]).text());
}

void check_attention(int64_t heads, bool causal, int mask_rank, int64_t queries, int64_t keys,
                     int64_t depth, int64_t value_depth) {
  constexpr int64_t kBatch = 2;
  Wanted wanted;
  std::vector<Value> all = {wanted.feed("q", {kBatch, queries, heads * depth}, -1, 1),
                            wanted.feed("k", {kBatch, keys, heads * depth}, -1, 1),
                            wanted.feed("v", {kBatch, keys, heads * value_depth}, -1, 1)};
  std::vector<Value> arguments = all;
  if (mask_rank > 0) {
    std::vector<int64_t> shape = {kBatch, keys};
    if (mask_rank == 3) shape.insert(shape.begin() + 1, queries);
    arguments.push_back(wanted.feed("mask", shape, -1, 1, DType::boolean));
    Tensor& mask = wanted.feeds.at("mask");
    // The second row of the batch sees nothing at all.
    int64_t half = mask.type.shape.elements() / kBatch;
    for (int64_t i = 0; i < kBatch * half; ++i) mask.as<uint8_t>()[i] = i < half && i % 3 != 1;
  }
  Value y = Emit(wanted.graph)
                .op("attention", arguments,
                    {{"heads", heads}, {"causal", causal}, {"mask", mask_rank > 0}});
  wanted.add_gradients(y, all);
  wanted.check("attention of " + wanted.graph.type(all[0]).text() + " and " +
               wanted.graph.type(all[1]).text());
}

}  // namespace

TEST("recurrent layers agree with their reference, whatever the number of threads") {
  for (const char* op : {"lstm", "gru"}) {
    check_recurrent(op, false, false, false, 7, 5, 19, 21);
    check_recurrent(op, true, true, true, 13, 4, 6, 33);
    check_recurrent(op, false, true, true, 2, 150, 5, 8);
    check_recurrent(op, true, false, true, 9, 3, 40, 16);
    check_recurrent(op, false, true, false, 1, 1, 1, 1);
  }
}

TEST("attention agrees with its reference, whatever the number of threads") {
  check_attention(2, false, 0, 70, 150, 9, 16);
  check_attention(3, true, 2, 140, 140, 8, 5);
  check_attention(1, true, 0, 40, 300, 17, 33);
  check_attention(2, true, 3, 150, 20, 4, 4);
  check_attention(4, false, 2, 64, 64, 32, 32);
}

TEST("a query that may look at nothing gets zeros and gives none back") {
  Wanted wanted;
  Value x = wanted.feed("x", {1, 3, 12}, -1, 1);
  Value mask = wanted.feed("mask", {1, 3}, 0, 0.5, DType::boolean);
  std::memset(wanted.feeds.at("mask").data(), 0, 3);
  Value y = Emit(wanted.graph)
                .op("attention", {x, mask},
                    {{"heads", int64_t{2}}, {"mask", true}, {"packed", true}});
  wanted.add_gradients(y, {x});
  for (const Tensor& tensor : evaluate_backend(wanted.graph, wanted.outputs, wanted.feeds, 2)) {
    for (int64_t i = 0; i < tensor.type.shape.elements(); ++i) CHECK(tensor.as<float>()[i] == 0);
  }
}

TEST("a masked step carries the state through and repeats the output") {
  Wanted wanted;
  std::vector<Value> inputs = {
      wanted.feed("x", {1, 4, 2}, -1, 1), wanted.feed("w", {2, 12}, -1, 1),
      wanted.feed("u", {3, 12}, -1, 1), wanted.feed("b", {12}, -1, 1),
      wanted.feed("mask", {1, 4}, 0, 1, DType::boolean)};
  const uint8_t seen[] = {0, 1, 0, 1};
  std::memcpy(wanted.feeds.at("mask").data(), seen, 4);
  int node = wanted.graph.add("lstm", inputs, {{"mask", true}});
  std::vector<Tensor> got =
      evaluate_backend(wanted.graph, {Value{node, 0}, Value{node, 1}}, wanted.feeds);
  const float* y = got[0].as<float>();
  for (int64_t j = 0; j < 3; ++j) {
    CHECK(y[j] == 0);
    CHECK(y[3 + j] != 0 && y[6 + j] == y[3 + j]);
    CHECK(y[9 + j] != y[6 + j] && got[1].as<float>()[j] == y[9 + j]);
  }
}

TEST("fused backward kernels say that they have no second order") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {2, 3, 12});
  Value y = emit.op("attention", {x}, {{"heads", int64_t{2}}, {"packed", true}});
  Value first = gradients(graph, emit.sum(y, {}, false), {x})[0];
  try {
    gradients(graph, emit.sum(emit.op("square", {first}), {}, false), {x});
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.code == "no_gradient" && error.op == "attention");
    CHECK(error.detail.find("cannot be differentiated again") != std::string::npos);
  }
}

TEST("sequence ops say what would fit") {
  Graph graph;
  Emit emit(graph);
  auto feed = [&](const char* name, std::vector<int64_t> shape) {
    return placeholder(graph, name, std::move(shape));
  };
  Value x = feed("x", {-1, 5, 3});
  Value w = feed("w", {3, 16});
  Value u = feed("u", {4, 16});
  Value b = feed("b", {16});
  auto code = [&](const char* op, std::vector<Value> inputs, Attributes attributes) {
    return code_of([&] { emit.op(op, inputs, attributes); });
  };
  CHECK(code("lstm", {x, w, u, b}, {}) == "");
  CHECK(code("lstm", {x, w, u, w}, {}) == "shape_mismatch");
  CHECK(code("lstm", {w, w, u, b}, {}) == "shape_mismatch");
  CHECK(code("gru", {x, w, u, b}, {}) == "shape_mismatch");
  CHECK(code("lstm", {x, w, u, b}, {{"state", true}}) == "invalid_graph");
  CHECK(code("lstm", {x, w, u, b, x}, {{"mask", true}}) == "shape_mismatch");
  CHECK(code("attention", {x, x, x}, {{"heads", int64_t{2}}}) == "shape_mismatch");
  CHECK(code("attention", {x, x, x}, {{"heads", int64_t{-1}}}) == "invalid_attribute");
  CHECK(code("attention", {x, x, x}, {}) == "shape_mismatch");
  CHECK(code("attention", {x, x}, {{"heads", int64_t{1}}}) == "invalid_graph");
  CHECK(code("attention", {x, x, x, x}, {{"heads", int64_t{3}}, {"mask", true}}) ==
        "shape_mismatch");
  CHECK(code("attention", {x, x, x}, {{"heads", int64_t{3}}}) == "");
}

}  // namespace vanda::testing
