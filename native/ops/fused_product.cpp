#include <cmath>

#include "core/error.hpp"
#include "ops/elementwise.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

// fused_product(a [..., K], b [K, O] (or [O, K] with transposeB), bias [O]?, other [..., O]?)
//   -> y, and with `slope` the slope of the activation: y = activation(a b + bias) joined with other.
// Made by the pass that joins products with what follows them, after gradients are taken.
struct Parts {
  explicit Parts(const Node& node)
      : bias(node.flag("bias") ? 2 : -1),
        other(node.text("join").empty() ? -1 : node.flag("bias") ? 3 : 2),
        transposed(node.flag("transposeB")) {}
  int bias, other;
  bool transposed;
};

std::vector<TensorType> infer(const Node& node, std::span<const TensorType> inputs) {
  Parts parts(node);
  const Shape& a = inputs[0].shape;
  const Shape& b = inputs[1].shape;
  bool fits = a.rank() >= 2 && b.rank() == 2 && a[a.rank() - 1] == b[parts.transposed ? 1 : 0];
  std::vector<int64_t> dims = a.dims();
  if (fits) dims.back() = b[parts.transposed ? 0 : 1];
  TensorType out{inputs[0].dtype, Shape(dims)};
  if (fits && parts.bias >= 0) fits = inputs[2].shape == Shape{dims.back()};
  if (fits && parts.other >= 0) {
    fits = static_cast<int>(inputs.size()) > parts.other &&
           inputs[static_cast<size_t>(parts.other)] == out;
  }
  if (!fits) throw Error("shape_mismatch", node.op->name, "the inputs do not go together");
  return node.flag("slope") ? std::vector<TensorType>{out, out} : std::vector<TensorType>{out};
}

void reference(const Node& node, std::span<const ConstView> inputs,
               std::span<const View> outputs) {
  Parts parts(node);
  const Shape& b = inputs[1].type->shape;
  int64_t columns = b[parts.transposed ? 0 : 1];
  int64_t inner = b[parts.transposed ? 1 : 0];
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    int64_t row = i / columns, column = i % columns;
    double sum = parts.bias >= 0 ? inputs[2].at(column) : 0;
    for (int64_t k = 0; k < inner; ++k) {
      sum += inputs[0].at(row * inner + k) *
             inputs[1].at(parts.transposed ? column * inner + k : k * columns + column);
    }
    if (node.flag("slope")) outputs[1].set(i, scalar_reference(Scalar::gelu_slope, &sum, nullptr));
    if (node.text("activation") == "gelu") sum = scalar_reference(Scalar::gelu, &sum, nullptr);
    if (node.text("activation") == "relu" && !(sum > 0)) sum = 0;
    if (parts.other >= 0) {
      double other = inputs[static_cast<size_t>(parts.other)].at(i);
      sum = node.text("join") == "add" ? sum + other : sum * other;
    }
    outputs[0].set(i, sum);
  }
}

}  // namespace

void register_fused_product() {
  OpSpec spec;
  spec.name = "fused_product";
  spec.op_class = OpClass::internal;
  spec.inputs_min = 2;
  spec.inputs_max = 4;
  spec.attributes = {{"transposeB", AttributeKind::boolean, false},
                     {"bias", AttributeKind::boolean, false},
                     {"activation", AttributeKind::text, std::string()},
                     {"slope", AttributeKind::boolean, false},
                     {"join", AttributeKind::text, std::string()}};
  spec.infer = infer;
  spec.reference = reference;
  spec.doc = {"A product with what follows it: bias, relu or gelu, one sum or product.",
              "a [..., K], b [K, O], bias [O], other [..., O] -> [..., O], and the slope of gelu"};
  register_op(std::move(spec));
}

}  // namespace vanda
