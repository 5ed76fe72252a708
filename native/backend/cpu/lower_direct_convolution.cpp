#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "backend/cpu/concat_parts.hpp"
#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/panels.hpp"
#include "backend/cpu/winograd.hpp"
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

// Forward convolutions that no gradient hangs on. They read and write row-major pictures, so that
// whatever stands between them finds its data in the layout that it likes.
struct DirectConvolution {
  ConvShape shape{};
  int64_t batch = 0;
  int source = -1, kernel = -1, bias = -1, residual = -1, target = -1;
  int64_t offset = 0;  // of the first place in the target, in floats
  float low = 0, high = 0;
  int stream = 0, far = 0;
  AlignedBytes zeros;
  std::optional<Winograd> tiles;

  explicit DirectConvolution(size_t zero_bytes) : zeros(zero_bytes) {
    std::memset(zeros.data(), 0, zero_bytes);
  }

  static float* floats(const RunContext& context, int buffer) {
    return buffer < 0 ? nullptr : static_cast<float*>(context.data[buffer]);
  }
  ConvEpilogue epilogue(const RunContext& context) const {
    return {floats(context, bias), floats(context, residual), low, high, stream, far};
  }
  int threads(const RunContext& context, int64_t sums) const {
    double work = static_cast<double>(batch * shape.out_height * shape.out_width) *
                  static_cast<double>(shape.kernel_height * shape.kernel_width * sums);
    return work < kSharedWork ? 1 : context.threads;
  }

  void run(const RunContext& context) const {
    const KernelTable& k = kernels();
    int64_t panels = (shape.filters + k.panel - 1) / k.panel;
    int64_t places = batch * shape.out_height * shape.out_width;
    ConvEpilogue finish = epilogue(context);
    auto part = [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
      k.convolve(&shape, &finish, floats(context, target) + offset, floats(context, source),
                 static_cast<const float*>(zeros.data()), floats(context, kernel), first, last,
                 begin, end);
    };
    int team = threads(context, shape.channels * shape.filters);
    // Each thread reads the smaller of the two whole, the kernel or the pictures, and shares the other.
    int64_t taps = shape.kernel_height * shape.kernel_width;
    bool by_panels = taps * shape.filters > batch * shape.height * shape.width &&
                     (panels % team == 0 || panels >= 6 * team);
    if (by_panels) {
      share_out(team, panels, 1,
                [&](int64_t begin, int64_t end, int) { part(0, places, begin, end); });
    } else {
      share_out(team, places, kGrain,
                [&](int64_t first, int64_t last, int) { part(first, last, 0, panels); });
    }
  }

  void run_tiles(const RunContext& context) const {
    tiles->run(context, shape, epilogue(context), floats(context, target) + offset,
               floats(context, source), static_cast<const float*>(zeros.data()));
  }

  void run_depth(const RunContext& context) const {
    ConvEpilogue finish = epilogue(context);
    share_out(threads(context, shape.channels), batch * shape.out_height, 1,
              [&](int64_t first, int64_t last, int) {
                kernels().convolve_depth(
                    &shape, &finish, floats(context, target) + offset, floats(context, source),
                    static_cast<const float*>(zeros.data()), floats(context, kernel), first, last);
              });
  }
};

bool is_trained(const Lowering& lowering, const Node& conv) {
  for (Value input : {conv.inputs[0], conv.inputs[1]}) {
    for (int reader : lowering.readers(input)) {
      const Node& node = lowering.graph().node(reader);
      if (node.is("conv2d_grad_input") || node.is("conv2d_grad_kernel")) return true;
    }
  }
  return false;
}

std::string label_of(const Node& node) {
  std::string label = node.op->name;
  if (node.inputs.size() == 4) label += "+add";
  if (!node.text("activation").empty()) label += "+" + node.text("activation");
  return label;
}

}  // namespace

bool lower_direct_convolution(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.is("conv2d") || node.outputs[0].dtype != DType::f32) return false;
  const Shape& x = lowering.type(node.inputs[0]).shape;
  const Shape& k = lowering.type(node.inputs[1]).shape;
  if (!is_plain_or_depthwise(node, x, k) || k[0] * k[1] > kConvTapsMax ||
      k.elements() == 0 || node.outputs[0].shape.elements() == 0 || is_trained(lowering, node)) {
    return false;
  }
  Window w = window_of(node, x[1], x[2], k[0], k[1]);
  bool depthwise = node.integer("groups") > 1;
  auto conv = std::make_shared<DirectConvolution>(static_cast<size_t>(k[1] * x[3]) * sizeof(float));
  conv->shape = {w.height,        w.width,          x[3],
                 w.out_height,    w.out_width,      k[3],
                 k[0],            k[1],             w.stride_height,
                 w.stride_width,  w.dilation_height, w.dilation_width,
                 w.top,           w.left,           k[3]};
  conv->batch = x[0];
  int64_t bytes = node.outputs[0].shape.elements() * static_cast<int64_t>(sizeof(float));
  conv->stream = bytes >= kStreamed ? 1 : 0;
  int64_t read = x.elements() * static_cast<int64_t>(sizeof(float));
  conv->far = std::max(read, bytes) >= kFar ? 1 : 0;
  Bounds bounds = bounds_of_activation(node);
  conv->low = static_cast<float>(bounds.low);
  conv->high = static_cast<float>(bounds.high);
  conv->source = lowering.plain(node.inputs[0]);
  int64_t inner = k[0] * k[1] * k[2];
  std::vector<int> writes;
  if (depthwise) {
    conv->kernel = lowering.plain(node.inputs[1]);
  } else if (Winograd::suits(conv->shape)) {
    conv->tiles.emplace(lowering, node.inputs[1], conv->shape, conv->batch, writes);
    conv->kernel = conv->tiles->packed;
  } else {
    conv->kernel = packed_panels(lowering, node.inputs[1], {0, k[3], 1, inner, k[3]});
  }
  std::vector<int> reads = {conv->source, conv->kernel};
  auto optional = [&](size_t index) {
    if (node.inputs.size() <= index) return -1;
    reads.push_back(lowering.plain(node.inputs[index]));
    return reads.back();
  };
  conv->bias = optional(2);
  conv->residual = optional(3);
  if (std::optional<ConcatPart> part = place_in_concat(lowering, Value{id, 0})) {
    conv->target = part->buffer;
    conv->offset = part->offset;
    conv->shape.target_row = part->row;
  } else {
    conv->target = lowering.define_new(Value{id, 0});
  }
  writes.insert(writes.begin(), conv->target);
  auto way = depthwise     ? &DirectConvolution::run_depth
             : conv->tiles ? &DirectConvolution::run_tiles
                           : &DirectConvolution::run;
  lowering.add(label_of(node), reads, writes,
               [conv, way](const RunContext& context) { ((*conv).*way)(context); });
  return true;
}

}  // namespace vanda::cpu
