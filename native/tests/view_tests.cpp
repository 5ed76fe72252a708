#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

using Ints = std::vector<int64_t>;

std::vector<std::string> steps(const Graph& graph, const std::vector<Value>& outputs,
                               const Feeds& feeds) {
  Session session(1);
  FeedTypes types;
  for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
  std::vector<std::string> labels;
  std::shared_ptr<CachedPlan> plan = session.plan_for(session.prepare(graph, outputs, {}), types);
  for (const StepInfo& step : plan->plan->steps()) labels.push_back(step.label);
  return labels;
}

Value rows(Emit& emit, Value x, int64_t begin, int64_t size) {
  return emit.op("slice", {x}, {{"begin", Ints{begin, 0}}, {"size", Ints{size, -1}}});
}

}  // namespace

TEST("rows of a tensor are read where they lie") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {-1, 50});
  Value y = emit.op("exp", {x});
  // Views of a computed tensor, of a view, and of what is fed; the whole is read after its parts.
  Value upper = rows(emit, y, 0, 4);
  Value inner = rows(emit, rows(emit, y, 4, 4), 1, 2);
  Value fed = rows(emit, x, 2, 2);
  Value part = emit.add(emit.op("tanh", {inner}), emit.op("square", {fed}));
  Value total = emit.sum(emit.op("tanh", {upper}), {}, false);
  Value again = emit.op("log", {y});
  std::vector<Value> outputs = {part, total, again, inner, fed};
  Feeds feeds = {{"x", random_tensor(TensorType{DType::f32, Shape{8, 50}}, 1)}};
  for (const std::string& step : steps(graph, outputs, feeds)) CHECK(step != "slice");
  std::vector<Tensor> wanted = evaluate_reference(graph, outputs, feeds);
  std::vector<Tensor> got = evaluate_backend(graph, outputs, feeds);
  for (size_t i = 0; i < outputs.size(); ++i) CHECK(largest_difference(got[i], wanted[i]) < 1e-5);
}

TEST("a part keeps the memory of the whole alive") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {64, 64});
  Value y = emit.op("softmax", {x});
  Value part = rows(emit, y, 10, 5);
  // Other tensors of the same size come and go between the making of the part and its use.
  Value other = x;
  for (int i = 0; i < 6; ++i) other = emit.op("softmax", {emit.op("matmul", {other, x})});
  Value top = emit.op("slice", {other}, {{"begin", Ints{0, 0}}, {"size", Ints{5, -1}}});
  Value joined =
      emit.op("matmul", {part, emit.op("matmul", {other, emit.op("transpose", {top},
                                                                 {{"permutation", Ints{1, 0}}})})});
  Feeds feeds = {{"x", random_tensor(TensorType{DType::f32, Shape{64, 64}}, 2)}};
  double off = largest_difference(evaluate_backend(graph, {joined}, feeds)[0],
                                  evaluate_reference(graph, {joined}, feeds)[0]);
  CHECK(off < 1e-4);
}

TEST("a part of a variable is handed out as it was before the step wrote it") {
  Graph graph;
  Emit emit(graph);
  Attributes attributes = {
      {"dtype", std::string("f32")}, {"shape", Ints{4, 3}}, {"init", std::string("ones")}};
  Value w{graph.add("variable", {}, attributes, "w"), 0};
  Value part = rows(emit, w, 1, 2);
  int write = graph.add("assign", {w, emit.mul(w, 3)});
  Value copy{
      graph.add("variable", {}, {{"dtype", std::string("f32")}, {"shape", Ints{2, 3}}}, "copy"), 0};
  int keep = graph.add("assign", {copy, part});
  Session session(2);
  Request request = session.prepare(graph, {part}, {write, keep});
  std::shared_ptr<CachedPlan> plan = session.plan_for(request, {});
  for (double expected : {1.0, 3.0, 9.0}) {
    plan->plan->run({}, 0);
    CHECK(static_cast<const float*>(plan->plan->output(0))[0] == static_cast<float>(expected));
    CHECK(session.variables.at("copy").storage.as<float>()[5] == static_cast<float>(expected));
  }
}

}  // namespace vanda::testing
