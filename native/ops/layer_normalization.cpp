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

// Layer normalisation (Ba, Kiros and Hinton, 2016) over the last axis, and group normalisation (Wu
// and He, 2018) over the places and the channels of one group of one sample:
//   layer_norm(x [..., C], scale [C], shift [C]) -> y, mean [...], 1 / deviation [...]
//   group_norm(x [N, ..., C], scale [C], shift [C]) -> y, mean [N, G], 1 / deviation [N, G]
// The statistics serve the gradient and have none themselves.
struct Norm {
  int64_t samples, places, groups, width;  // x seen as [samples, places, groups, width]

  int64_t channel(int64_t group, int64_t k) const { return group * width + k; }
  // Calls visit(flat index, channel) for every element of one group of one sample.
  template <typename Visit>
  void each(int64_t sample, int64_t group, Visit visit) const {
    for (int64_t p = 0; p < places; ++p) {
      int64_t row = (sample * places + p) * groups * width;
      for (int64_t k = 0; k < width; ++k) visit(row + channel(group, k), channel(group, k));
    }
  }
  double count() const { return static_cast<double>(places * width); }
};

Norm norm_of(const Node& node, const Shape& x) {
  int64_t channels = x[x.rank() - 1];
  if (!node.is("group_norm") && !node.is("group_norm_grad")) {
    return {channels == 0 ? 0 : x.elements() / channels, 1, 1, channels};
  }
  int64_t groups = node.integer("groups");
  int64_t row = x[0] * channels;
  return {x[0], row == 0 ? 0 : x.elements() / row, groups, channels / groups};
}

void require_norm(const Node& node, const TensorType& x, Types vectors) {
  bool grouped = node.is("group_norm") || node.is("group_norm_grad");
  bool fits = x.shape.rank() >= (grouped ? 2 : 1) && is_float(x.dtype);
  for (const TensorType& vector : vectors) {
    fits = fits && vector.dtype == x.dtype && vector.shape == Shape{x.shape[x.shape.rank() - 1]};
  }
  if (!fits) {
    std::string given = x.text();
    for (const TensorType& vector : vectors) given += ", " + vector.text();
    throw Error("shape_mismatch", node.op->name,
                std::string("takes f32 ") + (grouped ? "[N, ..., C]" : "[..., C]") +
                    " with scale and shift of [C], not " + given);
  }
  if (!(node.number("epsilon") > 0)) {
    throw Error("invalid_attribute", node.op->name, "epsilon must be positive");
  }
  if (!grouped) return;
  int64_t groups = node.integer("groups");
  int64_t channels = x.shape[x.shape.rank() - 1];
  if (groups < 1 || channels % groups != 0) {
    throw Error("invalid_attribute", node.op->name,
                std::to_string(channels) + " channels do not divide into " +
                    std::to_string(groups) + " groups");
  }
}

TensorType statistics_type(const Node& node, const TensorType& x) {
  if (node.is("group_norm") || node.is("group_norm_grad")) {
    return {x.dtype, Shape{x.shape[0], node.integer("groups")}};
  }
  return {x.dtype, Shape(std::vector<int64_t>(x.shape.dims().begin(), x.shape.dims().end() - 1))};
}

std::vector<TensorType> infer_norm(const Node& node, Types inputs) {
  require_norm(node, inputs[0], inputs.subspan(1));
  TensorType statistics = statistics_type(node, inputs[0]);
  return {inputs[0], statistics, statistics};
}

void reference_norm(const Node& node, Inputs inputs, Outputs outputs) {
  Norm norm = norm_of(node, inputs[0].type->shape);
  for (int64_t n = 0; n < norm.samples; ++n) {
    for (int64_t g = 0; g < norm.groups; ++g) {
      double mean = 0;
      double variance = 0;
      norm.each(n, g, [&](int64_t i, int64_t) { mean += inputs[0].at(i); });
      mean /= norm.count();
      norm.each(n, g, [&](int64_t i, int64_t) {
        variance += (inputs[0].at(i) - mean) * (inputs[0].at(i) - mean);
      });
      double inverse = 1 / std::sqrt(variance / norm.count() + node.number("epsilon"));
      norm.each(n, g, [&](int64_t i, int64_t c) {
        outputs[0].set(i, (inputs[0].at(i) - mean) * inverse * inputs[1].at(c) + inputs[2].at(c));
      });
      outputs[1].set(n * norm.groups + g, mean);
      outputs[2].set(n * norm.groups + g, inverse);
    }
  }
}

