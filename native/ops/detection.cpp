#include "ops/detection.hpp"

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;

// non_max_suppression(boxes [N, B, 4], scores [N, B]) -> places [N, size], count [N]
std::vector<TensorType> infer_suppression(const Node& node, Types inputs) {
  const Shape& boxes = inputs[0].shape;
  const Shape& scores = inputs[1].shape;
  bool fits = is_float(inputs[0].dtype) && inputs[1].dtype == inputs[0].dtype &&
              boxes.rank() == 3 && boxes[2] == 4 && scores.rank() == 2 && boxes[0] == scores[0] &&
              boxes[1] == scores[1] && boxes[1] >= 1;
  if (!fits) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 boxes [N, B, 4] and scores [N, B], not " + inputs[0].text() + " and " +
                    inputs[1].text());
  }
  if (node.integer("size") < 1 || node.integer("size") > boxes[1]) {
    throw Error("invalid_attribute", node.op->name,
                "the size must lie in 1.." + std::to_string(boxes[1]) + ", the number of boxes");
  }
  return {TensorType{DType::i32, Shape{boxes[0], node.integer("size")}},
          TensorType{DType::i32, Shape{boxes[0]}}};
}

// As it is told: again and again the best box that is left is taken, and what overlaps it is
// struck.
void reference_suppression(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t batch = inputs[1].type->shape[0];
  int64_t boxes = inputs[1].type->shape[1];
  int64_t size = node.integer("size");
  auto box = [&](int64_t i, double* out) {
    for (int64_t k = 0; k < 4; ++k) out[k] = inputs[0].at(i * 4 + k);
  };
  for (int64_t n = 0; n < batch; ++n) {
    std::vector<bool> left(static_cast<size_t>(boxes), true);
    int64_t count = 0;
    while (count < size) {
      int64_t best = -1;
      for (int64_t i = 0; i < boxes; ++i) {
        double score = inputs[1].at(n * boxes + i);
        if (!left[static_cast<size_t>(i)] || !(score > node.number("scoreThreshold"))) continue;
        if (best < 0 || score > inputs[1].at(n * boxes + best)) best = i;
      }
      if (best < 0) break;
      double taken[4];
      box(n * boxes + best, taken);
      for (int64_t i = 0; i < boxes; ++i) {
        double other[4];
        box(n * boxes + i, other);
        if (shared_part(taken, other) > node.number("overlap"))
          left[static_cast<size_t>(i)] = false;
      }
      left[static_cast<size_t>(best)] = false;
      outputs[0].set_integer(n * size + count++, best);
    }
    for (int64_t k = count; k < size; ++k) outputs[0].set_integer(n * size + k, 0);
    outputs[1].set_integer(n, count);
  }
}

}  // namespace

void register_detection() {
  OpSpec suppression;
  suppression.name = "non_max_suppression";
  suppression.inputs_min = suppression.inputs_max = 2;
  suppression.attributes = {{"size", AttributeKind::integer, std::nullopt},
                            {"overlap", AttributeKind::number, 0.5},
                            {"scoreThreshold", AttributeKind::number, -1e30}};
  suppression.infer = infer_suppression;
  suppression.reference = reference_suppression;
  suppression.zero_gradient = true;
  suppression.doc = {
      "The places of the best boxes, best first, without those that share more than `overlap` of "
      "their union with a better one; zeros behind the last, and how many there are.",
      "boxes [N, B, 4], scores [N, B] -> [N, size], [N]"};
  register_op(std::move(suppression));
}

}  // namespace vanda
