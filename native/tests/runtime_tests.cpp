#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <map>
#include <thread>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/autodiff.hpp"
#include "ops/elementwise.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/trainer.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

Column column(const std::string& name, const Tensor& rows, std::vector<int64_t> row_shape) {
  Column out;
  out.name = name;
  out.dtype = rows.type.dtype;
  out.row = Shape(std::move(row_shape));
  out.data = rows.as<char>();
  out.rows = rows.type.shape[0];
  return out;
}

Value variable(Graph& graph, const std::string& name, std::vector<int64_t> shape,
               const char* init) {
  Attributes attributes = {{"dtype", std::string("f32")},
                           {"shape", std::move(shape)},
                           {"init", std::string(init)},
                           {"seed", int64_t{3}}};
  return Value{graph.add("variable", {}, std::move(attributes), name), 0};
}

// A linear model of three inputs under momentum.
struct Setup {
  Graph graph;
  std::shared_ptr<Session> session = std::make_shared<Session>(2);
  Tensor x = random_tensor(TensorType{DType::f32, Shape{50, 3}}, 1);
  Tensor y{TensorType{DType::f32, Shape{50, 1}}};
  std::unique_ptr<Trainer> trainer;

  explicit Setup(double rate, size_t points_max = 1 << 20) {
    for (int i = 0; i < 50; ++i) {
      const float* row = x.as<float>() + 3 * i;
      y.as<float>()[i] = 2 * row[0] - row[1] + 0.5f * row[2] + 1;
    }
    Emit emit(graph);
    Value input = placeholder(graph, "x", {-1, 3});
    Value target = placeholder(graph, "y", {-1, 1});
    Value w = variable(graph, "w", {3, 1}, "glorotUniform");
    Value b = variable(graph, "b", {1}, "zeros");
    Value loss =
        emit.op("mean", {emit.op("square", {emit.sub(emit.op("dense", {input, w, b}), target)})});
    std::vector<Value> grads = gradients(graph, loss, {w, b});
    Value lr = emit.scalar(rate, input);
    Value vw = variable(graph, "vw", {3, 1}, "zeros");
    Value vb = variable(graph, "vb", {1}, "zeros");
    std::vector<int> effects = {graph.add("apply_momentum", {w, vw, grads[0], lr}),
                                graph.add("apply_momentum", {b, vb, grads[1], lr})};
    PipelineOptions options;
    options.columns = {column("x", x, {3}), column("y", y, {1})};
    options.batch_size = 8;
    options.shuffle = true;
    options.seed = 5;
    TrainerOptions train;
    train.session = session;
    train.pipeline = std::make_shared<Pipeline>(options);
    train.request = session->prepare(graph, {loss}, effects);
    train.points_max = points_max;
    trainer = std::make_unique<Trainer>(std::move(train));
  }

  std::string train(uint64_t until_step) {
    std::promise<std::string> finished;
    Trainer::Run run;
    run.until_step = until_step;
    run.done = [&](bool, const Error* error) {
      finished.set_value(error != nullptr ? error->code : "");
    };
    trainer->train(std::move(run));
    return finished.get_future().get();
  }
};

bool same(const State& a, const State& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || a[i].second.type != b[i].second.type) return false;
    if (std::memcmp(a[i].second.data(), b[i].second.data(), a[i].second.type.bytes()) != 0)
      return false;
  }
  return true;
}

}  // namespace

