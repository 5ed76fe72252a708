#include <cmath>

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"
#include "ops/window.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

Window pooling_window(const Node& node, const Shape& x) {
  const std::vector<int64_t>& size = node.integers("size");
  if (size.size() != 2) throw Error("invalid_attribute", node.op->name, "the size is two numbers");
  Window window = window_of(node, x[1], x[2], size[0], size[1]);
  // A window wholly inside the padding would average or maximise over nothing.
  if (window.top >= size[0] || window.bottom >= size[0] || window.left >= size[1] ||
      window.right >= size[1]) {
    throw Error("invalid_attribute", node.op->name, "the padding must be smaller than the window");
  }
  return window;
}

std::vector<TensorType> infer_pool(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  if (x.rank() != 4 || !is_float(inputs[0].dtype)) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 pictures [N, H, W, C], not " + inputs[0].text());
  }
  Window window = pooling_window(node, x);
  Shape y{x[0], window.out_height, window.out_width, x[3]};
  if (node.is("avg_pool2d")) return {TensorType{inputs[0].dtype, y}};
  // The second output remembers where each maximum was; its inner form belongs to the backend.
  return {TensorType{inputs[0].dtype, y}, TensorType{DType::i32, y}};
}

// Calls visit(y index, x index, position in the window) for every element under a window.
template <typename Visit>
void each_window(const Window& w, const Shape& x, Visit visit) {
  for (int64_t n = 0; n < x[0]; ++n)
    for (int64_t oh = 0; oh < w.out_height; ++oh)
      for (int64_t ow = 0; ow < w.out_width; ++ow)
        for (int64_t c = 0; c < x[3]; ++c) {
          int64_t y = ((n * w.out_height + oh) * w.out_width + ow) * x[3] + c;
          for (int64_t kh = 0; kh < w.kernel_height; ++kh) {
            int64_t ih = oh * w.stride_height - w.top + kh * w.dilation_height;
            if (ih < 0 || ih >= x[1]) continue;
            for (int64_t kw = 0; kw < w.kernel_width; ++kw) {
              int64_t iw = ow * w.stride_width - w.left + kw * w.dilation_width;
              if (iw < 0 || iw >= x[2]) continue;
              visit(y, ((n * x[1] + ih) * x[2] + iw) * x[3] + c, kh * w.kernel_width + kw);
            }
          }
        }
}

void reference_max_pool(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = inputs[0].type->shape;
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[1].set_integer(i, -1);
  each_window(pooling_window(node, x), x, [&](int64_t yi, int64_t xi, int64_t position) {
    ConstView best{outputs[0].type, outputs[0].data};
    ConstView place{outputs[1].type, outputs[1].data};
    double value = inputs[0].at(xi);
    // A NaN wins, so that it is seen.
    if (place.at_integer(yi) < 0 || value > best.at(yi) || std::isnan(value)) {
      outputs[0].set(yi, value);
      outputs[1].set_integer(yi, position);
    }
  });
}

void reference_avg_pool(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = inputs[0].type->shape;
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  std::vector<double> counts(sums.size(), 0);
  each_window(pooling_window(node, x), x, [&](int64_t yi, int64_t xi, int64_t) {
    sums[static_cast<size_t>(yi)] += inputs[0].at(xi);
    counts[static_cast<size_t>(yi)] += 1;
  });
  for (size_t i = 0; i < sums.size(); ++i)
    outputs[0].set(static_cast<int64_t>(i), sums[i] / counts[i]);
}

Attributes pool_gradient_attributes(Graph& graph, int node) {
  const Node& self = graph.node(node);
  const Shape& x = graph.type(self.inputs[0]).shape;
  Attributes attributes = window_attributes_of(self);
  attributes.emplace("size", self.integers("size"));
  attributes.emplace("inputSize", std::vector<int64_t>{x[1], x[2]});
  return attributes;
}

std::vector<Value> grad_max_pool(Graph& graph, int node, Grads grads) {
  if (grads[0].node < 0) return {kNoValue};
  Attributes attributes = pool_gradient_attributes(graph, node);
  return {Emit(graph).op("max_pool2d_grad", {grads[0], Value{node, 1}}, std::move(attributes))};
}

