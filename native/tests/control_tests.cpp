#include "io/graph_json.hpp"
#include "ops/bodies.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

// A scan over [T] that adds the elements up, with `length` and `body` as they are written.
std::string scan_json(const std::string& attributes, const std::string& bodies) {
  return R"({"format":"vanda-graph/1","nodes":[
    {"op":"placeholder","name":"x","attributes":{"dtype":"f32","shape":[4]}},
    {"op":"constant","dtype":"f32","shape":[],"data":"AAAAAA=="},
    {"op":"scan","inputs":[[1,0],[0,0]],"bodies":)" +
         bodies + R"(,"attributes":{"states":1,"sequences":1)" + attributes +
         R"(}}],"outputs":[[2,0]],"effects":[]})";
}

std::string input_json(const std::string& name) {
  return R"({"op":"placeholder","name":")" + name + R"(","attributes":{"dtype":"f32","shape":[]}})";
}

std::string body_json(const std::string& second, const std::string& op) {
  return R"({"nodes":[)" + input_json("p0") + "," + input_json(second) + R"(,{"op":")" + op +
         R"(","inputs":[[0,0],[1,0]]}],"outputs":[[2,0]]})";
}

// A body that holds a scan, whose body holds a scan, ...
std::string nested_json(int depth) {
  if (depth == 0) return body_json("p1", "add");
  return R"({"nodes":[)" + input_json("p0") + "," + input_json("p1") +
         R"(,{"op":"scan","inputs":[[0,0],[1,0]],"bodies":[)" + nested_json(depth - 1) +
         R"(],"attributes":{"states":1,"sequences":0,"length":1}}],"outputs":[[2,0]]})";
}

// A call on a scalar, given twice, with these bodies.
std::string call_json(const std::string& bodies, const std::string& name = "own") {
  return R"({"format":"vanda-graph/1","nodes":[
    {"op":"placeholder","name":"x","attributes":{"dtype":"f32","shape":[]}},
    {"op":"call","inputs":[[0,0],[0,0]],"bodies":)" +
         bodies + R"(,"attributes":{"operation":")" + name +
         R"("}}],"outputs":[[1,0]],"effects":[]})";
}

// A gradient of that, which gives some of what it is given.
std::string gradient_json(const std::string& outputs) {
  return R"({"nodes":[)" + input_json("p0") + "," + input_json("p1") + "," + input_json("p2") +
         "," + input_json("p3") + R"(],"outputs":)" + outputs + "}";
}

std::string code_from(const std::string& json) {
  return code_of([&] { graph_from_json(json); });
}

// The results and the last state of running sums over four elements, of which `count` are read.
std::vector<float> counted_sums(int32_t count) {
  Graph graph;
  Value n = placeholder(graph, "n", {}, DType::i32);
  Value x = placeholder(graph, "x", {4});
  Program body;
  Emit emit(body.graph);
  TensorType scalar{DType::f32, Shape{}};
  Value total =
      emit.add(body_placeholder(body.graph, 0, scalar), body_placeholder(body.graph, 1, scalar));
  body.outputs = {total, total};
  Value zero = Emit(graph).scalar(0, x);
  int scan = graph.add_with_bodies(
      "scan", {n, zero, x}, {{"states", int64_t{1}}, {"sequences", int64_t{1}}, {"counted", true}},
      {std::make_shared<const Program>(std::move(body))});
  Tensor steps(TensorType{DType::i32, Shape{}});
  steps.as<int32_t>()[0] = count;
  Tensor values(TensorType{DType::f32, Shape{4}});
  for (int i = 0; i < 4; ++i) values.as<float>()[i] = static_cast<float>(i + 1);
  std::vector<Tensor> got =
      evaluate_backend(graph, {Value{scan, 1}, Value{scan, 0}}, {{"n", steps}, {"x", values}});
  std::vector<float> numbers(got[0].as<float>(), got[0].as<float>() + 4);
  numbers.push_back(got[1].as<float>()[0]);
  return numbers;
}

