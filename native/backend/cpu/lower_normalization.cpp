#include <cstring>

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

// Any rank is seen as pictures [rows, 1, 1, C] but real pictures, whose layout flows on.
struct NormShape {
  BatchNorm shape;
  Layout layout;
  bool picture;
};

NormShape norm_shape(Lowering& lowering, Value x, double epsilon) {
  const Shape& s = lowering.type(x).shape;
  NormShape out;
  out.picture = s.rank() == 4;
  int64_t channels = s[s.rank() - 1];
  if (out.picture) {
    out.shape = {s[0], s[1], s[2], channels, static_cast<float>(epsilon)};
    out.layout = lowering.layout_of(x);
  } else {
    int64_t rows = s.elements() / channels;
    out.shape = {rows, 1, 1, channels, static_cast<float>(epsilon)};
    out.layout = plain_layout(TensorType{DType::f32, Shape{rows, 1, 1, channels}});
  }
  return out;
}

double work_of(const BatchNorm& shape) {
  return 8.0 * static_cast<double>(shape.batch * shape.height * shape.width * shape.channels);
}

int input_buffer(Lowering& lowering, const NormShape& norm, Value value) {
  return norm.picture ? lowering.in_layout(value, norm.layout) : lowering.plain(value);
}

int output_buffer(Lowering& lowering, const NormShape& norm, Value value) {
  return norm.picture ? lowering.define_new(value, norm.layout) : lowering.define_new(value);
}

using Arguments = std::vector<PrimitiveCall::Argument>;

// oneDNN 2.x wants scale and shift in one buffer.
int pack(Lowering& lowering, int scale, int shift, int64_t channels) {
  size_t bytes = static_cast<size_t>(channels) * 4;
  int packed = lowering.new_buffer(2 * bytes);
  lowering.add("pack", {scale, shift}, {packed},
               [scale, shift, packed, bytes](const RunContext& context) {
                 char* out = static_cast<char*>(context.data[packed]);
                 std::memcpy(out, context.data[scale], bytes);
                 std::memcpy(out + bytes, context.data[shift], bytes);
               });
  return packed;
}

void lower_train(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  NormShape norm = norm_shape(lowering, node.inputs[0], node.number("epsilon"));
  lowering.size_team(work_of(norm.shape));
  Primitive call = batch_norm_forward(norm.shape, norm.layout);
  BatchNormArguments numbers = batch_norm_arguments();
  Arguments reads = {{DNNL_ARG_SRC, input_buffer(lowering, norm, node.inputs[0]), norm.layout}};
  int scale = lowering.plain(node.inputs[1]);
  int shift = lowering.plain(node.inputs[2]);
  if (numbers.packed) {
    int packed = pack(lowering, scale, shift, norm.shape.channels);
    reads.push_back({numbers.scale, packed, call.weights});
  } else {
    reads.push_back({numbers.scale, scale, call.weights});
    reads.push_back({numbers.shift, shift, call.weights});
  }
  int target = output_buffer(lowering, norm, Value{id, 0});
  lowering.add_primitive("batch_norm_train", call, reads,
                         {{DNNL_ARG_DST, target, norm.layout},
                          {DNNL_ARG_MEAN, lowering.define_new(Value{id, 1}), call.bias},
                          {DNNL_ARG_VARIANCE, lowering.define_new(Value{id, 2}), call.bias}});
}

void lower_gradient(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  NormShape norm = norm_shape(lowering, node.inputs[1], node.number("epsilon"));
  lowering.size_team(work_of(norm.shape));
  Primitive call = batch_norm_backward(norm.shape, norm.layout, norm.layout);
  BatchNormArguments numbers = batch_norm_arguments();
  int scale = lowering.plain(node.inputs[2]);
  Arguments reads = {{DNNL_ARG_DIFF_DST, input_buffer(lowering, norm, node.inputs[0]), norm.layout},
                     {DNNL_ARG_SRC, input_buffer(lowering, norm, node.inputs[1]), norm.layout},
                     {DNNL_ARG_MEAN, lowering.plain(node.inputs[3]), call.bias},
                     {DNNL_ARG_VARIANCE, lowering.plain(node.inputs[4]), call.bias}};
  int source = output_buffer(lowering, norm, Value{id, 0});
  int scale_gradient = lowering.define_new(Value{id, 1});
  int shift_gradient = lowering.define_new(Value{id, 2});
  Arguments writes = {{DNNL_ARG_DIFF_SRC, source, norm.layout}};
  if (!numbers.packed) {
    reads.push_back({numbers.scale, scale, call.weights});
    writes.push_back({numbers.scale_gradient, scale_gradient, call.weights});
    writes.push_back({numbers.shift_gradient, shift_gradient, call.weights});
    lowering.add_primitive("batch_norm_grad", call, reads, writes);
    return;
  }
  int packed = pack(lowering, scale, scale, norm.shape.channels);  // the shift is not read
  size_t bytes = static_cast<size_t>(norm.shape.channels) * 4;
  int gradients = lowering.new_buffer(2 * bytes);
  reads.push_back({numbers.scale, packed, call.weights});
  writes.push_back({numbers.scale_gradient, gradients, call.weights});
  lowering.add_primitive("batch_norm_grad", call, reads, writes);
  lowering.add("unpack", {gradients}, {scale_gradient, shift_gradient},
               [gradients, scale_gradient, shift_gradient, bytes](const RunContext& context) {
                 const char* from = static_cast<const char*>(context.data[gradients]);
                 std::memcpy(context.data[scale_gradient], from, bytes);
                 std::memcpy(context.data[shift_gradient], from + bytes, bytes);
               });
}

}  // namespace

bool lower_normalization(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("batch_norm_train"))
    lower_train(lowering, id);
  else if (node.is("batch_norm_grad"))
    lower_gradient(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
