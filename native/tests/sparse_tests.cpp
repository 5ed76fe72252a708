#include <cstring>
#include <set>

#include "core/autodiff.hpp"
#include "ops/update.hpp"
#include "passes/passes.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

Value variable(Graph& graph, const std::string& name, std::vector<int64_t> shape,
               const char* init = "normal") {
  return {graph.add("variable", {},
                    {{"dtype", std::string("f32")},
                     {"shape", std::move(shape)},
                     {"init", std::string(init)},
                     {"scale", 0.5},
                     {"seed", int64_t{3}}},
                    name),
          0};
}

Value column(Emit& emit, Value matrix, int64_t at) {
  Value cut = emit.op("slice", {matrix},
                      {{"begin", std::vector<int64_t>{0, at}}, {"size", std::vector<int64_t>{-1, 1}}});
  return emit.op("reshape", {cut}, {{"shape", std::vector<int64_t>{-1}}});
}

struct Rule {
  const char* op;
  int slots;
  Attributes attributes;
  bool exact;  // without being lazy
};

std::vector<Rule> rules() {
  return {{"apply_sgd", 0, {}, true},
          {"apply_momentum", 1, {}, false},
          {"apply_momentum", 1, {{"nesterov", true}}, false},
          {"apply_adagrad", 1, {}, true},
          {"apply_rmsprop", 1, {}, false},
          {"apply_rmsprop", 3, {{"momentum", 0.5}, {"centered", true}}, false},
          {"apply_adam", 2, {}, false},
          {"apply_adam", 3, {{"amsgrad", true}, {"weightDecay", 0.1}}, false},
          {"apply_ftrl", 2, {{"l1", 0.01}}, false}};
}

constexpr int64_t kRows = 400;
constexpr int64_t kBatch = 96;

// A table of which a batch reads some rows twice, through two columns of one matrix of indices and a
// bag, trained for some steps.
struct Lookup {
  Graph graph;
  Program program;
  Feeds feeds;
  std::vector<Value> gradients_of;

  // `dense` hides from the pass that the gradient is sparse.
  Lookup(const Rule& rule, int64_t width, bool lazy, bool dense, bool clipped = false) {
    Emit emit(graph);
    Value table = variable(graph, "table", {kRows, width});
    Value indices = placeholder(graph, "i", {-1, 3}, DType::i32);
    Value first = emit.op("gather", {table, column(emit, indices, 0)});
    Value second = emit.op("gather", {table, column(emit, indices, 2)});
    Value bag = emit.op("bag_sum", {table, indices}, {{"padding", int64_t{7}}});
    Value loss = emit.add(emit.op("sum", {emit.op("square", {emit.add(first, bag)})}),
                          emit.op("sum", {emit.op("tanh", {emit.mul(second, first)})}));
    Value gradient = gradients(graph, loss, {table})[0];
    if (dense) {
      Tensor ones(TensorType{DType::f32, Shape{kRows, width}});
      std::fill_n(ones.as<float>(), kRows * width, 1.0f);
      gradient = emit.mul(gradient, Value{graph.add_constant(ones), 0});
    }
    if (clipped) {
      Value norm = emit.op("sqrt", {emit.op("sum", {emit.op("square", {gradient})})});
      program.outputs.push_back(norm);
      gradient = emit.mul(gradient, emit.div(emit.scalar(0.5, norm), norm));
    }
    std::vector<Value> inputs = {table};
    for (int s = 0; s < rule.slots; ++s) {
      inputs.push_back(variable(graph, "slot" + std::to_string(s), {kRows, width}, "zeros"));
    }
    inputs.push_back(gradient);
    inputs.push_back(emit.scalar(0.01, loss));
    if (std::string(rule.op) == "apply_adam") inputs.push_back(emit.op("step", {}));
    Attributes attributes = rule.attributes;
    attributes["lazy"] = lazy;
    int effect = graph.add(rule.op, inputs, attributes);
    program.graph = graph;
    program.outputs.insert(program.outputs.begin(), loss);
    program.effects = {effect};
    // Rows 0 to 3 come in every batch, and twice; the last hundred never.
    Tensor batch = random_tensor(TensorType{DType::i32, Shape{kBatch, 3}}, 5, 0, kRows - 100.001);
    for (int k = 0; k < 8; ++k) batch.as<int32_t>()[k] = k % 4;
    feeds["i"] = batch;
  }

  FeedTypes types() const { return {{"i", feeds.at("i").type}}; }

  std::vector<Tensor> run(int threads, int steps) {
    Session session(threads);
    Request request = session.prepare(graph, program.outputs, program.effects);
    std::shared_ptr<CachedPlan> cached = session.plan_for(request, types());
    for (int step = 0; step < steps; ++step) {
      std::vector<const void*> pointers = {feeds.at("i").data()};
      cached->plan->run(pointers, static_cast<uint64_t>(step));
    }
    std::vector<Tensor> values;
    for (auto& [name, tensor] : session.read_variables()) values.push_back(tensor);
    for (size_t i = 0; i < program.outputs.size(); ++i) {
      Tensor output(cached->plan->output_types()[i]);
      std::memcpy(output.data(), cached->plan->output(i), output.type.bytes());
      values.push_back(output);
    }
    return values;
  }
};

