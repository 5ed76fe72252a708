#include "core/autodiff.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

// The sentence of the Error that the body throws; empty when it throws none.
template <typename Body>
std::string sentence_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The kernel's outputs and gradients against the plain reference, at a size where teams work.
void agree_at_size(Graph& graph, Value output, const std::vector<Value>& wrt, const Feeds& feeds) {
  Emit emit(graph);
  Value loss = emit.sum(emit.op("square", {output}), {}, false);
  std::vector<Value> wanted = {output};
  for (Value grad : gradients(graph, loss, wrt)) wanted.push_back(grad);
  std::vector<Tensor> plain = evaluate_reference(graph, wanted, feeds);
  for (int threads : {1, 3}) {
    std::vector<Tensor> fast = evaluate_backend(graph, wanted, feeds, threads);
    for (size_t i = 0; i < wanted.size(); ++i) {
      double difference = largest_difference(fast[i], plain[i]);
      CHECK_MESSAGE(difference < 5e-4, graph.node(output).op->name + ", output " +
                                           std::to_string(i) + ": off by " +
                                           std::to_string(difference));
    }
  }
}

}  // namespace

TEST("layer and group normalisation agree with the reference when a team shares the work") {
  for (const char* op : {"layer_norm", "group_norm"}) {
    Graph graph;
    std::vector<Value> inputs = {placeholder(graph, "x", {40, 9, 9, 48}),
                                 placeholder(graph, "scale", {48}),
                                 placeholder(graph, "shift", {48})};
    Feeds feeds;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const TensorType& type = graph.type(inputs[i]);
      feeds[graph.node(inputs[i]).name] = random_tensor(type, 400 + i, 0.5, 2);
    }
    Attributes attributes;
    if (std::string(op) == "group_norm") attributes = {{"groups", int64_t{8}}};
    Emit emit(graph);
    agree_at_size(graph, emit.op(op, inputs, attributes), inputs, feeds);
  }
}

TEST("what has no second order says so in a sentence that names it") {
  for (const char* op : {"layer_norm", "group_norm", "batch_norm_train"}) {
    Graph graph;
    Emit emit(graph);
    Value x = placeholder(graph, "x", {4, 6});
    Value scale = placeholder(graph, "scale", {6});
    Attributes attributes;
    if (std::string(op) == "group_norm") attributes = {{"groups", int64_t{2}}};
    Value y = emit.op(op, {x, scale, scale}, attributes);
    Value grad = gradients(graph, emit.sum(emit.op("square", {y}), {}, false), {x})[0];
    Value norm = emit.sum(emit.op("square", {grad}), {}, false);
    std::string sentence = sentence_of([&] { gradients(graph, norm, {x}); });
    CHECK_MESSAGE(mentions(sentence, std::string(op).substr(0, 10)) &&
                      mentions(sentence, "cannot be differentiated again"),
                  sentence);
  }
}

TEST("convolutions and resizes say what would fit") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {2, 5, 5, 6});
  Value kernel = placeholder(graph, "kernel", {3, 3, 2, 4});
  CHECK(mentions(sentence_of([&] { emit.op("conv2d", {x, kernel}); }),
                 "reads pictures of 2 channels, not pictures of [2, 5, 5, 6]"));
  CHECK(mentions(sentence_of([&] { emit.op("conv2d", {x, kernel}, {{"groups", int64_t{3}}}); }),
                 "4 filters do not divide into 3 groups"));
  Value dy = placeholder(graph, "dy", {2, 2, 2, 4});
  CHECK(mentions(sentence_of([&] {
                   emit.op("conv2d_grad_input", {dy, kernel}, {{"size", std::vector<int64_t>{5, 5}}});
                 }),
                 "has [3, 3] places, not those of [2, 2, 2, 4]"));
  auto resize = [&](Attributes attributes) {
    return sentence_of([&] { emit.op("resize2d", {x}, attributes); });
  };
  CHECK(mentions(resize({{"size", std::vector<int64_t>{0, 4}}}), "size is [height, width]"));
  CHECK(mentions(resize({{"size", std::vector<int64_t>{4, 4}}, {"method", std::string("cubic")}}),
                 "'nearest' or 'bilinear', not 'cubic'"));
}

TEST("normalisations say what would fit") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {4, 6});
  Value wrong = placeholder(graph, "wrong", {4});
  Value scale = placeholder(graph, "scale", {6});
  CHECK(mentions(sentence_of([&] { emit.op("layer_norm", {x, wrong, wrong}); }),
                 "layer_norm: takes f32 [..., C] with scale and shift of [C], not"));
  CHECK(mentions(
      sentence_of([&] { emit.op("group_norm", {x, scale, scale}, {{"groups", int64_t{4}}}); }),
      "group_norm: 6 channels do not divide into 4 groups"));
  CHECK(mentions(
      sentence_of([&] { emit.op("layer_norm", {x, scale, scale}, {{"epsilon", 0.0}}); }),
      "epsilon must be positive"));
}

}  // namespace vanda::testing
