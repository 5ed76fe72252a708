#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/autodiff.hpp"
#include "runtime/core_budget.hpp"
#include "runtime/prepared.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

Value variable(Graph& graph, const std::string& name, std::vector<int64_t> shape) {
  Attributes attributes = {{"dtype", std::string("f32")},
                           {"shape", std::move(shape)},
                           {"init", std::string("heNormal")}};
  return Value{graph.add("variable", {}, std::move(attributes), name), 0};
}

// Two convolutions and the gradient of their sum, so that there is something to lay out.
struct Network {
  Graph graph;
  Value y, loss;
  std::vector<Value> grads;

  Network() {
    Emit emit(graph);
    Value x = placeholder(graph, "x", {-1, 12, 12, 3});
    Value first = variable(graph, "first", {3, 3, 3, 16});
    Value second = variable(graph, "second", {3, 3, 16, 8});
    y = emit.op("relu", {emit.op("conv2d", {x, first})});
    y = emit.op("relu", {emit.op("conv2d", {y, second})});
    loss = emit.op("mean", {emit.op("square", {y})});
    grads = gradients(graph, loss, {first, second});
  }
};

FeedTypes pictures(int64_t count) {
  return {{"x", TensorType{DType::f32, Shape{count, 12, 12, 3}}}};
}

}  // namespace

TEST("a placement comes close to what lives at one time") {
  PhiloxStream random(17, 0);
  for (int round = 0; round < 30; ++round) {
    std::vector<Lifetime> lifetimes;
    for (int i = 0; i < 60; ++i) {
      int first = static_cast<int>(random.below(60));
      lifetimes.push_back(
          {64 + random.below(1 << 16), first, first + static_cast<int>(random.below(12))});
    }
    Placement placement = place_buffers(lifetimes);
    CHECK_MESSAGE(placement.total >= placement.lower_bound &&
                      placement.total * 4 <= placement.lower_bound * 5,
                  "round " + std::to_string(round) + " of seed 17: " +
                      std::to_string(placement.total) + " for " +
                      std::to_string(placement.lower_bound));
  }
}

TEST("the schedule keeps to the edges and puts effects last") {
  Network network;
  Emit emit(network.graph);
  Value w{network.graph.find("first"), 0};
  int effect = network.graph.add("apply_sgd", {w, network.grads[0], emit.scalar(0.1, w)});
  Program program;
  program.graph = network.graph;
  program.outputs = {network.loss};
  program.effects = {effect};
  Program concrete = optimize(program, pictures(4));
  std::vector<int> order = schedule(concrete);
  std::vector<int> place(static_cast<size_t>(concrete.graph.size()), -1);
  for (size_t i = 0; i < order.size(); ++i) place[static_cast<size_t>(order[i])] = static_cast<int>(i);
  for (int id : order) {
    for (Value input : concrete.graph.node(id).inputs) {
      CHECK(place[static_cast<size_t>(input.node)] >= 0);
      CHECK(place[static_cast<size_t>(input.node)] < place[static_cast<size_t>(id)]);
    }
  }
  CHECK(order.back() == concrete.effects[0]);
}

TEST("a schedule may put a late reader early to let go of memory") {
  // Two long rows whose sums are all that the end needs: together they would need both rows.
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {1});
  std::vector<Value> sums;
  std::vector<Value> rows;
  for (int i = 0; i < 8; ++i) {
    Value row = emit.op("expand", {emit.add(x, i)}, {{"shape", std::vector<int64_t>{4096}}});
    rows.push_back(emit.op("softmax", {emit.op("reshape", {row}, {{"shape",
                           std::vector<int64_t>{64, 64}}})}));
  }
  for (Value row : rows) sums.push_back(emit.sum(emit.op("transpose", {row}, {{"permutation",
                                                 std::vector<int64_t>{1, 0}}}), {}, false));
  Value total = sums[0];
  for (size_t i = 1; i < sums.size(); ++i) total = emit.add(total, sums[i]);
  FeedTypes types = {{"x", TensorType{DType::f32, Shape{1}}}};
  auto arena = [&](bool reorder) {
    PassOptions passes;
    passes.set("schedule", reorder);
    Session session(SessionOptions{1, passes});
    return session.plan_for(session.prepare(graph, {total}, {}), types)->plan->memory().arena;
  };
  CHECK(arena(true) * 2 < arena(false));
}

