#include "ops/resize.hpp"

#include <algorithm>
#include <cmath>

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// Far above any real picture, far below what could overflow a product.
constexpr int64_t kSizeMax = 1 << 20;

void require_attributes(const Node& node, const char* key) {
  const std::vector<int64_t>& size = node.integers(key);
  bool fits = size.size() == 2;
  for (int64_t dim : size) fits = fits && dim >= 1 && dim <= kSizeMax;
  if (!fits) {
    throw Error("invalid_attribute", node.op->name,
                std::string(key) + " is [height, width], each at least 1");
  }
  const std::string& method = node.text("method");
  if (method != "nearest" && method != "bilinear") {
    throw Error("invalid_attribute", node.op->name,
                "the method is 'nearest' or 'bilinear', not '" + method + "'");
  }
  if (node.flag("alignCorners") && method == "nearest") {
    throw Error("invalid_attribute", node.op->name, "alignCorners goes with 'bilinear' alone");
  }
}

void require_pictures(const Node& node, const TensorType& x) {
  if (x.shape.rank() == 4 && is_float(x.dtype) && x.shape[1] != 0 && x.shape[2] != 0) return;
  throw Error("shape_mismatch", node.op->name, "takes f32 pictures [N, H, W, C], not " + x.text());
}

std::vector<TensorType> infer_resize(const Node& node, Types inputs) {
  require_pictures(node, inputs[0]);
  require_attributes(node, "size");
  const Shape& x = inputs[0].shape;
  const std::vector<int64_t>& size = node.integers("size");
  return {TensorType{inputs[0].dtype, Shape{x[0], size[0], size[1], x[3]}}};
}

// Calls visit(index of the large picture's element, index of the read one's, weight).
template <typename Visit>
void each_tap(const Node& node, const Shape& x, const Shape& y, Visit visit) {
  std::vector<ResizeTap> rows = resize_taps(node, x[1], y[1]);
  std::vector<ResizeTap> columns = resize_taps(node, x[2], y[2]);
  for (int64_t n = 0; n < y[0]; ++n)
    for (int64_t h = 0; h < y[1]; ++h)
      for (int64_t w = 0; w < y[2]; ++w)
        for (int64_t c = 0; c < y[3]; ++c) {
          const ResizeTap& row = rows[static_cast<size_t>(h)];
          const ResizeTap& column = columns[static_cast<size_t>(w)];
          int64_t to = ((n * y[1] + h) * y[2] + w) * y[3] + c;
          for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j) {
              int64_t ih = i == 0 ? row.low : row.high;
              int64_t iw = j == 0 ? column.low : column.high;
              double weight = (i == 0 ? 1 - row.weight : row.weight) *
                              (j == 0 ? 1 - column.weight : column.weight);
              visit(to, ((n * x[1] + ih) * x[2] + iw) * x[3] + c, weight);
            }
        }
}

void reference_resize(const Node& node, Inputs inputs, Outputs outputs) {
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  each_tap(node, inputs[0].type->shape, outputs[0].type->shape,
           [&](int64_t to, int64_t from, double weight) {
             // A weight of zero must not carry an infinity over.
             if (weight != 0) sums[static_cast<size_t>(to)] += weight * inputs[0].at(from);
           });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

Attributes shared_attributes(const Node& node) {
  return {{"method", node.text("method")}, {"alignCorners", node.flag("alignCorners")}};
}

std::vector<Value> grad_resize(Graph& graph, int node, Grads grads) {
  const Shape& x = graph.type(graph.node(node).inputs[0]).shape;
  Attributes attributes = shared_attributes(graph.node(node));
  attributes.emplace("inputSize", std::vector<int64_t>{x[1], x[2]});
  return {Emit(graph).op("resize2d_grad", {grads[0]}, std::move(attributes))};
}

// resize2d_grad(dy) with `inputSize` = [H, W] of what was resized.
std::vector<TensorType> infer_grad(const Node& node, Types inputs) {
  require_pictures(node, inputs[0]);
  require_attributes(node, "inputSize");
  const Shape& dy = inputs[0].shape;
  const std::vector<int64_t>& size = node.integers("inputSize");
  return {TensorType{inputs[0].dtype, Shape{dy[0], size[0], size[1], dy[3]}}};
}

void reference_grad(const Node& node, Inputs inputs, Outputs outputs) {
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  each_tap(node, outputs[0].type->shape, inputs[0].type->shape,
           [&](int64_t from, int64_t to, double weight) {
             if (weight != 0) sums[static_cast<size_t>(to)] += weight * inputs[0].at(from);
           });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_grad(Graph& graph, int node, Grads grads) {
  const Shape& dy = graph.type(graph.node(node).inputs[0]).shape;
  Attributes attributes = shared_attributes(graph.node(node));
  attributes.emplace("size", std::vector<int64_t>{dy[1], dy[2]});
  return {Emit(graph).op("resize2d", {grads[0]}, std::move(attributes))};
}

}  // namespace

std::vector<ResizeTap> resize_taps(const Node& node, int64_t from, int64_t to) {
  bool nearest = node.text("method") == "nearest";
  bool corners = node.flag("alignCorners");
  double step = corners ? (to > 1 ? static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0)
                        : static_cast<double>(from) / static_cast<double>(to);
  std::vector<ResizeTap> taps;
  for (int64_t i = 0; i < to; ++i) {
    double place = static_cast<double>(i);
    double source = corners ? place * step : (place + 0.5) * step - (nearest ? 0 : 0.5);
    source = std::clamp(source, 0.0, static_cast<double>(from - 1));
    int64_t low = static_cast<int64_t>(std::floor(source));
    int64_t high = nearest ? low : std::min(low + 1, from - 1);
    double weight = high == low ? 0 : source - static_cast<double>(low);
    taps.push_back({low, high, weight});
  }
  return taps;
}

void register_resize() {
  OpSpec resize;
  resize.name = "resize2d";
  resize.inputs_min = resize.inputs_max = 1;
  resize.attributes = {{"method", AttributeKind::text, std::string("bilinear")},
                       {"alignCorners", AttributeKind::boolean, false}};
  OpSpec grad = resize;
  resize.attributes.push_back({"size", AttributeKind::integers, std::nullopt});
  resize.doc = {"Resizes pictures, nearest or bilinear, between half-pixel centres or, with "
                "alignCorners, between the outermost pixels.",
                "x [N, H, W, C] -> [N, size, C], size [H, W]"};
  resize.infer = infer_resize;
  resize.reference = reference_resize;
  resize.gradient = grad_resize;
  register_op(std::move(resize));
  grad.name = "resize2d_grad";
  grad.attributes.push_back({"inputSize", AttributeKind::integers, std::nullopt});
  grad.doc = {"The gradient of resize2d.", "dy [N, H, W, C] -> [N, inputSize, C]"};
  grad.infer = infer_grad;
  grad.reference = reference_grad;
  grad.gradient = grad_grad;
  register_op(std::move(grad));
}

}  // namespace vanda
