#include <algorithm>

#include "core/autodiff.hpp"
#include "passes/passes.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

int count(const Program& program, const std::string& op) {
  int found = 0;
  for (int id = 0; id < program.graph.size(); ++id) {
    found += program.graph.node(id).is(op.c_str()) ? 1 : 0;
  }
  return found;
}

struct Network {
  Graph graph;
  std::vector<Value> inputs, outputs;
  Feeds feeds;

  Value feed(const std::string& name, std::vector<int64_t> shape) {
    Value value = placeholder(graph, name, shape);
    feeds[name] = random_tensor(graph.type(value), 900 + inputs.size(), -1, 1.5);
    inputs.push_back(value);
    return value;
  }
  void train(Value y) {
    Emit emit(graph);
    Value loss = emit.sum(emit.op("square", {y}), {}, false);
    outputs = {y};
    for (Value grad : gradients(graph, loss, inputs)) outputs.push_back(grad);
  }
  Program optimized() const {
    FeedTypes types;
    for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
    Program program;
    program.graph = graph;
    program.outputs = outputs;
    return optimize(program, types);
  }
  void agrees() const {
    std::vector<Tensor> wanted = evaluate_reference(graph, outputs, feeds);
    for (int threads : {1, 3}) {
      std::vector<Tensor> got = evaluate_backend(graph, outputs, feeds, threads);
      for (size_t i = 0; i < got.size(); ++i) {
        double difference = largest_difference(got[i], wanted[i]);
        CHECK_MESSAGE(difference < 5e-4, "output " + std::to_string(i) + " is off by " +
                                             std::to_string(difference));
      }
    }
  }
};

Value norm(Emit& emit, Network& net, Value x, const std::string& name) {
  int64_t channels = net.graph.type(x).shape[net.graph.type(x).shape.rank() - 1];
  Value scale = net.feed(name + "/scale", {channels});
  return emit.op("batch_norm_train", {x, scale, net.feed(name + "/shift", {channels})});
}

Attributes same() { return {{"padding", std::string("same")}}; }

}  // namespace

TEST("batch normalisation, relu and their gradients become two and one step") {
  Network net;
  Emit emit(net.graph);
  Value x = net.feed("x", {6, 5, 5, 3});
  Value conv = emit.op("conv2d", {x, net.feed("kernel", {3, 3, 3, 16})}, same());
  net.train(emit.op("relu", {norm(emit, net, conv, "norm")}));
  Program program = net.optimized();
  CHECK(count(program, "batch_norm_train") == 0 && count(program, "batch_norm_apply") == 1);
  CHECK(count(program, "relu") == 0);
  for (int id = 0; id < program.graph.size(); ++id) {
    const Node& node = program.graph.node(id);
    if (node.is("batch_norm_apply")) CHECK(node.text("activation") == "relu");
    if (node.is("batch_norm_grad")) CHECK(node.inputs.size() == 6);
  }
  net.agrees();
}

TEST("a residual block ends in one step, whichever of its branches comes first") {
  for (bool side_first : {false, true}) {
    Network net;
    Emit emit(net.graph);
    Value x = net.feed("x", {4, 6, 6, 8});
    Value side = x;
    if (side_first) side = norm(emit, net, x, "side");
    Value conv = emit.op("conv2d", {x, net.feed("kernel", {3, 3, 8, 8})}, same());
    Value main = norm(emit, net, conv, "main");
    if (!side_first) side = norm(emit, net, x, "side");
    net.train(emit.op("relu", {emit.add(main, side)}));
    Program program = net.optimized();
    CHECK(count(program, "batch_norm_apply") == 2);
    int joined = 0;
    for (int id = 0; id < program.graph.size(); ++id) {
      const Node& node = program.graph.node(id);
      if (node.is("batch_norm_apply") && node.inputs.size() == 6) ++joined;
    }
    CHECK(joined == 1);
    net.agrees();
  }
}

