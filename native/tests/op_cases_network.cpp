#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

OpCase simple(const std::string& op, std::vector<Ints> inputs, Attributes attributes = {}) {
  auto build = [op, attributes](Emit& emit, Inputs& x) { return emit.op(op, x, attributes); };
  return {op, std::move(inputs), build};
}

// Their gradients are fused kernels, without a second order.
OpCase fused(OpCase entry) {
  entry.second_order = false;
  return entry;
}

void add_normalizations(std::vector<OpCase>& cases) {
  Attributes layer = {{"epsilon", 1e-3}};
  for (const Ints& shape : {Ints{6, 5}, Ints{2, 3, 4, 5}, Ints{5}}) {
    cases.push_back(fused(simple("layer_norm", {shape, {5}, {5}}, layer)));
  }
  cases.push_back(fused(simple("layer_norm", {{300, 67}, {67}, {67}}, layer)));
  cases.back().differentiable = false;  // large enough for a team; too large for differences
  for (int64_t groups : {1, 3, 6}) {
    Attributes group = {{"epsilon", 1e-3}, {"groups", groups}};
    cases.push_back(fused(simple("group_norm", {{3, 4, 2, 6}, {6}, {6}}, group)));
  }
  cases.push_back(fused(simple("group_norm", {{4, 5, 6}, {6}, {6}}, {{"groups", int64_t{2}}})));
}

}  // namespace

void add_network_cases(std::vector<OpCase>& cases) { add_normalizations(cases); }

}  // namespace vanda::testing
