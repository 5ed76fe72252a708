#include "ops/grid_sample.hpp"

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// grid_sample(x [N, H, W, C], grid [N, OH, OW, 2]) -> [N, OH, OW, C], bilinear.
Shape sampled_shape(const Node& node, const TensorType& x, const TensorType& grid) {
  bool fits = is_float(x.dtype) && grid.dtype == x.dtype && x.shape.rank() == 4 &&
              grid.shape.rank() == 4 && grid.shape[3] == 2 && grid.shape[0] == x.shape[0] &&
              x.shape[1] > 0 && x.shape[2] > 0;
  if (!fits) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 pictures [N, H, W, C] and a grid [N, OH, OW, 2], not " + x.text() +
                    " and " + grid.text());
  }
  const std::string& padding = node.text("padding");
  if (padding != "zeros" && padding != "border") {
    throw Error("invalid_attribute", node.op->name, "the padding is 'zeros' or 'border'");
  }
  return Shape{x.shape[0], grid.shape[1], grid.shape[2], x.shape[3]};
}

std::vector<TensorType> infer_sample(const Node& node, Types inputs) {
  return {TensorType{inputs[0].dtype, sampled_shape(node, inputs[0], inputs[1])}};
}

// Calls visit(place of the grid, pixel of x or -1, weight, its slopes towards x and y) four times
// for every place.
template <typename Visit>
void each_tap(const Node& node, const ConstView& x, const ConstView& grid, Visit visit) {
  GridRule rule(node);
  const Shape& shape = x.type->shape;
  int64_t places = grid.elements() / 2;
  for (int64_t i = 0; i < places; ++i) {
    int64_t picture = i / (places / shape[0]);
    GridTap<double> column = grid_tap(rule, grid.at(2 * i), shape[2]);
    GridTap<double> row = grid_tap(rule, grid.at(2 * i + 1), shape[1]);
    for (int corner = 0; corner < 4; ++corner) {
      bool below = corner / 2 == 1;
      bool right = corner % 2 == 1;
      int64_t h = below ? row.high : row.low;
      int64_t w = right ? column.high : column.low;
      double wy = below ? row.weight : 1 - row.weight;
      double wx = right ? column.weight : 1 - column.weight;
      int64_t pixel = h < 0 || w < 0 ? -1 : (picture * shape[1] + h) * shape[2] + w;
      visit(i, pixel, wx * wy, (right ? 1 : -1) * column.slope * wy,
            (below ? 1 : -1) * row.slope * wx);
    }
  }
}

void reference_sample(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t channels = inputs[0].type->shape[3];
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  each_tap(node, inputs[0], inputs[1],
           [&](int64_t place, int64_t pixel, double weight, double, double) {
             for (int64_t c = 0; pixel >= 0 && c < channels; ++c) {
               sums[static_cast<size_t>(place * channels + c)] +=
                   weight * inputs[0].at(pixel * channels + c);
             }
           });
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_sample(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  Value made = Emit(graph).op("grid_sample_grad", {grads[0], inputs[0], inputs[1]},
                              graph.node(node).attributes);
  return {made, Value{made.node, 1}};
}

std::vector<TensorType> infer_sample_grad(const Node& node, Types inputs) {
  if (inputs[0].shape != sampled_shape(node, inputs[1], inputs[2])) {
    throw Error("shape_mismatch", node.op->name, "the gradient does not go with the grid");
  }
  return {inputs[1], inputs[2]};
}

void reference_sample_grad(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t channels = inputs[1].type->shape[3];
  std::vector<double> dx(static_cast<size_t>(outputs[0].elements()), 0);
  std::vector<double> dgrid(static_cast<size_t>(outputs[1].elements()), 0);
  each_tap(node, inputs[1], inputs[2],
           [&](int64_t place, int64_t pixel, double weight, double to_x, double to_y) {
             for (int64_t c = 0; pixel >= 0 && c < channels; ++c) {
               double dy = inputs[0].at(place * channels + c);
               double value = inputs[1].at(pixel * channels + c);
               dx[static_cast<size_t>(pixel * channels + c)] += dy * weight;
               dgrid[static_cast<size_t>(2 * place)] += dy * value * to_x;
               dgrid[static_cast<size_t>(2 * place + 1)] += dy * value * to_y;
             }
           });
  for (size_t i = 0; i < dx.size(); ++i) outputs[0].set(static_cast<int64_t>(i), dx[i]);
  for (size_t i = 0; i < dgrid.size(); ++i) outputs[1].set(static_cast<int64_t>(i), dgrid[i]);
}

}  // namespace

void register_grid_sample() {
  OpSpec sample;
  sample.name = "grid_sample";
  sample.inputs_min = sample.inputs_max = 2;
  sample.attributes = {{"padding", AttributeKind::text, std::string("zeros")},
                       {"alignCorners", AttributeKind::boolean, false}};
  sample.infer = infer_sample;
  sample.reference = reference_sample;
  sample.gradient = grad_sample;
  sample.first_order = true;
  sample.doc = {
      "Pictures read between their pixels at the places (x, y) of a grid, each from -1 to "
      "1; beyond the edge zeros, or the border.",
      "x [N, H, W, C], grid [N, OH, OW, 2] -> [N, OH, OW, C]"};
  OpSpec grad = sample;
  grad.name = "grid_sample_grad";
  grad.inputs_min = grad.inputs_max = 3;
  grad.infer = infer_sample_grad;
  grad.reference = reference_sample_grad;
  grad.gradient = refuse_second_order;
  grad.first_order = false;
  grad.doc = {"The gradient of grid_sample towards its pictures and its grid.",
              "dy [N, OH, OW, C], x, grid -> the shapes of x and grid"};
  register_op(std::move(sample));
  register_op(std::move(grad));
}

}  // namespace vanda
