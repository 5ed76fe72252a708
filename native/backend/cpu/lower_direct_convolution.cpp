#include <algorithm>
#include <cstring>

#include "backend/cpu/concat_parts.hpp"
#include "backend/cpu/direct_convolution.hpp"
#include "backend/cpu/panels.hpp"
#include "ops/window.hpp"

namespace vanda::cpu {

namespace {

// Multiply-adds below which one thread does all of it.
constexpr double kSharedWork = 5e5;
// Bytes of a result from which on it is not in the caches any more when it is read.
constexpr int64_t kStreamed = int64_t{16} << 20;
// Bytes of pictures or a result from which on they come from beyond the cache of a core.
constexpr int64_t kFar = int64_t{1} << 20;
// Places at a time for a thread.
constexpr int64_t kGrain = 12;

float* floats(const RunContext& context, int buffer) {
  return buffer < 0 ? nullptr : static_cast<float*>(context.data[buffer]);
}

int threads(const DirectConvolution& conv, const RunContext& context) {
  const ConvShape& s = conv.shape;
  int64_t sums = conv.depthwise ? s.channels : s.channels * s.filters;
  double work = static_cast<double>(conv.batch * s.out_height * s.out_width) *
                static_cast<double>(s.kernel_height * s.kernel_width * sums);
  return work < kSharedWork ? 1 : context.threads;
}

void run_panels(const DirectConvolution& conv, const RunContext& context) {
  const KernelTable& k = kernels();
  const ConvShape& shape = conv.shape;
  int64_t panels = (shape.filters + k.panel - 1) / k.panel;
  int64_t places = conv.batch * shape.out_height * shape.out_width;
  ConvEpilogue finish = conv.epilogue(context);
  auto part = [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
    k.convolve(&shape, &finish, floats(context, conv.target) + conv.offset,
               floats(context, conv.source), static_cast<const float*>(conv.zeros.data()),
               floats(context, conv.kernel), first, last, begin, end);
  };
  int team = threads(conv, context);
  // Each thread reads the smaller of the two whole, the kernel or the pictures, and shares the
  // other.
  int64_t taps = shape.kernel_height * shape.kernel_width;
  bool by_panels = taps * shape.filters > conv.batch * shape.height * shape.width &&
                   (panels % team == 0 || panels >= 6 * team);
  if (by_panels) {
    share_out(team, panels, 1,
              [&](int64_t begin, int64_t end, int) { part(0, places, begin, end); });
  } else {
    share_out(team, places, kGrain,
              [&](int64_t first, int64_t last, int) { part(first, last, 0, panels); });
  }
}

void run_depth(const DirectConvolution& conv, const RunContext& context) {
  ConvEpilogue finish = conv.epilogue(context);
  share_out(threads(conv, context), conv.batch * conv.shape.out_height, 1,
            [&](int64_t first, int64_t last, int) {
              kernels().convolve_depth(
                  &conv.shape, &finish, floats(context, conv.target) + conv.offset,
                  floats(context, conv.source), static_cast<const float*>(conv.zeros.data()),
                  floats(context, conv.kernel), first, last);
            });
}

bool is_trained(const Lowering& lowering, const Node& conv) {
  for (Value input : {conv.inputs[0], conv.inputs[1]}) {
    for (int reader : lowering.readers(input)) {
      const Node& node = lowering.graph().node(reader);
      if (node.is("conv2d_grad_input") || node.is("conv2d_grad_kernel")) return true;
    }
  }
  return false;
}

}  // namespace

DirectConvolution::DirectConvolution(size_t zero_bytes) : zeros(zero_bytes) {
  std::memset(zeros.data(), 0, zero_bytes);
}

ConvEpilogue DirectConvolution::epilogue(const RunContext& context) const {
  return {floats(context, bias), floats(context, residual), low, high, stream, far};
}

void DirectConvolution::run(const RunContext& context) const {
  if (depthwise) return run_depth(*this, context);
  if (!tiles) return run_panels(*this, context);
  tiles->run(context, shape, epilogue(context), floats(context, target) + offset,
             floats(context, source), static_cast<const float*>(zeros.data()));
}

bool is_direct(const Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.is("conv2d") || node.outputs[0].dtype != DType::f32 || lowering.in_bf16(node))
    return false;
  const Shape& x = lowering.type(node.inputs[0]).shape;
  const Shape& k = lowering.type(node.inputs[1]).shape;
  return is_plain_or_depthwise(node, x, k) && k[0] * k[1] <= kConvTapsMax && k.elements() > 0 &&
         node.outputs[0].shape.elements() > 0 && !is_trained(lowering, node);
}

