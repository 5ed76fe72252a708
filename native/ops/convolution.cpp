#include "core/emit.hpp"
#include "ops/register.hpp"
#include "ops/window.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// x [N, H, W, C], kernel [KH, KW, C / groups, O], y [N, OH, OW, O].
void require(bool condition, const Node& node, const std::string& detail) {
  if (!condition) throw Error("shape_mismatch", node.op->name, detail);
}

void require_floats(const Node& node, Types inputs) {
  for (const TensorType& input : inputs) {
    if (!is_float(input.dtype) || input.dtype != inputs[0].dtype) {
      throw Error("dtype_mismatch", node.op->name, "takes f32 inputs, not " + input.text());
    }
  }
}

int64_t groups_of(const Node& node, int64_t outputs) {
  int64_t groups = node.integer("groups");
  if (groups < 1 || outputs % groups != 0) {
    throw Error("invalid_attribute", node.op->name,
                std::to_string(outputs) + " filters do not divide into " + std::to_string(groups) +
                    " groups");
  }
  return groups;
}

std::vector<TensorType> infer_conv(const Node& node, Types inputs) {
  require_floats(node, inputs);
  const Shape& x = inputs[0].shape;
  const Shape& k = inputs[1].shape;
  // Texts are made where something is wrong only: every pass asks this of every convolution.
  auto refuse = [&](const std::string& why) { require(false, node, why); };
  if (x.rank() != 4 || k.rank() != 4) {
    refuse("takes pictures [N, H, W, C] and a kernel [KH, KW, C, O], not " + x.text() + " and " +
           k.text());
  }
  int64_t groups = groups_of(node, k[3]);
  if (x[3] != k[2] * groups) {
    refuse("a kernel of " + k.text() + " in " + std::to_string(groups) +
           " group(s) reads pictures of " + std::to_string(k[2] * groups) +
           " channels, not pictures of " + x.text());
  }
  if (inputs.size() >= 3 && inputs[2].shape != Shape{k[3]}) {
    refuse("the bias must have the shape " + Shape{k[3]}.text());
  }
  const std::string& activation = node.text("activation");
  if (activation != "" && activation != "relu" && activation != "clamp") {
    throw Error("invalid_attribute", "conv2d", "only relu and clamp can be joined to it");
  }
  Window window = window_of(node, x[1], x[2], k[0], k[1]);
  Shape y{x[0], window.out_height, window.out_width, k[3]};
  if (inputs.size() >= 4 && inputs[3].shape != y) {
    refuse("what is added to it must have the shape " + y.text());
  }
  return {TensorType{inputs[0].dtype, y}};
}

// Calls visit(x index, kernel index, y index) for every product that a convolution sums.
template <typename Visit>
void each_product(const Window& w, const Shape& x, const Shape& k, int64_t groups, Visit visit) {
  int64_t per_group = k[3] / groups;
  for (int64_t n = 0; n < x[0]; ++n)
    for (int64_t oh = 0; oh < w.out_height; ++oh)
      for (int64_t ow = 0; ow < w.out_width; ++ow)
        for (int64_t kh = 0; kh < k[0]; ++kh) {
          int64_t ih = oh * w.stride_height - w.top + kh * w.dilation_height;
          if (ih < 0 || ih >= x[1]) continue;
          for (int64_t kw = 0; kw < k[1]; ++kw) {
            int64_t iw = ow * w.stride_width - w.left + kw * w.dilation_width;
            if (iw < 0 || iw >= x[2]) continue;
            for (int64_t c = 0; c < k[2]; ++c)
              for (int64_t o = 0; o < k[3]; ++o) {
                int64_t channel = o / per_group * k[2] + c;
                visit(((n * x[1] + ih) * x[2] + iw) * x[3] + channel,
                      ((kh * k[1] + kw) * k[2] + c) * k[3] + o,
                      ((n * w.out_height + oh) * w.out_width + ow) * k[3] + o);
              }
          }
        }
}