int count(const Program& program, const std::string& op) {
  int found = 0;
  for (int id = 0; id < program.graph.size(); ++id)
    found += program.graph.node(id).is(op.c_str()) ? 1 : 0;
  return found;
}

double row_difference(const Tensor& a, const Tensor& b, const std::set<int64_t>& rows) {
  int64_t width = a.type.shape[1];
  double worst = 0;
  for (int64_t row : rows) {
    for (int64_t k = 0; k < width; ++k) {
      double wanted = b.as<float>()[row * width + k];
      double difference = std::fabs(a.as<float>()[row * width + k] - wanted);
      worst = std::fmax(worst, difference / std::fmax(1, std::fabs(wanted)));
    }
  }
  return worst;
}

}  // namespace

TEST("an update by a scattered gradient becomes one that touches its rows only") {
  for (const Rule& rule : rules()) {
    Lookup exact(rule, 5, false, false);
    Program done = optimize(exact.program, exact.types());
    CHECK(count(done, "scatter_add") == (rule.exact ? 0 : 2));
    CHECK(count(done, rule.op) == (rule.exact ? 0 : 1));
    Lookup lazy(rule, 5, true, false);
    done = optimize(lazy.program, lazy.types());
    CHECK(count(done, "scatter_add") + count(done, "scatter_bag") == 0);
    CHECK(done.effects.size() == 1);
    CHECK(is_sparse_update(done.graph.node(done.effects[0])));
  }
}

TEST("a sparse update is the dense one where rows without a gradient rest") {
  for (const Rule& rule : rules()) {
    for (int64_t width : {1, 5, 16, 70}) {
      std::vector<Tensor> dense = Lookup(rule, width, false, true).run(2, 4);
      std::vector<Tensor> sparse = Lookup(rule, width, rule.exact ? false : true, false).run(2, 4);
      std::vector<Tensor> alone = Lookup(rule, width, rule.exact ? false : true, false).run(1, 4);
      std::vector<Tensor> start = Lookup(rule, width, true, false).run(1, 0);
      for (size_t i = 0; i + 1 < sparse.size(); ++i) {
        CHECK(largest_difference(sparse[i], alone[i]) == 0);
        // Rows of every batch see the same numbers, lazy or not.
        CHECK_MESSAGE(row_difference(sparse[i], dense[i], {0, 1, 2, 3}) < 1e-5,
                      std::string(rule.op) + " differs in a row of every batch");
        if (rule.exact) CHECK(largest_difference(sparse[i], dense[i]) < 1e-5);
      }
      std::set<int64_t> resting;
      for (int64_t row = kRows - 100; row < kRows; ++row) resting.insert(row);
      CHECK(row_difference(sparse[0], start[0], resting) == 0);
      CHECK(row_difference(sparse[0], start[0], {0, 1, 2, 3}) > 0);
    }
  }
}

TEST("clipping by norm leaves a sparse gradient sparse, and clips by the norm of its summed rows") {
  Rule rule = rules()[3];
  Lookup sparse(rule, 16, false, false, true);
  Program done = optimize(sparse.program, sparse.types());
  CHECK(count(done, "scatter_add") + count(done, "scatter_bag") == 0);
  CHECK(count(done, "sparse_square_sum") == 1);
  std::vector<Tensor> dense = Lookup(rule, 16, false, true, true).run(2, 3);
  std::vector<Tensor> got = sparse.run(2, 3);
  for (size_t i = 0; i < got.size(); ++i) CHECK(largest_difference(got[i], dense[i]) < 1e-4);
}

TEST("a bad index in a sparse update is an error") {
  Lookup lookup(rules()[0], 5, false, false);
  lookup.feeds["i"].as<int32_t>()[5] = kRows;
  CHECK(code_of([&] { lookup.run(2, 1); }) == "invalid_feed");
  lookup.feeds["i"].as<int32_t>()[5] = -3;
  CHECK(code_of([&] { lookup.run(2, 1); }) == "invalid_feed");
}