std::vector<Value> grad_norm(Graph& graph, int node, Grads grads) {
  std::string name = graph.node(node).op->name;
  if (grads[1].node >= 0 || grads[2].node >= 0) {
    throw Error("no_gradient", name, "the statistics themselves have no gradient");
  }
  std::vector<Value> inputs = graph.node(node).inputs;
  Attributes attributes = graph.node(node).attributes;
  int grad = graph.add(name + "_grad",
                       {grads[0], inputs[0], inputs[1], Value{node, 1}, Value{node, 2}},
                       std::move(attributes));
  return {Value{grad, 0}, Value{grad, 1}, Value{grad, 2}};
}

// NAME_grad(dy, x, scale, mean, 1 / deviation) -> dx, dscale, dshift.
std::vector<TensorType> infer_norm_grad(const Node& node, Types inputs) {
  require_norm(node, inputs[1], inputs.subspan(2, 1));
  TensorType statistics = statistics_type(node, inputs[1]);
  if (inputs[0] != inputs[1] || inputs[3] != statistics || inputs[4] != statistics) {
    throw Error("shape_mismatch", node.op->name,
                "takes a gradient of " + inputs[1].text() + " and statistics of " +
                    statistics.text() + ", not " + inputs[0].text() + ", " + inputs[3].text() +
                    " and " + inputs[4].text());
  }
  return {inputs[1], inputs[2], inputs[2]};
}

void reference_norm_grad(const Node& node, Inputs inputs, Outputs outputs) {
  const ConstView& dy = inputs[0];
  const ConstView& x = inputs[1];
  Norm norm = norm_of(node, x.type->shape);
  std::vector<double> scale_sums(static_cast<size_t>(norm.groups * norm.width), 0);
  std::vector<double> shift_sums(scale_sums.size(), 0);
  for (int64_t n = 0; n < norm.samples; ++n) {
    for (int64_t g = 0; g < norm.groups; ++g) {
      double mean = inputs[3].at(n * norm.groups + g);
      double inverse = inputs[4].at(n * norm.groups + g);
      double sum = 0;
      double dot = 0;
      norm.each(n, g, [&](int64_t i, int64_t c) {
        double normal = (x.at(i) - mean) * inverse;
        sum += dy.at(i) * inputs[2].at(c);
        dot += dy.at(i) * inputs[2].at(c) * normal;
        scale_sums[static_cast<size_t>(c)] += dy.at(i) * normal;
        shift_sums[static_cast<size_t>(c)] += dy.at(i);
      });
      norm.each(n, g, [&](int64_t i, int64_t c) {
        double normal = (x.at(i) - mean) * inverse;
        double distance = sum / norm.count() + normal * dot / norm.count();
        outputs[0].set(i, inverse * (dy.at(i) * inputs[2].at(c) - distance));
      });
    }
  }
  for (size_t c = 0; c < scale_sums.size(); ++c) {
    outputs[1].set(static_cast<int64_t>(c), scale_sums[c]);
    outputs[2].set(static_cast<int64_t>(c), shift_sums[c]);
  }
}

}  // namespace

void register_layer_normalization() {
  for (const char* name : {"layer_norm", "group_norm"}) {
    OpSpec norm;
    norm.name = name;
    bool grouped = norm.name == "group_norm";
    norm.inputs_min = norm.inputs_max = 3;
    norm.attributes = {{"epsilon", AttributeKind::number, 1e-3}};
    if (grouped) norm.attributes.push_back({"groups", AttributeKind::integer, std::nullopt});
    norm.doc = grouped ? OpDoc{"Normalises the places and the channels of each group of each sample; "
                               "the statistics serve the gradient.",
                               "x [N, ..., C], scale, shift [C] -> [N, ..., C], [N, G], [N, G]"}
                       : OpDoc{"Normalises each row; the statistics serve the gradient.",
                               "x [..., C], scale, shift [C] -> [..., C], [...], [...]"};
    norm.first_order = true;
    norm.infer = infer_norm;
    norm.reference = reference_norm;
    norm.gradient = grad_norm;
    OpSpec grad = norm;
    grad.name = norm.name + "_grad";
    grad.inputs_min = grad.inputs_max = 5;
    grad.doc = {"The gradient of " + norm.name + " towards x, scale and shift.",
                "dy, x [..., C], scale [C], mean, inverse -> [..., C], [C], [C]"};
    grad.first_order = false;
    grad.infer = infer_norm_grad;
    grad.gradient = refuse_second_order;
    grad.reference = reference_norm_grad;
      register_op(std::move(norm));
    register_op(std::move(grad));
  }
}

}  // namespace vanda