void reference_conv(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = inputs[0].type->shape;
  const Shape& k = inputs[1].type->shape;
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  for (size_t i = 0; i < sums.size(); ++i) {
    int64_t at = static_cast<int64_t>(i);
    if (inputs.size() >= 3) sums[i] = inputs[2].at(at % k[3]);
    if (inputs.size() == 4) sums[i] += inputs[3].at(at);
  }
  each_product(window_of(node, x[1], x[2], k[0], k[1]), x, k, node.integer("groups"),
               [&](int64_t xi, int64_t ki, int64_t yi) {
                 sums[static_cast<size_t>(yi)] += inputs[0].at(xi) * inputs[1].at(ki);
               });
  Bounds bounds = bounds_of_activation(node);
  for (size_t i = 0; i < sums.size(); ++i) {
    double least = sums[i] < bounds.low ? bounds.low : sums[i];
    outputs[0].set(static_cast<int64_t>(i), least > bounds.high ? bounds.high : least);
  }
}

Attributes gradient_attributes(const Node& node) {
  Attributes attributes = window_attributes_of(node);
  attributes.emplace("groups", node.integer("groups"));
  return attributes;
}

Value input_gradient(Emit& emit, const Attributes& shared, Value dy, Value kernel, const Shape& x) {
  Attributes attributes = shared;
  attributes.emplace("size", std::vector<int64_t>{x[1], x[2]});
  return emit.op("conv2d_grad_input", {dy, kernel}, std::move(attributes));
}

Value kernel_gradient(Emit& emit, const Attributes& shared, Value x, Value dy,
                      const Shape& kernel) {
  Attributes attributes = shared;
  attributes.emplace("size", std::vector<int64_t>{kernel[0], kernel[1]});
  return emit.op("conv2d_grad_kernel", {x, dy}, std::move(attributes));
}

std::vector<Value> grad_conv(Graph& graph, int node, Grads grads) {
  const Node& self = graph.node(node);
  if (self.text("activation") != "" || self.inputs.size() == 4) {
    throw Error("no_gradient", "conv2d", "gradients are taken before other operations are joined");
  }
  Attributes shared = gradient_attributes(self);
  std::vector<Value> inputs = self.inputs;
  Shape x = graph.type(inputs[0]).shape;
  Shape k = graph.type(inputs[1]).shape;
  Emit emit(graph);
  std::vector<Value> result = {input_gradient(emit, shared, grads[0], inputs[1], x),
                               kernel_gradient(emit, shared, inputs[0], grads[0], k)};
  if (inputs.size() == 3) result.push_back(emit.sum(grads[0], {0, 1, 2}, false));
  return result;
}

void require_places(const Node& node, const Window& window, const Shape& dy) {
  Shape places{window.out_height, window.out_width};
  require(places[0] == dy[1] && places[1] == dy[2], node,
          "with these sizes the gradient has " + places.text() + " places, not those of " +
              dy.text());
}

// conv2d_grad_input(dy, kernel) with `size` = [H, W] of the input.
std::vector<TensorType> infer_grad_input(const Node& node, Types inputs) {
  require_floats(node, inputs);
  const Shape& dy = inputs[0].shape;
  const Shape& k = inputs[1].shape;
  const std::vector<int64_t>& size = node.integers("size");
  require(dy.rank() == 4 && k.rank() == 4 && size.size() == 2 && dy[3] == k[3], node,
          "takes a gradient [N, OH, OW, O], a kernel [KH, KW, C, O] and a size [H, W], not " +
              dy.text() + " and " + k.text());
  int64_t groups = groups_of(node, k[3]);
  Window window = window_of(node, size[0], size[1], k[0], k[1]);
  require_places(node, window, dy);
  return {TensorType{inputs[0].dtype, Shape{dy[0], size[0], size[1], k[2] * groups}}};
}

