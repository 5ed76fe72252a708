#include <cmath>

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// Batch normalisation (Ioffe and Szegedy, 2015) in training: statistics over all axes but the last.
// batch_norm_train(x, scale, shift) -> y, mean, variance (biased, as it is used for y).
// Inference is written with elementwise ops by the layer, and fuses.
// A pass takes it apart, so that what follows can join the second half:
//   batch_norm_moments(x) -> mean, variance
//   batch_norm_apply(x, mean, variance, scale, shift, residual?) -> activation(y + residual)
std::vector<TensorType> infer_train(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  bool fits = x.rank() >= 2 && is_float(inputs[0].dtype);
  for (size_t i = 1; fits && i < 3; ++i) {
    fits = inputs[i].dtype == inputs[0].dtype && inputs[i].shape == Shape{x[x.rank() - 1]};
  }
  if (!fits) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 [..., C] with scale and shift of [C], not " + inputs[0].text() + ", " +
                    inputs[1].text() + ", " + inputs[2].text());
  }
  if (!(node.number("epsilon") > 0)) {
    throw Error("invalid_attribute", node.op->name, "epsilon must be positive");
  }
  return {inputs[0], inputs[1], inputs[1]};
}

void reference_train(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t channels = inputs[1].elements();
  int64_t rows = inputs[0].elements() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    double mean = 0;
    double variance = 0;
    for (int64_t r = 0; r < rows; ++r) mean += inputs[0].at(r * channels + c);
    mean /= static_cast<double>(rows);
    for (int64_t r = 0; r < rows; ++r) {
      double distance = inputs[0].at(r * channels + c) - mean;
      variance += distance * distance;
    }
    variance /= static_cast<double>(rows);
    double inverse = 1 / std::sqrt(variance + node.number("epsilon"));
    for (int64_t r = 0; r < rows; ++r) {
      double normal = (inputs[0].at(r * channels + c) - mean) * inverse;
      outputs[0].set(r * channels + c, normal * inputs[1].at(c) + inputs[2].at(c));
    }
    outputs[1].set(c, mean);
    outputs[2].set(c, variance);
  }
}

std::vector<TensorType> infer_moments(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  if (x.rank() < 2 || !is_float(inputs[0].dtype)) {
    throw Error("shape_mismatch", node.op->name, "takes f32 [..., C], not " + inputs[0].text());
  }
  TensorType vector{inputs[0].dtype, Shape{x[x.rank() - 1]}};
  return {vector, vector};
}

void reference_moments(const Node&, Inputs inputs, Outputs outputs) {
  int64_t channels = outputs[0].elements();
  int64_t rows = inputs[0].elements() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    double mean = 0;
    double variance = 0;
    for (int64_t r = 0; r < rows; ++r) mean += inputs[0].at(r * channels + c);
    mean /= static_cast<double>(rows);
    for (int64_t r = 0; r < rows; ++r) {
      double distance = inputs[0].at(r * channels + c) - mean;
      variance += distance * distance;
    }
    outputs[0].set(c, mean);
    outputs[1].set(c, variance / static_cast<double>(rows));
  }
}

void require_activation(const Node& node) {
  if (node.text("activation") != "" && node.text("activation") != "relu") {
    throw Error("invalid_attribute", node.op->name, "only relu can be joined to it");
  }
}

std::vector<TensorType> infer_apply(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  bool fits = x.rank() >= 2 && is_float(inputs[0].dtype);
  for (size_t i = 1; fits && i < 5; ++i) {
    fits = inputs[i] == TensorType{inputs[0].dtype, Shape{x[x.rank() - 1]}};
  }
  if (!fits || (inputs.size() == 6 && inputs[5] != inputs[0])) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 [..., C], four vectors of [C] and a residual of the first one's shape");
  }
  require_activation(node);
  return {inputs[0]};
}

void reference_apply(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t channels = inputs[1].elements();
  bool relu = node.text("activation") == "relu";
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    int64_t c = i % channels;
    double inverse = 1 / std::sqrt(inputs[2].at(c) + node.number("epsilon"));
    double y = (inputs[0].at(i) - inputs[1].at(c)) * inverse * inputs[3].at(c) + inputs[4].at(c);
    if (inputs.size() == 6) y += inputs[5].at(i);
    outputs[0].set(i, relu && y < 0 ? 0 : y);
  }
}

