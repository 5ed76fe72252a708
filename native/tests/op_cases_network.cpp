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

// A pass makes them out of batch_norm_train; they have no gradient of their own.
void add_halves(std::vector<OpCase>& cases) {
  for (const Ints& shape : {Ints{4, 3, 3, 5}, Ints{30, 8}}) {
    int64_t channels = shape.back();
    OpCase moments = simple("batch_norm_moments", {shape});
    moments.differentiable = false;
    cases.push_back(moments);
    for (bool residual : {false, true}) {
      std::vector<Ints> inputs(6, Ints{channels});
      inputs[0] = inputs[5] = shape;
      if (!residual) inputs.pop_back();
      OpCase apply = simple("batch_norm_apply", inputs, {{"activation", std::string("relu")}});
      apply.low = 0.1;  // the variance is positive
      apply.differentiable = false;
      cases.push_back(apply);
    }
  }
}

void add_pools(std::vector<OpCase>& cases) {
  // Overlapping, dilated and padded windows; channels that fill no block of eight.
  for (const char* op : {"max_pool2d", "avg_pool2d"}) {
    for (int64_t channels : {3, 8, 19}) {
      OpCase entry = simple(op, {{2, 7, 6, channels}},
                            {{"size", Ints{3, 2}},
                             {"stride", Ints{2, 1}},
                             {"dilation", Ints{1, 2}},
                             {"padding", std::string("explicit")},
                             {"pads", Ints{1, 2, 1, 0}}});
      entry.second_order = std::string(op) == "avg_pool2d";
      cases.push_back(entry);
    }
  }
}

void add_convolutions(std::vector<OpCase>& cases) {
  // A first layer of few channels has a kernel of its own for its weights.
  for (int64_t channels : {1, 3, 4}) {
    cases.push_back(simple("conv2d", {{3, 7, 6, channels}, {3, 3, channels, 8}, {8}},
                           {{"padding", std::string("same")}, {"stride", Ints{2, 1}}}));
    cases.push_back(simple("conv2d", {{2, 9, 9, channels}, {2, 3, channels, 16}},
                           {{"dilation", Ints{2, 1}}}));
    cases.back().differentiable = channels == 1;
  }
}

void add_resizes(std::vector<OpCase>& cases) {
  for (const Ints& size : {Ints{7, 4}, Ints{2, 9}, Ints{1, 1}}) {
    for (const char* method : {"nearest", "bilinear"}) {
      Attributes attributes = {{"size", size}, {"method", std::string(method)}};
      cases.push_back(simple("resize2d", {{2, 3, 5, 3}}, attributes));
    }
    cases.push_back(simple("resize2d", {{2, 3, 5, 3}}, {{"size", size}, {"alignCorners", true}}));
  }
  cases.push_back(simple("resize2d_grad", {{2, 5, 4, 3}}, {{"inputSize", Ints{3, 6}}}));
}

void add_transposed(std::vector<OpCase>& cases) {
  // A transposed convolution is the gradient of one, grouped and dilated too.
  cases.push_back(simple("conv2d_grad_input", {{2, 3, 3, 4}, {3, 3, 2, 4}},
                         {{"size", Ints{7, 7}}, {"stride", Ints{2, 2}}, {"groups", int64_t{2}}}));
  cases.push_back(simple("conv2d_grad_input", {{1, 4, 3, 2}, {2, 3, 3, 2}},
                         {{"size", Ints{6, 7}}, {"dilation", Ints{2, 2}}}));
}

}  // namespace

void add_network_cases(std::vector<OpCase>& cases) {
  add_normalizations(cases);
  add_halves(cases);
  add_pools(cases);
  add_convolutions(cases);
  add_transposed(cases);
  add_resizes(cases);
}

}  // namespace vanda::testing