void reference_grad_input(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = outputs[0].type->shape;
  const Shape& k = inputs[1].type->shape;
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  each_product(window_of(node, x[1], x[2], k[0], k[1]), x, k, node.integer("groups"),
               [&](int64_t xi, int64_t ki, int64_t yi) {
                 sums[static_cast<size_t>(xi)] += inputs[0].at(yi) * inputs[1].at(ki);
               });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_grad_input(Graph& graph, int node, Grads grads) {
  Attributes shared = gradient_attributes(graph.node(node));
  std::vector<Value> inputs = graph.node(node).inputs;
  Shape k = graph.type(inputs[1]).shape;
  Emit emit(graph);
  return {emit.op("conv2d", {grads[0], inputs[1]}, shared),
          kernel_gradient(emit, shared, grads[0], inputs[0], k)};
}

// conv2d_grad_kernel(x, dy) with `size` = [KH, KW].
std::vector<TensorType> infer_grad_kernel(const Node& node, Types inputs) {
  require_floats(node, inputs);
  const Shape& x = inputs[0].shape;
  const Shape& dy = inputs[1].shape;
  const std::vector<int64_t>& size = node.integers("size");
  require(x.rank() == 4 && dy.rank() == 4 && size.size() == 2, node,
          "takes pictures [N, H, W, C], a gradient [N, OH, OW, O] and a size [KH, KW], not " +
              x.text() + " and " + dy.text());
  int64_t groups = groups_of(node, dy[3]);
  Window window = window_of(node, x[1], x[2], size[0], size[1]);
  require_places(node, window, dy);
  require(x[3] % groups == 0, node,
          std::to_string(x[3]) + " channels do not divide into " + std::to_string(groups) +
              " groups");
  return {TensorType{inputs[0].dtype, Shape{size[0], size[1], x[3] / groups, dy[3]}}};
}

void reference_grad_kernel(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = inputs[0].type->shape;
  const Shape& k = outputs[0].type->shape;
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  each_product(window_of(node, x[1], x[2], k[0], k[1]), x, k, node.integer("groups"),
               [&](int64_t xi, int64_t ki, int64_t yi) {
                 sums[static_cast<size_t>(ki)] += inputs[0].at(xi) * inputs[1].at(yi);
               });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_grad_kernel(Graph& graph, int node, Grads grads) {
  Attributes shared = gradient_attributes(graph.node(node));
  std::vector<Value> inputs = graph.node(node).inputs;
  Shape x = graph.type(inputs[0]).shape;
  Emit emit(graph);
  return {input_gradient(emit, shared, inputs[1], grads[0], x),
          emit.op("conv2d", {inputs[0], grads[0]}, shared)};
}

}  // namespace

void register_convolution() {
  OpSpec conv;
  conv.name = "conv2d";
  conv.inputs_min = 2;
  conv.inputs_max = 3;
  conv.attributes = window_attributes();
  conv.attributes.push_back({"groups", AttributeKind::integer, int64_t{1}});
  OpSpec grad_input = conv;
  conv.inputs_max = 4;
  grad_input.name = "conv2d_grad_input";
  grad_input.inputs_max = 2;
  grad_input.attributes.push_back({"size", AttributeKind::integers, std::nullopt});
  OpSpec grad_kernel = grad_input;
  grad_kernel.name = "conv2d_grad_kernel";
  // What the compiler joins to it: a residual that is added, then relu or clamp (between low and high).
  conv.attributes.push_back({"activation", AttributeKind::text, std::string()});
  conv.attributes.push_back({"low", AttributeKind::number, 0.0});
  conv.attributes.push_back({"high", AttributeKind::number, 0.0});
  conv.doc = {
      "Cross-correlates pictures with a kernel, in groups, dilated, with an optional bias.",
      "x [N, H, W, C], kernel [KH, KW, C / groups, O], bias [O], added [N, OH, OW, O] -> [N, OH, OW, O]",
      "f32", "own where no gradient follows, in one group or each channel by itself; else oneDNN"};
  conv.infer = infer_conv;
  conv.reference = reference_conv;
  conv.gradient = grad_conv;
  grad_input.doc = {
      "The gradient of conv2d towards its pictures; also a transposed convolution.",
      "dy [N, OH, OW, O], kernel [KH, KW, C / groups, O] -> [N, H, W, C], size [H, W]", "f32",
      "oneDNN"};
  grad_input.infer = infer_grad_input;
  grad_input.reference = reference_grad_input;
  grad_input.gradient = grad_grad_input;
  grad_kernel.doc = {"The gradient of conv2d towards its kernel.",
                     "x [N, H, W, C], dy [N, OH, OW, O] -> [KH, KW, C / groups, O], size [KH, KW]",
                     "f32", "oneDNN; of at most four channels: own"};
  grad_kernel.infer = infer_grad_kernel;
  grad_kernel.reference = reference_grad_kernel;
  grad_kernel.gradient = grad_grad_kernel;
  register_op(std::move(conv));
  register_op(std::move(grad_input));
  register_op(std::move(grad_kernel));
}

}  // namespace vanda
