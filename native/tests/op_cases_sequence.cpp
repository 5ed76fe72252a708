#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

Value mask_of(Emit& emit, Value numbers) {
  return emit.op("greater", {numbers, emit.scalar(0, numbers)});
}

// All outputs in one value, so that each of them has a gradient.
Value joined(Emit& emit, int node, Ints state) {
  Ints column = {state[0], 1, state[1]};
  Value total{node, 0};
  bool lstm = emit.graph.node(node).is("lstm");
  for (int output = 1; output <= (lstm ? 2 : 1); ++output) {
    Value last = emit.op("reshape", {Value{node, output}}, {{"shape", column}});
    total = emit.add(total, emit.mul(last, 0.5 * output));
  }
  return total;
}

void add_recurrent(std::vector<OpCase>& cases, const std::string& op, bool reverse, bool state,
                   bool mask) {
  constexpr int64_t kBatch = 3, kSteps = 4, kInputs = 3, kUnits = 2;
  bool lstm = op == "lstm";
  int64_t columns = (lstm ? 4 : 3) * kUnits;
  std::vector<Ints> shapes = {{kBatch, kSteps, kInputs}, {kInputs, columns}, {kUnits, columns}};
  shapes.push_back(lstm ? Ints{columns} : Ints{2, columns});
  if (state) shapes.insert(shapes.end(), lstm ? 2 : 1, Ints{kBatch, kUnits});
  OpCase entry;
  entry.op = op;
  entry.inputs = shapes;
  if (mask) entry.indices = {{{kBatch, kSteps}, 3}};
  entry.build = [=](Emit& emit, Inputs& x) {
    Inputs inputs = x;
    if (mask) inputs.back() = mask_of(emit, x.back());
    int node = emit.graph.add(op, inputs, {{"reverse", reverse}, {"state", state}, {"mask", mask}});
    return joined(emit, node, {kBatch, kUnits});
  };
  entry.second_order = false;
  cases.push_back(entry);
}

void add_attention(std::vector<OpCase>& cases, std::vector<Ints> shapes, int64_t heads, bool causal,
                   Ints mask) {
  OpCase entry;
  entry.op = "attention";
  entry.inputs = shapes;
  if (!mask.empty()) entry.indices = {{mask, 2}};
  entry.build = [=](Emit& emit, Inputs& x) {
    Inputs inputs = x;
    if (!mask.empty()) inputs.back() = mask_of(emit, x.back());
    return emit.op("attention", inputs,
                   {{"heads", heads},
                    {"causal", causal},
                    {"mask", !mask.empty()},
                    {"packed", shapes.size() == 1},
                    {"scale", shapes.size() == 1 ? 0.0 : 0.7}});
  };
  entry.low = -2;
  entry.high = 2;
  entry.second_order = false;
  cases.push_back(entry);
}

}  // namespace

void add_sequence_cases(std::vector<OpCase>& cases) {
  for (const char* op : {"lstm", "gru"}) {
    add_recurrent(cases, op, false, false, false);
    add_recurrent(cases, op, true, false, true);
    add_recurrent(cases, op, false, true, true);
    add_recurrent(cases, op, true, true, false);
  }
  add_attention(cases, {{2, 3, 4}, {2, 5, 4}, {2, 5, 6}}, 2, false, {});
  add_attention(cases, {{2, 3, 4}, {2, 5, 4}, {2, 5, 6}}, 2, true, {2, 5});
  add_attention(cases, {{2, 2, 3, 4}, {2, 2, 5, 4}, {2, 2, 5, 3}}, 0, false, {2, 3, 5});
  add_attention(cases, {{2, 4, 12}}, 2, true, {});
  add_attention(cases, {{2, 4, 12}}, 2, false, {2, 4});
}

}  // namespace vanda::testing