std::vector<Value> grad_train(Graph& graph, int node, Grads grads) {
  if (grads[1].node >= 0 || grads[2].node >= 0) {
    throw Error("no_gradient", "batch_norm_train", "the statistics themselves have no gradient");
  }
  std::vector<Value> inputs = graph.node(node).inputs;
  double epsilon = graph.node(node).number("epsilon");
  int grad =
      graph.add("batch_norm_grad", {grads[0], inputs[0], inputs[1], Value{node, 1}, Value{node, 2}},
                {{"epsilon", epsilon}});
  return {Value{grad, 0}, Value{grad, 1}, Value{grad, 2}};
}

// batch_norm_grad(dy, x, scale, mean, variance, shift?) -> dx, dscale, dshift. With the shift, dy is
// the gradient behind a relu that followed.
std::vector<TensorType> infer_grad(const Node& node, Types inputs) {
  const Shape& x = inputs[1].shape;
  bool fits = x.rank() >= 2 && inputs[0] == inputs[1];
  for (size_t i = 2; fits && i < inputs.size(); ++i)
    fits = inputs[i] == TensorType{inputs[0].dtype, Shape{x[x.rank() - 1]}};
  if (!fits) throw Error("shape_mismatch", node.op->name, "the inputs do not go together");
  return {inputs[1], inputs[2], inputs[2]};
}

void reference_grad(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t channels = inputs[2].elements();
  int64_t rows = inputs[1].elements() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    double inverse = 1 / std::sqrt(inputs[4].at(c) + node.number("epsilon"));
    double sum = 0;
    double dot = 0;
    auto normal_at = [&](int64_t i) { return (inputs[1].at(i) - inputs[3].at(c)) * inverse; };
    auto gradient_at = [&](int64_t i) {
      bool open =
          inputs.size() < 6 || normal_at(i) * inputs[2].at(c) + inputs[5].at(c) > 0;
      return open ? inputs[0].at(i) : 0;
    };
    for (int64_t r = 0; r < rows; ++r) {
      int64_t i = r * channels + c;
      sum += gradient_at(i);
      dot += gradient_at(i) * normal_at(i);
    }
    double count = static_cast<double>(rows);
    for (int64_t r = 0; r < rows; ++r) {
      int64_t i = r * channels + c;
      double distance = sum / count + normal_at(i) * dot / count;
      outputs[0].set(i, inputs[2].at(c) * inverse * (gradient_at(i) - distance));
    }
    outputs[1].set(c, dot);
    outputs[2].set(c, sum);
  }
}

}  // namespace

void register_normalization() {
  OpSpec train;
  train.name = "batch_norm_train";
  train.inputs_min = train.inputs_max = 3;
  train.attributes = {{"epsilon", AttributeKind::number, 1e-3}};
  train.doc = {"Batch normalisation with the batch's own statistics; gives y, mean and variance.",
               "x [..., C], scale [C], shift [C] -> [..., C], [C], [C]"};
  train.first_order = true;
  train.infer = infer_train;
  train.reference = reference_train;
  train.gradient = grad_train;
  register_op(std::move(train));

  OpSpec moments;
  moments.name = "batch_norm_moments";
  moments.inputs_min = moments.inputs_max = 1;
  moments.doc = {"Mean and biased variance of each channel: the first half of batch_norm_train.",
                 "x [..., C] -> [C], [C]"};
  moments.infer = infer_moments;
  moments.reference = reference_moments;
  register_op(std::move(moments));

  OpSpec apply;
  apply.name = "batch_norm_apply";
  apply.inputs_min = 5;
  apply.inputs_max = 6;
  apply.attributes = {{"epsilon", AttributeKind::number, 1e-3},
                      {"activation", AttributeKind::text, std::string()}};
  apply.doc = {"Normalises with given statistics, then adds a residual and takes the relu if asked: "
               "the second half of batch_norm_train.",
               "x [..., C], mean, variance, scale, shift [C], residual [..., C] -> [..., C]"};
  apply.infer = infer_apply;
  apply.reference = reference_apply;
  register_op(std::move(apply));

  OpSpec grad;
  grad.name = "batch_norm_grad";
  grad.inputs_min = 5;
  grad.inputs_max = 6;
  grad.attributes = {{"epsilon", AttributeKind::number, 1e-3}};
  grad.doc = {"The gradient of batch_norm_train towards x, scale and shift; given the shift, behind a relu.",
              "dy, x [..., C], scale, mean, variance, shift [C] -> [..., C], [C], [C]",
              "f32", "own"};
  grad.infer = infer_grad;
  grad.reference = reference_grad;
  grad.gradient = refuse_second_order;
  register_op(std::move(grad));
}

}  // namespace vanda