TEST("many lookups become one step, side by side and summed") {
  Graph graph;
  Emit emit(graph);
  Value indices = placeholder(graph, "i", {-1, 4}, DType::i32);
  Value x = placeholder(graph, "x", {-1, 3});
  std::vector<Value> wide;
  Value sum = emit.op("sum", {x}, {{"axes", std::vector<int64_t>{1}}, {"keepDims", true}});
  std::vector<Value> parts = {x};
  for (int64_t k = 0; k < 4; ++k) {
    std::string name = std::to_string(k);
    Value deep = placeholder(graph, "deep" + name, {20, 2 + k});
    Value flat = placeholder(graph, "flat" + name, {20, 1});
    parts.push_back(emit.op("gather", {deep, column(emit, indices, k)}));
    sum = emit.add(sum, emit.op("gather", {flat, column(emit, indices, k)}));
  }
  Value joined = emit.op("concat", parts, {{"axis", int64_t{1}}});
  Feeds feeds = {{"i", random_tensor(TensorType{DType::i32, Shape{50, 4}}, 3, 0, 19.9)},
                 {"x", random_tensor(TensorType{DType::f32, Shape{50, 3}}, 4)}};
  FeedTypes types = {{"i", feeds["i"].type}, {"x", feeds["x"].type}};
  for (int64_t k = 0; k < 4; ++k) {
    for (auto [name, width] : {std::pair{"deep", 2 + k}, std::pair{"flat", int64_t{1}}}) {
      std::string full = name + std::to_string(k);
      feeds[full] = random_tensor(TensorType{DType::f32, Shape{20, width}}, 10);
      types[full] = feeds[full].type;
    }
  }
  Program program;
  program.graph = graph;
  program.outputs = {joined, sum};
  Program done = optimize(program, types);
  CHECK(count(done, "lookups") == 2);
  CHECK(count(done, "gather") == 0);
  std::vector<Tensor> wanted = evaluate_reference(graph, {joined, sum}, feeds);
  for (int threads : {1, 3}) {
    std::vector<Tensor> got = evaluate_backend(graph, {joined, sum}, feeds, threads);
    CHECK(largest_difference(got[0], wanted[0]) == 0);
    CHECK(largest_difference(got[1], wanted[1]) < 1e-6);
  }
  feeds["i"].as<int32_t>()[7] = 20;
  CHECK(code_of([&] { evaluate_backend(graph, {joined}, feeds); }) == "invalid_feed");
}

TEST("a large sparse gradient is the same on any number of threads") {
  Graph graph;
  Emit emit(graph);
  Value table = variable(graph, "table", {3000, 24});
  Value indices = placeholder(graph, "i", {-1}, DType::i32);
  Value rows = emit.op("gather", {table, indices});
  Value loss = emit.op("sum", {emit.op("square", {rows})});
  Value grad = gradients(graph, loss, {table})[0];
  int effect = graph.add("apply_sgd", {table, grad, emit.scalar(0.01, loss)});
  Tensor batch = random_tensor(TensorType{DType::i32, Shape{20000}}, 6, 0, 2999.9);
  std::vector<Tensor> results;
  for (int threads : {1, 2, 5}) {
    Session session(threads);
    auto cached = session.plan_for(session.prepare(graph, {loss}, {effect}), {{"i", batch.type}});
    std::vector<const void*> pointers = {batch.data()};
    for (uint64_t step = 0; step < 3; ++step) cached->plan->run(pointers, step);
    results.push_back(session.read_variables()[0].second);
  }
  CHECK(largest_difference(results[1], results[0]) == 0);
  CHECK(largest_difference(results[2], results[0]) == 0);
}

TEST("sparse ops are refused from outside") {
  Graph graph;
  Emit emit(graph);
  Value table = variable(graph, "table", {3, 2});
  CHECK(code_of([&] { graph.add("sparse_sgd", {table, table, table}); }) == "unknown_op");
  CHECK(code_of([&] { graph.add("lookups", {table}); }) == "unknown_op");
}

TEST("the noise of negative sampling follows its table and repeats itself") {
  Graph graph;
  Emit emit(graph);
  Value like = placeholder(graph, "like", {-1}, DType::i32);
  Value threshold = placeholder(graph, "threshold", {3});
  Value alias = placeholder(graph, "alias", {3}, DType::i32);
  Value noise = emit.op("sample_noise", {like, threshold, alias},
                        {{"count", int64_t{4}}, {"seed", int64_t{9}}});
  // Column 0 stays half of the time and else gives 1; column 2 always gives 1.
  Tensor keep(TensorType{DType::f32, Shape{3}});
  Tensor other(TensorType{DType::i32, Shape{3}});
  const float shares[] = {0.5f, 1, 0};
  for (int i = 0; i < 3; ++i) {
    keep.as<float>()[i] = shares[i];
    other.as<int32_t>()[i] = 1;
  }
  Feeds feeds = {{"like", Tensor(TensorType{DType::i32, Shape{20000}})},
                 {"threshold", keep},
                 {"alias", other}};
  Tensor first = evaluate_backend(graph, {noise}, feeds, 1, 3)[0];
  CHECK(largest_difference(first, evaluate_backend(graph, {noise}, feeds, 3, 3)[0]) == 0);
  CHECK(largest_difference(first, evaluate_backend(graph, {noise}, feeds, 1, 4)[0]) > 0);
  int seen[3] = {};
  for (int i = 0; i < 80000; ++i) ++seen[first.as<int32_t>()[i]];
  CHECK(std::abs(seen[0] - 80000 / 6) < 600);
  CHECK(seen[2] == 0);
}

}  // namespace vanda::testing
