#include "ops/recompute.hpp"
#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

OpCase fixed(OpCase entry) {
  entry.differentiable = false;
  return entry;
}

// A block of two results that reads a value twice and holds another block; what it reads is also
// read behind it.
OpCase recompute_case(int output) {
  return {"recompute", {{3, 4}, {4}}, [=](Emit& emit, Inputs& x) {
            Value read = emit.op("sin", {x[0]});
            int first = emit.graph.size();
            Value a = emit.op("tanh", {emit.mul(read, x[1])});
            int inner = emit.graph.size();
            Value b = emit.mul(emit.op("exp", {a}), read);
            Value closed{close_recomputed(emit.graph, inner, {b}), 0};
            Value sum = emit.sum(emit.mul(closed, a), {}, false);
            int node = close_recomputed(emit.graph, first, {closed, sum});
            return emit.add(Value{node, output}, read);
          }};
}

}  // namespace

void add_reduction_cases(std::vector<OpCase>& cases) {
  for (const char* op : {"sum", "mean", "max", "min", "prod", "log_sum_exp", "variance"}) {
    auto add = [&](Ints shape, Ints axes, bool keep) {
      cases.push_back(simple_case(op, {std::move(shape)},
                                  {{"axes", std::move(axes)}, {"keepDims", keep}}, -1.5, 1.5));
    };
    add({3, 4, 5}, {1}, false);
    add({3, 4, 5}, {0, 1}, false);
    add({3, 4, 5}, {0, -1}, true);
    add({3, 4, 5}, {2}, true);
    add({3, 4, 5}, {}, false);
    add({2, 1, 3, 2, 3}, {0, 2, 4}, false);
    add({4, 1}, {1}, false);
    // Large enough for several threads, lanes and blocks of columns.
    OpCase tall = simple_case(op, {{300, 400}}, {{"axes", Ints{0}}}, 0.9, 1.1);
    OpCase wide = simple_case(op, {{3, 5, 700}}, {{"axes", Ints{1}}}, 0.9, 1.1);
    OpCase whole = simple_case(op, {{130000}}, {}, 0.9999, 1.0001);
    for (OpCase& entry : std::vector<OpCase>{tall, wide, whole}) cases.push_back(fixed(entry));
  }
  cases.push_back(
      simple_case("variance", {{3, 4}}, {{"axes", Ints{1}}, {"correction", int64_t{1}}}));
  // The gradient of a product is right where factors are zero: none, one and two of them.
  cases.push_back({"prod", {{3, 4}}, [](Emit& emit, Inputs& x) {
                     Tensor mask(TensorType{emit.graph.type(x[0]).dtype, Shape{3, 4}});
                     View view{&mask.type, mask.data()};
                     for (int64_t i = 0; i < 12; ++i)
                       view.set(i, i == 1 || i == 8 || i == 11 ? 0 : 1);
                     Value zeros{emit.graph.add_constant(mask), 0};
                     return emit.op("prod", {emit.mul(x[0], zeros)}, {{"axes", Ints{1}}});
                   }});
  for (const char* op : {"any", "all"}) {
    for (const Ints& axes : {Ints{0}, Ints{1}, Ints{0, 2}}) {
      OpCase entry{op, {{3, 4, 5}}, [op, axes](Emit& emit, Inputs& x) {
                     Value truth = emit.op("greater", {x[0], emit.scalar(0.2, x[0])});
                     return emit.op(op, {truth}, {{"axes", axes}});
                   }};
      cases.push_back(fixed(entry));
    }
  }
}

void add_order_cases(std::vector<OpCase>& cases) {
  for (const char* op : {"argmax", "argmin"}) {
    for (int64_t axis : {0, 1, -1}) {
      cases.push_back(fixed(simple_case(op, {{4, 7, 3}}, {{"axis", axis}})));
    }
    cases.push_back(fixed(simple_case(op, {{3, 300}}, {{"axis", int64_t{1}}})));
    cases.push_back(fixed(simple_case(op, {{5, 300}}, {{"axis", int64_t{0}}})));
  }
  cases.push_back(simple_case("top_k", {{4, 9}}, {{"k", int64_t{3}}}));
  cases.push_back(simple_case("top_k", {{6}}, {{"k", int64_t{6}}}));
  OpCase places{"top_k", {{40, 500}}, [](Emit& emit, Inputs& x) {
                  return Value{emit.op("top_k", x, {{"k", int64_t{20}}}).node, 1};
                }};
  cases.push_back(fixed(places));
  for (bool exclusive : {false, true}) {
    for (bool reverse : {false, true}) {
      for (int64_t axis : {0, 1, 2}) {
        cases.push_back(
            simple_case("cumsum", {{3, 4, 5}},
                        {{"axis", axis}, {"exclusive", exclusive}, {"reverse", reverse}}));
      }
    }
  }
  cases.push_back(fixed(simple_case("cumsum", {{40, 600}}, {{"axis", int64_t{0}}})));
  for (const char* op : {"softmax", "log_softmax"}) {
    for (int64_t axis : {0, 1, 2}) {
      cases.push_back(simple_case(op, {{3, 4, 5}}, {{"axis", axis}}, -3, 3));
    }
    cases.push_back(fixed(simple_case(op, {{30, 600}}, {{"axis", int64_t{0}}}, -3, 3)));
  }
}

