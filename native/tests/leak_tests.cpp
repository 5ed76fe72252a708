#include <unistd.h>

#include <cstdio>
#include <future>

#include "core/autodiff.hpp"
#include "runtime/trainer.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// A sanitizer keeps what was freed for a while; LeakSanitizer looks for leaks itself.
constexpr size_t kGrowthMax = SIZE_MAX;
constexpr int kRounds = 100;
constexpr uint64_t kSteps = 1000;
#else
constexpr size_t kGrowthMax = size_t{3} << 20;
constexpr int kRounds = 1000;
constexpr uint64_t kSteps = 10000;
#endif

size_t resident_bytes() {
  long pages = 0;
  long whole = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &whole, &pages) != 2) pages = 0;
    std::fclose(file);
  }
  return static_cast<size_t>(pages) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

void check_growth(size_t before, const char* what) {
  size_t after = resident_bytes();
  size_t growth = after > before ? after - before : 0;
  CHECK_MESSAGE(growth <= kGrowthMax,
                std::string(what) + " left " + std::to_string(growth >> 10) + " KiB behind");
}

Value variable(Graph& graph, const std::string& name, std::vector<int64_t> shape) {
  Attributes attributes = {{"dtype", std::string("f32")},
                           {"shape", std::move(shape)},
                           {"init", std::string("heNormal")}};
  return Value{graph.add("variable", {}, std::move(attributes), name), 0};
}

// A convolution, a product and an update: about everything that owns memory in a plan.
struct Model {
  Graph graph;
  Value loss;
  std::vector<int> effects;

  Model() {
    Emit emit(graph);
    Value x = placeholder(graph, "x", {-1, 6, 6, 2});
    Value kernel = variable(graph, "kernel", {3, 3, 2, 8});
    Value weight = variable(graph, "weight", {128, 3});
    Value y = emit.op("relu", {emit.op("conv2d", {x, kernel})});
    y = emit.op("reshape", {y}, {{"shape", std::vector<int64_t>{-1, 128}}});
    loss = emit.op("mean", {emit.op("square", {emit.op("matmul", {y, weight})})});
    std::vector<Value> grads = gradients(graph, loss, {kernel, weight});
    Value rate = emit.scalar(1e-3, loss);
    effects = {graph.add("apply_sgd", {kernel, grads[0], rate}),
               graph.add("apply_sgd", {weight, grads[1], rate})};
  }
};

void load_run_unload(const Tensor& x) {
  Model model;
  Session session(2);
  std::vector<NamedView> feeds = {{"x", x.type, x.data()}};
  session.run(session.prepare(model.graph, {model.loss}, {}), feeds, 0);
}

}  // namespace

TEST("a thousand rounds of loading, running and unloading leave nothing behind") {
  Tensor x = random_tensor(TensorType{DType::f32, Shape{2, 6, 6, 2}}, 1);
  // The first rounds fill the caches of the allocator, of OpenMP and of oneDNN.
  for (int i = 0; i < 50; ++i) load_run_unload(x);
  size_t before = resident_bytes();
  for (int i = 0; i < kRounds; ++i) load_run_unload(x);
  check_growth(before, "loading and unloading");
}

TEST("ten thousand steps of training leave nothing behind") {
  Model model;
  Tensor x = random_tensor(TensorType{DType::f32, Shape{20, 6, 6, 2}}, 2);
  Column column;
  column.name = "x";
  column.row = Shape{6, 6, 2};
  column.rows = 20;
  column.data = x.as<char>();
  PipelineOptions pipeline;
  pipeline.columns = {column};
  pipeline.batch_size = 6;  // with a remainder, so that two plans take turns
  pipeline.shuffle = true;
  TrainerOptions options;
  options.session = std::make_shared<Session>(1);
  options.pipeline = std::make_shared<Pipeline>(pipeline);
  options.request = options.session->prepare(model.graph, {model.loss}, model.effects);
  Trainer trainer(options);
  auto train = [&](uint64_t until) {
    std::promise<bool> finished;
    Trainer::Run run;
    run.until_step = until;
    run.points_ready = [&] { trainer.drain_points(); };
    run.done = [&](bool, const Error* error) { finished.set_value(error == nullptr); };
    trainer.train(std::move(run));
    CHECK(finished.get_future().get());
    trainer.drain_points();
  };
  train(200);
  size_t before = resident_bytes();
  train(200 + kSteps);
  check_growth(before, "training");
}

}  // namespace vanda::testing