std::vector<Value> grad_avg_pool(Graph& graph, int node, Grads grads) {
  Attributes attributes = pool_gradient_attributes(graph, node);
  return {Emit(graph).op("avg_pool2d_grad", {grads[0]}, std::move(attributes))};
}

std::vector<TensorType> infer_pool_grad(const Node& node, Types inputs) {
  const Shape& dy = inputs[0].shape;
  const std::vector<int64_t>& size = node.integers("inputSize");
  if (dy.rank() != 4 || size.size() != 2 || !is_float(inputs[0].dtype) ||
      (inputs.size() == 2 && (inputs[1].shape != dy || inputs[1].dtype != DType::i32))) {
    throw Error("shape_mismatch", node.op->name, "the gradient does not go with the pooling");
  }
  Shape x{dy[0], size[0], size[1], dy[3]};
  Window window = pooling_window(node, x);
  if (window.out_height != dy[1] || window.out_width != dy[2]) {
    throw Error("shape_mismatch", node.op->name, "the sizes disagree");
  }
  return {TensorType{inputs[0].dtype, x}};
}

void reference_max_pool_grad(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = outputs[0].type->shape;
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  each_window(pooling_window(node, x), x, [&](int64_t yi, int64_t xi, int64_t position) {
    if (inputs[1].at_integer(yi) == position) sums[static_cast<size_t>(xi)] += inputs[0].at(yi);
  });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

void reference_avg_pool_grad(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = outputs[0].type->shape;
  Window window = pooling_window(node, x);
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  std::vector<double> counts(static_cast<size_t>(inputs[0].elements()), 0);
  each_window(window, x,
              [&](int64_t yi, int64_t, int64_t) { counts[static_cast<size_t>(yi)] += 1; });
  each_window(window, x, [&](int64_t yi, int64_t xi, int64_t) {
    sums[static_cast<size_t>(xi)] += inputs[0].at(yi) / counts[static_cast<size_t>(yi)];
  });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_avg_pool_grad(Graph& graph, int node, Grads grads) {
  Attributes attributes = window_attributes_of(graph.node(node));
  attributes.emplace("size", graph.node(node).integers("size"));
  return {Emit(graph).op("avg_pool2d", {grads[0]}, std::move(attributes))};
}

}  // namespace

void register_pooling() {
  for (const char* name : {"max_pool2d", "avg_pool2d"}) {
    OpSpec pool;
    pool.name = name;
    bool maximum = pool.name == "max_pool2d";
    pool.inputs_min = pool.inputs_max = 1;
    pool.attributes = window_attributes();
    pool.attributes.push_back({"size", AttributeKind::integers, std::nullopt});
    pool.doc = {maximum ? "The greatest element under each window; the second output says where it "
                          "was, for the gradient alone."
                        : "The mean under each window; padding is not counted.",
                "x [N, H, W, C] -> [N, OH, OW, C]", "f32",
                maximum ? "own; windows of more than 256: reference" : "own"};
    pool.first_order = maximum;
    pool.infer = infer_pool;
    pool.reference = maximum ? reference_max_pool : reference_avg_pool;
    pool.gradient = maximum ? grad_max_pool : grad_avg_pool;
    OpSpec grad;
    grad.name = pool.name + "_grad";
    grad.inputs_min = grad.inputs_max = maximum ? 2 : 1;
    grad.attributes = pool.attributes;
    grad.attributes.push_back({"inputSize", AttributeKind::integers, std::nullopt});
    grad.doc = {"The gradient of " + pool.name + ".",
                "dy [N, OH, OW, C] -> [N, H, W, C], inputSize [H, W]"};
    grad.infer = infer_pool_grad;
    grad.reference = maximum ? reference_max_pool_grad : reference_avg_pool_grad;
    grad.gradient = maximum ? refuse_second_order : grad_avg_pool_grad;
    register_op(std::move(pool));
    register_op(std::move(grad));
  }
}

}  // namespace vanda