void add_indexing_cases(std::vector<OpCase>& cases) {
  auto take = [](int64_t axis) {
    return
        [axis](Emit& emit, Inputs& x) { return emit.op("take", {x[0], x[1]}, {{"axis", axis}}); };
  };
  cases.push_back({"take", {{3, 6, 4}}, take(1), -1, 1, {{{2, 5}, 6}}});
  cases.push_back({"take", {{3, 6}}, take(-1), -1, 1, {{{7}, 6}}});
  cases.push_back({"take", {{6, 3}}, take(0), -1, 1, {{{4}, 6}}});
  cases.push_back({"take_add",
                   {{3, 2, 5, 4}, {3, 6, 4}},
                   [](Emit& emit, Inputs& x) {
                     return emit.op("take_add", {x[0], x[2], x[1]}, {{"axis", int64_t{1}}});
                   },
                   -1,
                   1,
                   {{{2, 5}, 6}}});
  for (int64_t axis : {0, 1, 2}) {
    Ints indices = {3, 6, 4};
    indices[static_cast<size_t>(axis)] = 5;
    cases.push_back({"take_along_axis",
                     {{3, 6, 4}},
                     [axis](Emit& emit, Inputs& x) {
                       return emit.op("take_along_axis", {x[0], x[1]}, {{"axis", axis}});
                     },
                     -1,
                     1,
                     {{indices, 3}}});
    cases.push_back({"add_along_axis",
                     {indices, {3, 6, 4}},
                     [axis](Emit& emit, Inputs& x) {
                       return emit.op("add_along_axis", {x[0], x[2], x[1]}, {{"axis", axis}});
                     },
                     -1,
                     1,
                     {{indices, 3}}});
  }
}

void add_movement_cases(std::vector<OpCase>& cases) {
  auto slice = [&](Ints shape, Ints begin, Ints size, Ints step) {
    cases.push_back(simple_case(
        "slice", {std::move(shape)},
        {{"begin", std::move(begin)}, {"size", std::move(size)}, {"step", std::move(step)}}));
  };
  slice({5, 6}, {0, 1}, {-1, -1}, {2, 2});
  slice({5, 6}, {4, 5}, {-1, 2}, {-1, -3});
  slice({5, 6}, {2, 0}, {2, -1}, {});  // in one piece: a view
  slice({4, 5, 6}, {2, 1, 0}, {1, 3, -1}, {1, 1, 1});
  slice({4, 5, 6}, {3, 0, 2}, {1, 1, 3}, {});
  cases.push_back(
      simple_case("pad_to", {{2, 3}, {5, 8}}, {{"begin", Ints{4, 1}}, {"step", Ints{-2, 3}}}));
  cases.push_back(simple_case("pad", {{2, 3}},
                              {{"before", Ints{1, 0}}, {"after", Ints{0, 2}}, {"value", 2.5}}));
  cases.push_back(simple_case("pad", {{2, 3}}, {{"before", Ints{0, 2}}, {"after", Ints{3, 0}}}));
  auto transpose = [&](Ints shape, Ints permutation) {
    OpCase entry = simple_case("transpose", {shape}, {{"permutation", permutation}});
    int64_t elements = 1;
    for (int64_t dim : shape) elements *= dim;
    entry.differentiable = elements < 200;
    cases.push_back(entry);
  };
  transpose({3, 5}, {1, 0});
  transpose({70, 90}, {1, 0});
  transpose({129, 67}, {1, 0});
  transpose({2, 3, 4, 5}, {0, 2, 1, 3});
  transpose({2, 3, 4, 5}, {3, 1, 0, 2});
  transpose({20, 30, 17, 9}, {3, 1, 0, 2});
  transpose({20, 30, 17, 9}, {0, 2, 3, 1});
  transpose({4, 1, 5}, {1, 0, 2});  // moves nothing
}

void add_gradient_cases(std::vector<OpCase>& cases) {
  // x^3 with the derivative 3 x^2 written by hand, behind another op and before one.
  cases.push_back({"custom_gradient", {{3, 4}}, [](Emit& emit, Inputs& x) {
                     Value inner = emit.op("sin", {x[0]});
                     Value y = emit.mul(inner, emit.op("square", {inner}));
                     Value slot = emit.op("gradient_slot", {y});
                     Value dx = emit.mul(emit.mul(slot, 3), emit.op("square", {inner}));
                     return emit.op("tanh", {emit.op("custom_gradient", {y, slot, inner, dx})});
                   }});
  cases.push_back(fixed(simple_case("gradient_slot", {{3, 4}})));
  cases.push_back({"barrier", {{3, 4}, {2}}, [](Emit& emit, Inputs& x) {
                     return emit.mul(emit.op("barrier", {x[0], x[1]}), x[0]);
                   }});
  for (int output : {0, 1}) cases.push_back(recompute_case(output));
}

}  // namespace vanda::testing
