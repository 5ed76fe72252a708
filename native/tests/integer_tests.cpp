#include <cstring>

#include "ops/elementwise.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

using Ints = std::vector<int64_t>;

// Small and huge numbers, both signs, so that products wrap and floats would lose bits.
Tensor random_integers(const TensorType& type, uint64_t seed, bool small) {
  PhiloxStream random(seed, 5);
  Tensor tensor(type);
  View view{&tensor.type, tensor.data()};
  for (int64_t i = 0; i < view.elements(); ++i) {
    auto bits = static_cast<int64_t>(static_cast<uint64_t>(random.bits()) << 32 | random.bits());
    view.set_integer(i, small || random.below(3) == 0 ? bits % 7 : bits);
  }
  return tensor;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.type == b.type && std::memcmp(a.data(), b.data(), a.type.bytes()) == 0;
}

// Runs a graph of one op by kernel and by plain reference; counts the elements that differ.
void compare(const std::string& what, Graph& graph, Value output, const Feeds& feeds) {
  Tensor wanted = evaluate_reference(graph, {output}, feeds)[0];
  for (int threads : {1, 3}) {
    Tensor got = evaluate_backend(graph, {output}, feeds, threads)[0];
    CHECK_MESSAGE(same(got, wanted), what + " with " + std::to_string(threads) + " threads");
  }
  Session session(1);
  FeedTypes types;
  for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
  std::shared_ptr<CachedPlan> plan = session.plan_for(session.prepare(graph, {output}, {}), types);
  for (const StepInfo& step : plan->plan->steps()) {
    CHECK_MESSAGE(!step.label.starts_with("reference"), what + " runs " + step.label);
  }
}

}  // namespace

TEST("integer arithmetic is exact, wraps, and has kernels") {
  const std::vector<std::vector<Ints>> shapes = {
      {{3, 5}, {3, 5}, {3, 5}}, {{4, 1, 5}, {3, 1}, {1}}, {{2000, 40}, {40}, {2000, 1}}};
  uint64_t seed = 100;
  for (const ScalarInfo& info : scalar_table()) {
    for (DType dtype : {DType::i32, DType::i64}) {
      for (const std::vector<Ints>& of : shapes) {
        ++seed;
        Graph graph;
        Emit emit(graph);
        Feeds feeds;
        std::vector<Value> inputs;
        for (int i = 0; i < info.arity; ++i) {
          bool condition = info.code == Scalar::where && i == 0;
          TensorType type{condition ? DType::boolean : dtype, Shape(of[static_cast<size_t>(i)])};
          std::string name = "x" + std::to_string(i);
          inputs.push_back(placeholder(graph, name, type.shape.dims(), type.dtype));
          feeds[name] = condition ? random_tensor(type, seed, -1, 1)
                                  : random_integers(type, seed + static_cast<uint64_t>(i), i == 1);
        }
        Value output;
        if (!code_of([&] { output = emit.op(info.op, inputs); }).empty()) continue;
        compare(std::string(info.op) + " on " + std::string(dtype_name(dtype)) + ", seed " +
                    std::to_string(seed),
                graph, output, feeds);
      }
    }
  }
}

TEST("casts to and from integers are exact and saturate") {
  const DType all[] = {DType::f32, DType::i32, DType::i64, DType::u8, DType::boolean};
  const double special[] = {0,     -0.0,     1.9,       -1.9,  255,          256,          -1,
                            2.5e9, -2.5e9,   1e19,      -1e19, 2147483520,   3e38,         -3e38,
                            NAN,   INFINITY, -INFINITY, 1e-40, 2147483648.0, -2147483648.0};
  for (DType from : all) {
    for (DType to : all) {
      Graph graph;
      Emit emit(graph);
      TensorType type{from, Shape{2100}};
      Value x = placeholder(graph, "x", {2100}, from);
      Tensor tensor =
          from == DType::f32 ? random_tensor(type, 3, -300, 300) : random_integers(type, 9, false);
      if (from == DType::boolean) tensor = random_tensor(type, 3, 0, 1);
      if (from == DType::f32) {
        for (size_t i = 0; i < std::size(special); ++i) {
          tensor.as<float>()[i] = static_cast<float>(special[i]);
        }
        // What a byte cannot hold is refused by no one and meant by no one.
        if (to == DType::u8) tensor = random_tensor(type, 3, 0, 255);
      }
      Value y = emit.cast(x, to);
      Tensor wanted = evaluate_reference(graph, {y}, {{"x", tensor}})[0];
      Tensor got = evaluate_backend(graph, {y}, {{"x", tensor}})[0];
      CHECK_MESSAGE(same(got, wanted), "cast from " + std::string(dtype_name(from)) + " to " +
                                           std::string(dtype_name(to)));
    }
  }
}

TEST("integer reductions and running sums are exact over any axes") {
  for (DType dtype : {DType::i32, DType::i64}) {
    for (const Ints& axes : {Ints{0}, Ints{1}, Ints{2}, Ints{0, 2}, Ints{}}) {
      for (const char* op : {"sum", "prod", "max", "min"}) {
        Graph graph;
        Emit emit(graph);
        TensorType type{dtype, Shape{40, 30, 70}};
        Value x = placeholder(graph, "x", {40, 30, 70}, dtype);
        Value y = emit.op(op, {x}, {{"axes", axes}});
        compare(op, graph, y, {{"x", random_integers(type, 17, false)}});
      }
    }
    for (int64_t axis : {0, 1, 2}) {
      for (bool exclusive : {false, true}) {
        Graph graph;
        Emit emit(graph);
        TensorType type{dtype, Shape{40, 30, 70}};
        Value x = placeholder(graph, "x", {40, 30, 70}, dtype);
        Value y = emit.op("cumsum", {x},
                          {{"axis", axis}, {"exclusive", exclusive}, {"reverse", exclusive}});
        compare("cumsum", graph, y, {{"x", random_integers(type, 18, false)}});
      }
    }
  }
}

}  // namespace vanda::testing
