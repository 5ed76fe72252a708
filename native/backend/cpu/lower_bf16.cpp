#include "backend/cpu/lowering.hpp"
#include "ops/bf16.hpp"

namespace vanda::cpu {

namespace {

// Multiply-adds up to which rounding and the call cost more than the product.
constexpr int64_t kTinyWork = 8192;

int64_t work_of(const Lowering& lowering, const Node& node) {
  const Shape& a = lowering.type(node.inputs[0]).shape;
  const Shape& b = lowering.type(node.inputs[1]).shape;
  // Each element of a result is a sum over an inner dim, or over the taps and channels of a kernel.
  int64_t result = node.outputs[0].shape.elements();
  if (node.is("conv2d_grad_kernel")) return result * a[0] * b[1] * b[2];
  if (node.is("conv2d")) return result * b[0] * b[1] * b[2];
  if (node.is("conv2d_grad_input")) return result * b[0] * b[1] * (b[3] / node.integer("groups"));
  return result * a[a.rank() - (node.is("matmul") && node.flag("transposeA") ? 2 : 1)];
}

}  // namespace

bool Lowering::in_bf16(const Node& node) const {
  if (!request_.bf16_products || node.outputs.empty()) return false;
  bool dense = node.is("dense") || node.is("conv2d");
  if (!dense && !node.is("matmul") && !node.is("conv2d_grad_input") &&
      !node.is("conv2d_grad_kernel")) {
    return false;
  }
  // Convolutions that answer alone take a clamp and a sum as well: kernels of our own.
  if (dense && (node.inputs.size() > 3 ||
                (node.text("activation") != "" && node.text("activation") != "relu"))) {
    return false;
  }
  return is_bf16(graph(), node.inputs[0]) && is_bf16(graph(), node.inputs[1]) &&
         work_of(*this, node) > kTinyWork;
}

int Lowering::factor(Value value, const Layout& wanted) {
  if (!holds_bf16(wanted)) return plain(value);
  size_t first_step = steps.size();
  size_t first_buffer = buffers.size();
  int buffer = in_layout(value, plain_bf16_layout(type(value).shape));
  keep_if_steady(value, first_step, first_buffer);
  return buffer;
}

// Ahead of our own kernels, which multiply in f32 alone.
bool lower_bf16(Lowering& lowering, int id) {
  if (!lowering.in_bf16(lowering.graph().node(id))) return false;
  return lower_network(lowering, id) || lower_product(lowering, id);
}

}  // namespace vanda::cpu
