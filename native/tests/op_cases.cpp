#include "tests/op_cases.hpp"

#include "ops/elementwise.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

void add_elementwise(std::vector<OpCase>& cases) {
  for (const ScalarInfo& info : scalar_table()) {
    std::string op = info.op;
    if (op.starts_with("logical_") || op == "where") continue;
    bool positive = op == "log" || op == "sqrt" || op == "rsqrt" || op == "pow" || op == "log1p" ||
                    op == "reciprocal" || op == "floor_mod";
    bool kinked = op == "relu6" || op.starts_with("hard_");
    Attributes attributes;
    if (op == "clamp") attributes = {{"low", -0.4}, {"high", 0.5}};
    std::vector<Ints> shapes = {{3, 5}};
    if (info.arity == 2) shapes = {{3, 5}, {5}};
    OpCase entry = simple_case(op, shapes, attributes, positive ? 0.3 : -2, 2);
    if (op == "div") entry.low = 0.5;
    if (op == "tan") entry.low = -1, entry.high = 1;
    if (kinked) entry.low = -5, entry.high = 9;
    bool flat = op == "sign" || op == "floor" || op == "stop_gradient" || op.ends_with("equal") ||
                op == "less" || op == "greater" || op == "ceil" || op == "round" || op == "trunc" ||
                op == "round_bf16" || op.starts_with("is_");
    entry.differentiable = !flat;
    cases.push_back(entry);
    if (info.arity == 2) {
      OpCase column = entry;
      column.inputs = {{4, 1, 5}, {3, 1}};
      cases.push_back(column);
    }
  }
  cases.push_back({"where", {{3, 4}, {4}}, [](Emit& emit, Inputs& x) {
                     Value condition = emit.op("greater", {x[0], emit.scalar(0.1, x[0])});
                     return emit.where(condition, x[0], x[1]);
                   }});
  for (const char* op : {"logical_and", "logical_or", "logical_xor"}) {
    cases.push_back({op,
                     {{3, 4}, {4}},
                     [op](Emit& emit, Inputs& x) {
                       Value a = emit.op("greater", {x[0], emit.scalar(0.1, x[0])});
                       Value b = emit.op("less", {x[1], emit.scalar(0.3, x[1])});
                       return emit.op(op, {a, emit.op("logical_not", {b})});
                     },
                     -1,
                     1,
                     {},
                     false});
  }
  cases.push_back({"cast", {{7}}, [](Emit& emit, Inputs& x) {
                     DType dtype = emit.graph.type(x[0]).dtype;
                     return emit.mul(emit.cast(emit.cast(x[0], DType::boolean), dtype), x[0]);
                   }});
}

void add_shapes(std::vector<OpCase>& cases) {
  cases.push_back(simple_case("reshape", {{4, 6}}, {{"shape", Ints{0, -1, 2}}}));
  cases.push_back(simple_case("reshape_like", {{4, 6}, {8, 3}}));
  cases.push_back(simple_case("expand", {{4, 1}}, {{"shape", Ints{2, 4, 3}}}));
  cases.push_back(simple_case("expand_like", {{4, 1}, {4, 3}}));
  cases.push_back(simple_case("transpose", {{2, 3, 4}}, {{"permutation", Ints{2, 0, 1}}}));
  cases.push_back(simple_case("slice", {{5, 6}}, {{"begin", Ints{1, 2}}, {"size", Ints{3, -1}}}));
  cases.push_back(simple_case("pad_to", {{2, 3}, {5, 6}}, {{"begin", Ints{1, 2}}}));
  cases.push_back(simple_case("concat", {{2, 3}, {2, 1}, {2, 4}}, {{"axis", int64_t{1}}}));
  cases.push_back(simple_case("sum_to", {{3, 4, 5}, {4, 1}}));
}

void add_products(std::vector<OpCase>& cases) {
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      Attributes attributes = {{"transposeA", ta}, {"transposeB", tb}};
      cases.push_back(simple_case(
          "matmul", {ta ? Ints{4, 3} : Ints{3, 4}, tb ? Ints{5, 4} : Ints{4, 5}}, attributes));
      cases.push_back(
          simple_case("matmul", {ta ? Ints{2, 4, 3} : Ints{2, 3, 4}, tb ? Ints{5, 4} : Ints{4, 5}},
                      attributes));
      cases.push_back(simple_case(
          "matmul", {ta ? Ints{1, 4, 3} : Ints{1, 3, 4}, tb ? Ints{2, 5, 4} : Ints{2, 4, 5}},
          attributes));
    }
  }
  cases.push_back(simple_case("dense", {{3, 4}, {4, 5}, {5}}));
  cases.push_back(simple_case("dense", {{3, 4}, {4, 5}}));
  cases.push_back(simple_case("dense", {{2, 3, 4}, {4, 5}, {5}}));
}

Attributes window(const char* padding, int64_t stride, Ints pads = {}, int64_t dilation = 1) {
  return {{"padding", std::string(padding)},
          {"stride", Ints{stride, stride}},
          {"pads", std::move(pads)},
          {"dilation", Ints{dilation, dilation}}};
}