TEST("plans for several batches share what they pack, and see what was written") {
  Network network;
  Session session(2);
  Request request = session.prepare(network.graph, {network.loss, network.grads[0]}, {});
  auto small = session.plan_for(request, pictures(2));
  auto large = session.plan_for(request, pictures(8));
  const Variable& second = session.variables.at("second");
  size_t copies = second.copies.size();
  CHECK(copies > 0);
  session.plan_for(request, pictures(5));
  CHECK(second.copies.size() <= copies + 1);
  Tensor zeros(second.type);
  session.write_variables({{"second", second.type, zeros.data()}});
  Tensor x = random_tensor(pictures(8)["x"], 3);
  const void* feed = x.data();
  for (const auto& cached : {small, large}) {
    session.execute(*cached, {&feed, 1}, 0);
    CHECK(*static_cast<const float*>(cached->plan->output(0)) == 0);
  }
}

TEST("plans run side by side give what they give alone") {
  Network network;
  auto session = std::make_shared<Session>(2);
  Request request = session->prepare(network.graph, {network.y}, {});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int64_t count : {1, 2, 3, 4}) {
    threads.emplace_back([&, count] {
      Tensor x = random_tensor(pictures(count)["x"], static_cast<uint64_t>(count));
      std::vector<NamedView> feeds = {{"x", x.type, x.data()}};
      Tensor first = session->run(request, feeds, 0)[0];
      for (int i = 0; i < 10; ++i) {
        if (largest_difference(session->run(request, feeds, 0)[0], first) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST("a plan over the limit is refused before its memory is made") {
  Network network;
  SessionOptions options;
  options.memory_limit = size_t{1} << 20;
  Session session(options);
  Request request = session.prepare(network.graph, {network.loss}, {});
  session.plan_for(request, pictures(1));
  CHECK(code_of([&] { session.plan_for(request, pictures(512)); }) == "out_of_memory");
  CHECK(code_of([&] { session.plan_for(request, pictures(2), size_t{1} << 20); }) ==
        "out_of_memory");
  Session open(1);
  PlanMemory memory = open.plan_for(open.prepare(network.graph, {network.loss}, {}),
                                    pictures(512))->plan->memory();
  CHECK(memory.total() > options.memory_limit);
  CHECK(memory.weights == 4 * (3 * 3 * 3 * 16 + 3 * 3 * 16 * 8));
  CHECK(memory.feeds == 4 * 512 * 12 * 12 * 3);
}

TEST("a prepared call is a run without the looking up") {
  Network network;
  auto session = std::make_shared<Session>(1);
  Request request = session->prepare(network.graph, {network.y}, {});
  PreparedCall call(session, request, pictures(2));
  Tensor x = random_tensor(pictures(2)["x"], 8);
  std::memcpy(call.feeds()[0].data(), x.data(), x.type.bytes());
  call.run(0);
  Tensor wanted = session->run(request, {{"x", x.type, x.data()}}, 0)[0];
  CHECK(largest_difference(call.outputs()[0], wanted) == 0);
}

TEST("cores are shared out whole and in order, and never more than there are") {
  CoreBudget budget(4);
  std::atomic<int> used{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      int wanted = t % 3 == 0 ? 9 : 1 + t % 3;
      for (int i = 0; i < 200; ++i) {
        CoreBudget::Share share = budget.take(wanted);
        int now = used += std::min(wanted, 4);
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        used -= std::min(wanted, 4);
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 1200);
  CHECK(most <= 4);
}

}  // namespace vanda::testing