// The same made by a program: the body of a scan that holds `depth` others, each in the next.
void nested_scan(int depth) {
  std::shared_ptr<const Program> body;
  for (int level = 0; level <= depth + 1; ++level) {
    Program outer;
    Value x = body_placeholder(outer.graph, 0, TensorType{DType::f32, Shape{}});
    if (body == nullptr)
      outer.outputs = {Emit(outer.graph).add(x, 1.0)};
    else
      outer.outputs = {
          {outer.graph.add_with_bodies(
               "scan", {x},
               {{"states", int64_t{1}}, {"sequences", int64_t{0}}, {"length", int64_t{1}}}, {body}),
           0}};
    body = std::make_shared<const Program>(std::move(outer));
  }
}

}  // namespace

TEST("a counted scan runs so many steps and leaves zeros behind them") {
  CHECK((counted_sums(3) == std::vector<float>{1, 3, 6, 0, 6}));
  CHECK((counted_sums(0) == std::vector<float>{0, 0, 0, 0, 0}));
  CHECK((counted_sums(-7) == std::vector<float>{0, 0, 0, 0, 0}));
  CHECK((counted_sums(100) == std::vector<float>{1, 3, 6, 10, 10}));
}

TEST("bodies out of files are held to the same rules") {
  std::string good = scan_json("", "[" + body_json("p1", "add") + "]");
  CHECK(code_from(good).empty());
  std::string text = graph_to_json(graph_from_json(good));
  CHECK(graph_to_json(graph_from_json(text)) == text);
  CHECK(code_from(scan_json("", "[]")) == "invalid_graph");
  CHECK(code_from(scan_json("", "[1]")) == "corrupt_file");
  CHECK(code_from(scan_json("", "[{}]")) == "invalid_graph");
  CHECK(code_from(scan_json("", "[" + body_json("q", "add") + "]")) == "invalid_graph");
  CHECK(code_from(scan_json("", "[" + body_json("p7", "add") + "]")) == "invalid_graph");
  CHECK(code_from(scan_json("", "[" + body_json("p1", "apply_sgd") + "]")) != "");
  CHECK(code_from(scan_json(R"(,"length":1099511627776)", "[" + body_json("p1", "add") + "]")) ==
        "invalid_attribute");
  CHECK(code_from(scan_json(R"(,"length":5)", "[" + body_json("p1", "add") + "]")) ==
        "shape_mismatch");
  std::string relu = scan_json("", "[" + body_json("p1", "add") + "]");
  relu.replace(relu.find("\"scan\""), 6, "\"relu\"");
  CHECK(code_from(relu) == "invalid_attribute" || code_from(relu) == "unknown_op");
}

TEST("calls of defined operations out of files are held to the same rules") {
  std::string forward = body_json("p1", "add");
  std::string good = call_json("[" + forward + "," + gradient_json("[[3,0],[3,0]]") + "]");
  CHECK(code_from(good).empty());
  std::string text = graph_to_json(graph_from_json(good));
  CHECK(graph_to_json(graph_from_json(text)) == text);
  CHECK(code_from(call_json("[" + forward + "]")).empty());
  CHECK(code_from(call_json("[]")) == "invalid_graph");
  CHECK(code_from(call_json("[" + forward + "," + forward + "," + forward + "]")) == "unknown_op");
  CHECK(code_from(call_json("[" + forward + "]", "")) == "invalid_attribute");
  CHECK(code_from(call_json("[" + forward + "," + gradient_json("[[3,0]]") + "]")) ==
        "invalid_graph");
  CHECK(code_from(call_json("[" + forward + "," + gradient_json("[[3,0],[9,0]]") + "]")) ==
        "corrupt_file");
  CHECK(code_from(call_json(R"([{"nodes":[],"outputs":[]}])")) == "invalid_graph");
}

TEST("bodies inside bodies have an end") {
  CHECK(code_of([] { nested_scan(5); }).empty());
  CHECK(code_of([] { nested_scan(6); }) == "limit");
  CHECK(code_from(scan_json("", "[" + nested_json(3) + "]")).empty());
  CHECK(code_from(scan_json("", "[" + nested_json(5) + "]")).empty());
  CHECK(code_from(scan_json("", "[" + nested_json(6) + "]")) == "corrupt_file");
  CHECK(code_from(scan_json("", "[" + nested_json(60) + "]")) == "corrupt_file");
}

}  // namespace vanda::testing