TEST("Philox gives the published numbers") {
  // Known answers of Random123 for philox4x32-10.
  CHECK((philox({0, 0}, {0, 0, 0, 0}) ==
         std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK((philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
         std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST("a shuffle is a permutation, its own for each epoch, the same each time") {
  Tensor rows(TensorType{DType::u8, Shape{1000}});
  PipelineOptions options;
  options.columns = {column("x", rows, {})};
  options.batch_size = 7;
  options.shuffle = true;
  options.seed = 4;
  Pipeline pipeline(options);
  std::vector<uint32_t> first = pipeline.order(0);
  CHECK(first == pipeline.order(0));
  CHECK(first != pipeline.order(1));
  std::sort(first.begin(), first.end());
  for (uint32_t i = 0; i < 1000; ++i) CHECK(first[i] == i);
  // Every row is as likely in every place: chi-squared over the first place.
  std::map<uint32_t, int> seen;
  PipelineOptions few = options;
  few.columns[0].rows = 5;
  Pipeline small(few);
  for (uint64_t epoch = 0; epoch < 5000; ++epoch) ++seen[small.order(epoch)[0]];
  double chi = 0;
  for (auto [row, times] : seen) chi += (times - 1000.0) * (times - 1000.0) / 1000.0;
  CHECK(chi < 18.5);  // 99.9 % for four degrees of freedom
}

TEST("batches hold the right rows, normalised, and the reader starts anywhere") {
  Tensor pixels = random_tensor(TensorType{DType::u8, Shape{10, 2, 3}}, 8, 0, 255);
  PipelineOptions options;
  options.columns = {column("x", pixels, {2, 3})};
  options.columns[0].scale = {1.0f / 255, 2, 3};
  options.columns[0].shift = {0, -1, 1};
  options.rows = {9, 3, 5, 0, 7};
  options.use_rows = true;
  options.batch_size = 2;
  auto pipeline = std::make_shared<Pipeline>(options);
  BatchReader reader(pipeline, 0, 1, 1);
  const Batch* batch = reader.next();
  CHECK(batch != nullptr && batch->rows == 2 && batch->index == 1 && !batch->last);
  const float* values = static_cast<const float*>(batch->feeds[0].data);
  const uint8_t* row5 = pixels.as<uint8_t>() + 5 * 6;
  CHECK(std::fabs(values[0] - row5[0] / 255.0f) < 1e-6f);
  CHECK(values[1] == row5[1] * 2.0f - 1);
  CHECK(values[5] == row5[5] * 3.0f + 1);
  batch = reader.next();
  CHECK(batch != nullptr && batch->rows == 1 && batch->last);
  CHECK(reader.next() == nullptr);
}

TEST("a resumed run is bit-identical to an undisturbed one") {
  Setup whole(0.05);
  CHECK(whole.train(40) == "");
  Setup first(0.05);
  CHECK(first.train(17) == "");
  Setup second(0.05);
  State half = first.session->read_variables();
  std::vector<NamedView> views;
  for (const auto& [name, tensor] : half) views.push_back({name, tensor.type, tensor.data()});
  second.session->write_variables(views);
  second.trainer->set_position(first.trainer->position());
  CHECK(second.train(40) == "");
  CHECK(same(whole.session->read_variables(), second.session->read_variables()));
  CHECK(whole.trainer->position().epoch == 5 && whole.trainer->position().batch == 5);
  std::vector<double> points = second.trainer->drain_points();
  CHECK(points.size() == 23 * 3 && points[0] == 18 && points[66] == 40);
}

TEST("points that nobody drains stay bounded, the newest kept") {
  Setup setup(0.05, 300);
  CHECK(setup.train(1000) == "");
  std::vector<double> points = setup.trainer->drain_points();
  CHECK(points.size() < 300 && points.size() > 100);
  CHECK(points[points.size() - 3] == 1000);
  for (size_t i = 3; i < points.size(); i += 3) CHECK(points[i] == points[i - 3] + 1);
}

TEST("a run with a listener pauses until its points are drained, and can be stopped meanwhile") {
  Setup setup(0.05, 300);
  std::promise<void> announced;
  std::promise<std::string> finished;
  std::atomic<bool> first{true};
  Trainer::Run run;
  run.until_step = 1000;
  run.points_ready = [&] {
    if (first.exchange(false)) announced.set_value();
  };
  run.done = [&](bool stopped, const Error*) { finished.set_value(stopped ? "stopped" : "done"); };
  setup.trainer->train(run);
  announced.get_future().wait();
  std::vector<double> all;
  while (setup.trainer->position().step < 500) {
    for (double number : setup.trainer->drain_points()) all.push_back(number);
    std::this_thread::yield();
  }
  // Undrained, it gets no further than the bound, however long it has.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(setup.trainer->position().step < 800);
  setup.trainer->stop();
  CHECK(finished.get_future().get() == "stopped");
  for (double number : setup.trainer->drain_points()) all.push_back(number);
  CHECK(all.size() == setup.trainer->position().step * 3);
  for (size_t i = 0; i < all.size(); i += 3) CHECK(all[i] == static_cast<double>(i / 3 + 1));
}

TEST("a loss that is no longer finite stops the run") {
  Setup setup(1e30);
  CHECK(setup.train(1000) == "diverged");
  CHECK(setup.trainer->position().step < 20);
}

TEST("a snapshot during a run is taken at a step boundary") {
  Setup setup(0.05);
  std::promise<std::string> finished;
  std::promise<std::pair<State, Position>> taken;
  Trainer::Run run;
  run.until_step = 100000000;
  run.done = [&](bool stopped, const Error* error) {
    finished.set_value(error != nullptr ? error->code : stopped ? "stopped" : "");
  };
  setup.trainer->train(run);
  CHECK(code_of([&] { setup.trainer->train(run); }) == "busy");
  setup.trainer->snapshot(
      [&](State state, Position at) { taken.set_value({std::move(state), at}); });
  auto [state, at] = taken.get_future().get();
  setup.trainer->stop();
  CHECK(finished.get_future().get() == "stopped");
  Setup again(0.05);
  CHECK(again.train(at.step) == "");
  CHECK(same(state, again.session->read_variables()));
}

TEST("several sessions run side by side and see only their own variables") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      Graph graph;
      Emit emit(graph);
      Value x = placeholder(graph, "x", {-1, 64});
      Value w = variable(graph, "w", {64, 8}, "heNormal");
      Value y = emit.op("tanh", {emit.op("matmul", {x, w})});
      Feeds feeds = {
          {"x", random_tensor(TensorType{DType::f32, Shape{32, 64}}, static_cast<uint64_t>(t))}};
      Tensor first = evaluate_backend(graph, {y}, feeds, 2)[0];
      for (int i = 0; i < 20; ++i) {
        if (largest_difference(evaluate_backend(graph, {y}, feeds, 2)[0], first) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST("dropout keeps the right share, repeats itself and agrees with its gradient") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 1000});
  Value y = emit.op("dropout", {x}, {{"rate", 0.3}, {"seed", int64_t{7}}, {"salt", int64_t{1}}});
  Value other =
      emit.op("dropout", {x}, {{"rate", 0.3}, {"seed", int64_t{7}}, {"salt", int64_t{2}}});
  Value grad = gradients(graph, emit.sum(y, {}, false), {x})[0];
  Tensor ones(TensorType{DType::f32, Shape{100, 1000}});
  std::fill_n(ones.as<float>(), 100000, 1.0f);
  Feeds feeds = {{"x", ones}};
  std::vector<Tensor> one = evaluate_backend(graph, {y, grad, other}, feeds, 1, 5);
  std::vector<Tensor> many = evaluate_backend(graph, {y, grad, other}, feeds, 3, 5);
  CHECK(largest_difference(one[0], many[0]) == 0);
  CHECK(largest_difference(one[0], one[1]) == 0);
  CHECK(largest_difference(one[0], one[2]) > 0);
  CHECK(largest_difference(one[0], evaluate_backend(graph, {y}, feeds, 1, 6)[0]) > 0);
  int kept = 0;
  for (int i = 0; i < 100000; ++i) kept += one[0].as<float>()[i] != 0 ? 1 : 0;
  CHECK(std::abs(kept - 70000) < 600);
}

TEST("fused functions are as exact as floats allow, at the edges too") {
  for (const ScalarInfo& info : scalar_table()) {
    if (info.arity != 1) continue;
    const float edges[] = {0,     -0.0f, 1e-30f, -1e-30f, 1e-6f, 0.1f,   0.49f,    0.51f,    0.62f,
                           0.63f, 1,     5,      20,      87,    88.6f,  89,       1e4f,     1e30f,
                           -1,    -5,    -20,    -87,     -104,  -1e30f, INFINITY, -INFINITY};
    const float parameters[] = {-0.5f, 0.5f};
    const double wide[] = {-0.5, 0.5};
    for (float x : edges) {
      float got = 0;
      cpu::kernels().tile[static_cast<int>(info.code)](&got, &x, nullptr, nullptr, parameters, 1);
      double in = x;
      double wanted = scalar_reference(info.code, &in, wide);
      if (std::isnan(wanted) || (std::isinf(x) && std::string(info.op) != "exp")) continue;
      bool close = std::fabs(wanted) > 3.4e38
                       ? std::fabs(got) > 1e38f
                       : std::fabs(got - wanted) <= 3e-7 + 4e-6 * std::fabs(wanted);
      CHECK_MESSAGE(close, std::string(info.op) + "(" + std::to_string(x) +
                               ") = " + std::to_string(got) + ", not " + std::to_string(wanted));
    }
  }
}

TEST("a bad index in a batch is an error, not a crash") {
  Graph graph;
  Emit emit(graph);
  Value table = placeholder(graph, "t", {4, 2});
  Value i = placeholder(graph, "i", {-1}, DType::i32);
  Value y = emit.op("gather", {table, i});
  Tensor bad(TensorType{DType::i32, Shape{2}});
  bad.as<int32_t>()[1] = 4;
  Feeds feeds = {{"t", Tensor(TensorType{DType::f32, Shape{4, 2}})}, {"i", bad}};
  CHECK(code_of([&] { evaluate_backend(graph, {y}, feeds); }) == "invalid_feed");
  bad.as<int32_t>()[1] = -1;
  CHECK(code_of([&] { evaluate_backend(graph, {y}, feeds); }) == "invalid_feed");
}

}  // namespace vanda::testing
