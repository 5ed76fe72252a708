#include "ops/bodies.hpp"
#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;
using Bodies = std::vector<std::shared_ptr<const Program>>;

// A body of inputs of the given shapes, all of one dtype.
template <typename Build>
std::shared_ptr<const Program> body_of(DType dtype, const std::vector<Ints>& shapes, Build build) {
  Program body;
  Emit emit(body.graph);
  Inputs inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back(body_placeholder(body.graph, i, TensorType{dtype, Shape(shapes[i])}));
  }
  body.outputs = build(emit, inputs);
  return std::make_shared<const Program>(std::move(body));
}

// h = tanh(h w + x), giving h * x: a state [3, 2], elements [3, 2], weights [2, 2].
std::shared_ptr<const Program> recurrence(DType dtype, bool conditional) {
  return body_of(dtype, {{3, 2}, {3, 2}, {2, 2}}, [=](Emit& emit, Inputs& x) {
    Value next = emit.op("tanh", {emit.add(emit.op("matmul", {x[0], x[2]}), x[1])});
    Inputs outputs = {next, emit.mul(next, x[1])};
    if (conditional) {
      Value size = emit.sum(emit.op("square", {x[0]}), {}, false);
      outputs.insert(outputs.begin(), emit.op("less", {size, emit.scalar(2.5, size)}));
    }
    return outputs;
  });
}

OpCase scan_case(int output, bool reverse, bool counted, bool conditional) {
  OpCase entry{"scan", {{3, 2}, {4, 3, 2}, {2, 2}}, [=](Emit& emit, Inputs& x) {
                 DType dtype = emit.graph.type(x[0]).dtype;
                 Inputs inputs = {x[0], x[1], x[2]};
                 if (counted) inputs.insert(inputs.begin(), x[3]);
                 Attributes attributes = {{"states", int64_t{1}},
                                          {"sequences", int64_t{1}},
                                          {"reverse", reverse},
                                          {"counted", counted},
                                          {"conditional", conditional}};
                 int node = emit.graph.add_with_bodies("scan", inputs, attributes,
                                                       {recurrence(dtype, conditional)});
                 return Value{node, output};
               }};
  if (counted) entry.indices = {{{}, 5}};
  return entry;
}

// A scan in a body of a scan: the inner one goes through what the outer one gives it.
OpCase nested_case() {
  return {"scan", {{2}, {3, 2}}, [](Emit& emit, Inputs& x) {
            DType dtype = emit.graph.type(x[0]).dtype;
            auto inner = body_of(dtype, {{}, {}}, [](Emit& e, Inputs& y) {
              return Inputs{e.add(y[0], e.op("sin", {e.mul(y[0], y[1])}))};
            });
            auto outer = body_of(dtype, {{2}, {2}}, [&](Emit& e, Inputs& y) {
              Value zero = e.sum(y[0], {}, false);
              int node = e.graph.add_with_bodies(
                  "scan", {zero, y[1]}, {{"states", int64_t{1}}, {"sequences", int64_t{1}}},
                  {inner});
              return Inputs{e.mul(y[0], Value{node, 0})};
            });
            int node = emit.graph.add_with_bodies(
                "scan", {x[0], x[1]}, {{"states", int64_t{1}}, {"sequences", int64_t{1}}}, {outer});
            return Value{node, 0};
          }};
}

OpCase cond_case(double above) {
  return {
      "cond", {{2, 3}, {3}}, [=](Emit& emit, Inputs& x) {
        DType dtype = emit.graph.type(x[0]).dtype;
        std::vector<Ints> shapes = {{2, 3}, {3}};
        Bodies bodies = {
            body_of(dtype, shapes, [](Emit& e, Inputs& y) { return Inputs{e.mul(y[0], y[1])}; }),
            body_of(dtype, shapes, [](Emit& e, Inputs& y) {
              return Inputs{e.op("sin", {e.op("expand_like", {y[1], y[0]})})};
            })};
        Value sum = emit.sum(x[0], {}, false);
        Value predicate = emit.op("greater", {sum, emit.scalar(above, sum)});
        return Value{emit.graph.add_with_bodies("cond", {predicate, x[0], x[1]}, {}, bodies), 0};
      }};
}

// p * sin(q) and the sum of p, in a body; with a second body, the gradient as it would be found.
Bodies call_bodies(DType dtype, bool own_gradient) {
  Bodies bodies = {body_of(dtype, {{2, 3}, {3}}, [](Emit& e, Inputs& y) {
    return Inputs{e.mul(y[0], e.op("sin", {y[1]})), e.sum(y[0], {}, false)};
  })};
  if (!own_gradient) return bodies;
  bodies.push_back(body_of(
      dtype, {{2, 3}, {3}, {2, 3}, {}, {2, 3}, {}}, [](Emit& e, Inputs& y) {
        Value dp = e.add(e.mul(y[4], e.op("sin", {y[1]})), e.op("expand_like", {y[5], y[0]}));
        Value dq = e.mul(e.mul(y[4], y[0]), e.op("cos", {y[1]}));
        return Inputs{dp, e.reduce_to(dq, y[1])};
      }));
  return bodies;
}

OpCase call_case(int output, bool own_gradient) {
  return {"call", {{2, 3}, {3}}, [=](Emit& emit, Inputs& x) {
            Bodies bodies = call_bodies(emit.graph.type(x[0]).dtype, own_gradient);
            int node = emit.graph.add_with_bodies(
                "call", {x[0], x[1]}, {{"operation", std::string("tests.wave")}}, bodies);
            return Value{node, output};
          }};
}

// A call whose body calls, on the same value twice.
OpCase nested_call_case() {
  return {"call", {{2, 3}}, [](Emit& emit, Inputs& x) {
            DType dtype = emit.graph.type(x[0]).dtype;
            Attributes name = {{"operation", std::string("tests.product")}};
            auto inner = body_of(dtype, {{2, 3}, {2, 3}}, [](Emit& e, Inputs& y) {
              return Inputs{e.mul(y[0], e.op("exp", {y[1]}))};
            });
            auto outer = body_of(dtype, {{2, 3}, {2, 3}}, [&](Emit& e, Inputs& y) {
              int node = e.graph.add_with_bodies("call", {y[0], y[1]}, name, {inner});
              return Inputs{e.op("tanh", {Value{node, 0}})};
            });
            return Value{emit.graph.add_with_bodies("call", {x[0], x[0]}, name, {outer}), 0};
          }};
}

}  // namespace

void add_control_cases(std::vector<OpCase>& cases) {
  for (int output : {0, 1, 2}) {
    cases.push_back(scan_case(output, false, false, false));
    cases.push_back(scan_case(output, true, false, false));
    cases.push_back(scan_case(output, false, true, false));
    cases.push_back(scan_case(output, true, true, false));
    cases.push_back(scan_case(output, false, false, true));
  }
  cases.push_back(scan_case(3, false, false, true));  // how many steps there were
  cases.back().differentiable = false;
  cases.push_back(nested_case());
  cases.push_back(cond_case(-100));
  cases.push_back(cond_case(100));
  for (bool own_gradient : {false, true}) {
    cases.push_back(call_case(0, own_gradient));
    cases.push_back(call_case(1, own_gradient));
  }
  cases.push_back(nested_call_case());
}

}  // namespace vanda::testing