TEST("a normalisation that the world outside sees is left alone") {
  Network net;
  Emit emit(net.graph);
  Value y = norm(emit, net, net.feed("x", {6, 3, 3, 8}), "norm");
  net.train(emit.op("relu", {y}));
  net.outputs.push_back(y);
  net.agrees();
}

TEST("a batch normalisation in inference folds into the convolution before it") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {2, 6, 6, 8});
  auto variable = [&](const std::string& name, std::vector<int64_t> shape) {
    Attributes attributes = {{"dtype", std::string("f32")},
                             {"shape", std::move(shape)},
                             {"init", std::string("uniform")},
                             {"scale", 1.0}};
    return Value{graph.add("variable", {}, std::move(attributes), name), 0};
  };
  Value kernel = variable("kernel", {3, 3, 8, 16});
  Value mean = variable("mean", {16});
  Value scale = variable("scale", {16});
  Value spread = emit.add(emit.op("square", {variable("spread", {16})}), 0.1);
  Value factor = emit.mul(scale, emit.op("rsqrt", {spread}));
  Value conv = emit.op("conv2d", {x, kernel}, same());
  Value y = emit.add(emit.mul(emit.sub(conv, mean), factor), variable("shift", {16}));
  Value out = emit.op("relu", {y});
  Tensor feed = random_tensor(graph.type(x), 17);

  Session session(2);
  std::vector<NamedView> views = {{"x", feed.type, feed.data()}};
  // Both ways through one session: the same variables, and what is folded or not.
  auto run = [&](Value value) {
    return session.run(session.prepare(graph, {value}, {}), views, 0)[0];
  };
  auto steps = [&](Value value) {
    std::vector<std::string> labels;
    auto cached = session.plan_for(session.prepare(graph, {value}, {}), {{"x", feed.type}});
    for (const StepInfo& step : cached->plan->steps()) labels.push_back(step.label);
    return labels;
  };
  // Nothing is left behind it but the reorder towards the world.
  std::vector<std::string> list = steps(out);
  auto found = std::find(list.begin(), list.end(), "conv2d+relu");
  CHECK(found != list.end() && list.end() - found <= 2);
  // Read once more, the convolution cannot take anything in.
  Value open = emit.add(emit.mul(conv, 0), out);
  list = steps(open);
  CHECK(std::find(list.begin(), list.end(), "conv2d+relu") == list.end());
  CHECK(largest_difference(run(out), run(open)) < 1e-4);
  // A written variable is folded in again.
  Tensor other = random_tensor(TensorType{DType::f32, Shape{16}}, 18);
  session.write_variables({{"scale", other.type, other.data()}});
  CHECK(largest_difference(run(out), run(open)) < 1e-4);
  Tensor first = run(out);
  other = random_tensor(other.type, 19);
  session.write_variables({{"scale", other.type, other.data()}});
  CHECK(largest_difference(run(out), first) > 1e-3);
}

TEST("the mask of a relu sinks below the gradient of a max pooling") {
  for (int64_t stride : {1, 2}) {  // overlapping windows too
    Network net;
    Emit emit(net.graph);
    Value x = net.feed("x", {4, 7, 7, 1});
    Value conv = emit.op("conv2d", {x, net.feed("kernel", {3, 3, 1, 8})});
    Value pooled = emit.op("max_pool2d", {emit.op("relu", {conv})},
                           {{"size", std::vector<int64_t>{2, 2}},
                            {"stride", std::vector<int64_t>{stride, stride}}});
    net.train(pooled);
    Program program = net.optimized();
    for (int id = 0; id < program.graph.size(); ++id) {
      const Node& node = program.graph.node(id);
      if (node.is("conv2d_grad_kernel")) {
        CHECK(program.graph.node(node.inputs[1]).is("max_pool2d_grad"));
      }
    }
    net.agrees();
  }
}

}  // namespace vanda::testing