void add_pictures(std::vector<OpCase>& cases) {
  auto conv = [&](std::vector<Ints> inputs, Attributes attributes, int64_t groups) {
    attributes["groups"] = groups;
    cases.push_back(simple_case("conv2d", std::move(inputs), std::move(attributes)));
  };
  conv({{2, 5, 6, 3}, {3, 3, 3, 4}, {4}}, window("valid", 1), 1);
  conv({{2, 5, 6, 3}, {3, 2, 3, 4}}, window("same", 2), 1);
  conv({{1, 6, 6, 2}, {3, 3, 2, 2}}, window("explicit", 1, {1, 0, 2, 1}), 1);
  conv({{1, 7, 7, 4}, {3, 3, 2, 6}}, window("same", 1), 2);
  conv({{1, 6, 6, 4}, {3, 3, 1, 4}}, window("same", 1), 4);
  conv({{1, 8, 8, 2}, {3, 3, 2, 3}}, window("valid", 1, {}, 2), 1);
  Attributes data = window("same", 2);
  data["groups"] = int64_t{1};
  data["size"] = Ints{5, 6};
  cases.push_back(simple_case("conv2d_grad_input", {{2, 3, 3, 4}, {3, 2, 3, 4}}, data));
  Attributes weights = window("valid", 1);
  weights["groups"] = int64_t{1};
  weights["size"] = Ints{3, 3};
  cases.push_back(simple_case("conv2d_grad_kernel", {{2, 5, 6, 3}, {2, 3, 4, 4}}, weights));
  for (const char* op : {"max_pool2d", "avg_pool2d"}) {
    for (const char* padding : {"valid", "same"}) {
      Attributes attributes = window(padding, 2);
      attributes["size"] = Ints{3, 2};
      OpCase entry = simple_case(op, {{2, 6, 7, 3}}, attributes);
      entry.second_order = std::string(op) == "avg_pool2d";
      cases.push_back(entry);
    }
  }
  Attributes pool = window("same", 2);
  pool["size"] = Ints{2, 2};
  pool["inputSize"] = Ints{6, 7};
  cases.push_back(simple_case("avg_pool2d_grad", {{2, 3, 4, 3}}, pool));
  for (const Ints& shape : {Ints{4, 3, 3, 5}, Ints{16, 5}}) {
    OpCase norm = simple_case("batch_norm_train", {shape, {5}, {5}}, {{"epsilon", 1e-3}});
    norm.second_order = false;
    cases.push_back(norm);
  }
}

void add_rows(std::vector<OpCase>& cases) {
  cases.push_back(simple_case("softmax", {{4, 7}}, {}, -3, 3));
  cases.push_back(simple_case("log_softmax", {{4, 7}}, {}, -3, 3));
  cases.push_back(
      {"softmax_cross_entropy",
       {{4, 7}},
       [](Emit& emit, Inputs& x) { return emit.op("softmax_cross_entropy", {x[0], x[1]}); },
       -3,
       3,
       {{{4}, 7}}});
  cases.push_back({"softmax_cross_entropy",
                   {{4, 7}},
                   [](Emit& emit, Inputs& x) {
                     Value ones = emit.op("expand", {emit.scalar(1, x[0])}, {{"shape", Ints{7}}});
                     Value weights = emit.mul(ones, 0.7);
                     return emit.op("softmax_cross_entropy", {x[0], x[1], weights});
                   },
                   -3,
                   3,
                   {{{4}, 7}}});
  cases.push_back({"softmax_cross_entropy_grad",
                   {{4}, {4, 7}},
                   [](Emit& emit, Inputs& x) {
                     return emit.op("softmax_cross_entropy_grad", {x[0], x[1], x[2]});
                   },
                   -3,
                   3,
                   {{{4}, 7}}});
  cases.push_back({"gather",
                   {{6, 3}},
                   [](Emit& emit, Inputs& x) { return emit.op("gather", {x[0], x[1]}); },
                   -1,
                   1,
                   {{{2, 5}, 6}}});
  cases.push_back({"scatter_add",
                   {{5, 3}},
                   [](Emit& emit, Inputs& x) {
                     return emit.op("scatter_add", {x[0], x[1]}, {{"rows", int64_t{6}}});
                   },
                   -1,
                   1,
                   {{{5}, 6}}});
  cases.push_back(
      {"one_hot",
       {{2}},
       [](Emit& emit, Inputs& x) { return emit.op("one_hot", {x[1]}, {{"depth", int64_t{4}}}); },
       -1,
       1,
       {{{5}, 6}},
       false});
}

}  // namespace

OpCase simple_case(const std::string& op, std::vector<std::vector<int64_t>> inputs,
                   Attributes attributes, double low, double high) {
  auto build = [op, attributes](Emit& emit, Inputs& x) { return emit.op(op, x, attributes); };
  OpCase entry{op, std::move(inputs), build, low, high};
  entry.plain = true;
  return entry;
}

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> all;
    add_elementwise(all);
    add_shapes(all);
    add_products(all);
    add_pictures(all);
    add_rows(all);
    add_sequence_cases(all);
    add_network_cases(all);
    add_embedding_cases(all);
    add_reduction_cases(all);
    add_order_cases(all);
    add_indexing_cases(all);
    add_matrix_cases(all);
    add_control_cases(all);
    add_long_tail_cases(all);
    add_movement_cases(all);
    add_gradient_cases(all);
    return all;
  }();
  return cases;
}

}  // namespace vanda::testing