ConvShape shape_of_convolution(const Lowering& lowering, const Node& conv) {
  const Shape& x = lowering.type(conv.inputs[0]).shape;
  const Shape& k = lowering.type(conv.inputs[1]).shape;
  Window w = window_of(conv, x[1], x[2], k[0], k[1]);
  return {
      w.height, w.width,         x[3],           w.out_height,      w.out_width,      k[3],  k[0],
      k[1],     w.stride_height, w.stride_width, w.dilation_height, w.dilation_width, w.top, w.left,
      k[3]};
}

std::shared_ptr<DirectConvolution> plan_convolution(Lowering& lowering, int id,
                                                    std::vector<int>& reads,
                                                    std::vector<int>& writes) {
  const Node& node = lowering.graph().node(id);
  const Shape& x = lowering.type(node.inputs[0]).shape;
  const Shape& k = lowering.type(node.inputs[1]).shape;
  auto conv = std::make_shared<DirectConvolution>(static_cast<size_t>(k[1] * x[3]) * sizeof(float));
  conv->shape = shape_of_convolution(lowering, node);
  conv->batch = x[0];
  conv->depthwise = is_depthwise(node);
  int64_t bytes = node.outputs[0].shape.elements() * static_cast<int64_t>(sizeof(float));
  conv->stream = bytes >= kStreamed ? 1 : 0;
  int64_t read = x.elements() * static_cast<int64_t>(sizeof(float));
  conv->far = std::max(read, bytes) >= kFar ? 1 : 0;
  Bounds bounds = bounds_of_activation(node);
  conv->low = static_cast<float>(bounds.low);
  conv->high = static_cast<float>(bounds.high);
  if (conv->depthwise) {
    conv->kernel = lowering.plain(node.inputs[1]);
  } else if (Winograd::suits(conv->shape)) {
    conv->tiles.emplace(lowering, node.inputs[1], conv->shape, conv->batch, writes);
    conv->kernel = conv->tiles->packed;
  } else {
    int64_t inner = k[0] * k[1] * k[2];
    conv->kernel = packed_panels(lowering, node.inputs[1], {0, k[3], 1, inner, k[3]});
  }
  reads.push_back(conv->kernel);
  auto optional = [&](size_t index) {
    if (node.inputs.size() <= index) return -1;
    reads.push_back(lowering.plain(node.inputs[index]));
    return reads.back();
  };
  conv->bias = optional(2);
  conv->residual = optional(3);
  return conv;
}

void place_result(Lowering& lowering, int id, DirectConvolution& conv) {
  if (std::optional<ConcatPart> part = place_in_concat(lowering, Value{id, 0})) {
    conv.target = part->buffer;
    conv.offset = part->offset;
    conv.shape.target_row = part->row;
  } else {
    conv.target = lowering.define_new(Value{id, 0});
  }
}

std::string label_of_epilogue(const Node& conv) {
  std::string label = conv.inputs.size() == 4 ? "+add" : "";
  if (!conv.text("activation").empty()) label += "+" + conv.text("activation");
  return label;
}

bool lower_direct_convolution(Lowering& lowering, int id) {
  if (!is_direct(lowering, id)) return false;
  if (lower_convolution_chain(lowering, id)) return true;
  const Node& node = lowering.graph().node(id);
  int source = lowering.plain(node.inputs[0]);
  std::vector<int> reads = {source}, writes;
  std::shared_ptr<DirectConvolution> conv = plan_convolution(lowering, id, reads, writes);
  conv->source = source;
  place_result(lowering, id, *conv);
  writes.insert(writes.begin(), conv->target);
  lowering.add(node.op->name + label_of_epilogue(node), reads, writes,
               [conv](const RunContext& context) { conv->run(context); });
  return true;
}

}  // namespace vanda::cpu
