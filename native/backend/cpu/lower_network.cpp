#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

Convolution convolution_of(const Lowering& lowering, const Node& node, const Shape& x,
                           const Shape& kernel) {
  Convolution shape;
  shape.window = window_of(node, x[1], x[2], kernel[0], kernel[1]);
  shape.batch = x[0];
  shape.channels = x[3];
  shape.filters = kernel[3];
  shape.groups = node.integer("groups");
  shape.bf16 = lowering.in_bf16(node);
  return shape;
}

std::string labelled(std::string label, const Layout& factor) {
  return holds_bf16(factor) ? label + " bf16" : label;
}

double work_of(const Convolution& c) {
  const Window& w = c.window;
  return static_cast<double>(c.batch * w.out_height * w.out_width) *
         static_cast<double>(w.kernel_height * w.kernel_width * c.filters * c.channels / c.groups);
}

void lower_forward(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Convolution shape = convolution_of(lowering, node, lowering.type(node.inputs[0]).shape,
                                     lowering.type(node.inputs[1]).shape);
  bool bias = node.inputs.size() == 3;
  bool relu = node.text("activation") == "relu";
  lowering.size_team(work_of(shape));
  Primitive conv = convolution_forward(shape, bias, relu);
  int source = lowering.in_layout(node.inputs[0], conv.source);
  int weights = lowering.kernel_in_layout(node.inputs[1], plain_kernel_layout(shape), conv.weights);
  std::vector<PrimitiveCall::Argument> reads = {{DNNL_ARG_SRC, source, conv.source},
                                                {DNNL_ARG_WEIGHTS, weights, conv.weights}};
  if (bias) reads.push_back({DNNL_ARG_BIAS, lowering.plain(node.inputs[2]), conv.bias});
  int target = lowering.define_new(Value{id, 0}, conv.target);
  lowering.add_primitive(labelled(relu ? "conv2d+relu" : "conv2d", conv.source), conv, reads,
                         {{DNNL_ARG_DST, target, conv.target}});
}

void lower_backward_data(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Convolution shape =
      convolution_of(lowering, node, node.outputs[0].shape, lowering.type(node.inputs[1]).shape);
  lowering.size_team(work_of(shape));
  Primitive conv = convolution_backward_data(shape);
  int gradient = lowering.in_layout(node.inputs[0], conv.target);
  int weights = lowering.kernel_in_layout(node.inputs[1], plain_kernel_layout(shape), conv.weights);
  int source = lowering.define_new(Value{id, 0}, conv.source);
  lowering.add_primitive(
      labelled("conv2d_grad_input", conv.weights), conv,
      {{DNNL_ARG_DIFF_DST, gradient, conv.target}, {DNNL_ARG_WEIGHTS, weights, conv.weights}},
      {{DNNL_ARG_DIFF_SRC, source, conv.source}});
}

// The sum of a convolution's output gradient over all places, where the program wants it: the
// gradient of the bias, which oneDNN makes on the way. -1: there is none.
int bias_gradient(const Lowering& lowering, Value gradient) {
  for (int reader : lowering.readers(gradient)) {
    const Node& node = lowering.graph().node(reader);
    bool bias = node.is("sum") && node.outputs[0].shape.rank() == 1 &&
                node.integers("axes") == std::vector<int64_t>{0, 1, 2};
    if (bias && !lowering.is_defined(Value{reader, 0})) return reader;
  }
  return -1;
}

// Where a first layer reads one to four channels, oneDNN pads them to a whole block of eight or more
// or falls back to slow code; here every product is one that counts.
bool reads_few_channels(const Convolution& c) {
  return c.groups == 1 && c.channels <= 4 && c.filters % 8 == 0;
}

// The thread's own padded copy of a picture, and its part of the sums.
struct FewChannels {
  Convolution shape;
  Planes planes;
  TapShape taps;
  std::vector<int64_t> offsets;
  int64_t padded_height, padded_width;
  std::vector<float> pictures, sums, bias_sums;

  FewChannels(const Convolution& c, const Planes& layout, int threads) : shape(c), planes(layout) {
    const Window& w = c.window;
    padded_height = w.height + w.top + w.bottom;
    padded_width = w.width + w.left + w.right;
    taps = {w.out_height,
            w.out_width,
            layout.block,
            w.stride_height * padded_width * c.channels,
            w.stride_width * c.channels,
            c.filters};
    for (int64_t kh = 0; kh < w.kernel_height; ++kh)
      for (int64_t kw = 0; kw < w.kernel_width; ++kw)
        for (int64_t ch = 0; ch < c.channels; ++ch) {
          int64_t row = kh * w.dilation_height * padded_width;
          offsets.push_back((row + kw * w.dilation_width) * c.channels + ch);
        }
    pictures.resize(static_cast<size_t>(threads * picture()));
    sums.resize(static_cast<size_t>(threads * kernel()));
    bias_sums.resize(static_cast<size_t>(threads * c.filters));
  }
  int64_t picture() const { return padded_height * padded_width * shape.channels; }
  int64_t kernel() const { return static_cast<int64_t>(offsets.size()) * shape.filters; }

  void run(const RunContext& context, const float* x, const float* dy, float* dkernel,
           float* dbias) {
    const KernelTable& k = kernels();
    sums.assign(sums.size(), 0);
    bias_sums.assign(bias_sums.size(), 0);
    parallel_for(context.threads, shape.batch, 1, [&](int64_t begin, int64_t end, int thread) {
      float* own = sums.data() + thread * kernel();
      float* own_bias = bias_sums.data() + thread * shape.filters;
      for (int64_t n = begin; n < end; ++n) {
        const float* padded = pad(x, n, pictures.data() + thread * picture());
        int64_t blocks = planes.blocks(shape.filters);
        int64_t plane = taps.out_height * taps.out_width * planes.block;
        for (int64_t b = 0; b < blocks; ++b) {
          const float* g = dy + (n * blocks + b) * plane;
          for (int64_t lane = 0; lane < planes.block; lane += 8) {
            k.conv_grad_taps(&taps, own + b * planes.block + lane, offsets.data(),
                             static_cast<int64_t>(offsets.size()), padded, g + lane);
          }
          if (dbias != nullptr)
            k.add_rows(own_bias + b * planes.block, g, plane / planes.block, planes.block);
        }
      }
    });
    total(k, sums, kernel(), dkernel);
    if (dbias != nullptr) total(k, bias_sums, shape.filters, dbias);
  }

  // The border stays zero from the start.
  const float* pad(const float* x, int64_t n, float* padded) const {
    const Window& w = shape.window;
    size_t row = static_cast<size_t>(w.width * shape.channels);
    for (int64_t h = 0; h < w.height; ++h) {
      std::memcpy(padded + ((h + w.top) * padded_width + w.left) * shape.channels,
                  x + static_cast<size_t>(n * w.height + h) * row, row * sizeof(float));
    }
    return padded;
  }

  // In the order of the threads.
  static void total(const KernelTable& k, const std::vector<float>& parts, int64_t width,
                    float* out) {
    std::memset(out, 0, static_cast<size_t>(width) * sizeof(float));
    k.add_rows(out, parts.data(), static_cast<int64_t>(parts.size()) / width, width);
  }
};

void lower_few_channels(Lowering& lowering, int id, const Convolution& shape) {
  const Node& node = lowering.graph().node(id);
  const Shape& dy = lowering.type(node.inputs[1]).shape;
  Layout layout = lowering.layout_of(node.inputs[1]);
  if (!planes_of(layout, dy)) layout = plain_layout(lowering.type(node.inputs[1]));
  auto kernel = std::make_shared<FewChannels>(shape, *planes_of(layout, dy), lowering.threads());
  int bias = bias_gradient(lowering, node.inputs[1]);
  int source = lowering.plain(node.inputs[0]);
  int gradient = lowering.in_layout(node.inputs[1], layout);
  std::vector<int> writes = {lowering.define_new(Value{id, 0})};
  if (bias >= 0) writes.push_back(lowering.define_new(Value{bias, 0}));
  lowering.add("conv2d_grad_kernel, few channels", {source, gradient}, writes,
               [kernel, source, gradient, writes](const RunContext& context) {
                 auto at = [&](int buffer) { return static_cast<float*>(context.data[buffer]); };
                 kernel->run(context, at(source), at(gradient), at(writes[0]),
                             writes.size() > 1 ? at(writes[1]) : nullptr);
               });
}

void lower_backward_weights(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Convolution shape =
      convolution_of(lowering, node, lowering.type(node.inputs[0]).shape, node.outputs[0].shape);
  if (reads_few_channels(shape)) return lower_few_channels(lowering, id, shape);
  lowering.size_team(work_of(shape));
  int bias = bias_gradient(lowering, node.inputs[1]);
  Primitive conv = convolution_backward_weights(shape, bias >= 0);
  int source = lowering.in_layout(node.inputs[0], conv.source);
  int gradient = lowering.in_layout(node.inputs[1], conv.target);
  // The gradient leaves in the outside layout of kernels, where the optimizer works.
  Layout outside = plain_kernel_layout(shape);
  int result = lowering.define_new(Value{id, 0});
  int written = result;
  if (!(conv.weights == outside)) written = lowering.new_buffer(layout_bytes(conv.weights));
  std::vector<PrimitiveCall::Argument> writes = {{DNNL_ARG_DIFF_WEIGHTS, written, conv.weights}};
  if (bias >= 0) {
    writes.push_back({DNNL_ARG_DIFF_BIAS, lowering.define_new(Value{bias, 0}), conv.bias});
  }
  lowering.add_primitive(
      labelled("conv2d_grad_kernel", conv.source), conv,
      {{DNNL_ARG_SRC, source, conv.source}, {DNNL_ARG_DIFF_DST, gradient, conv.target}}, writes);
  if (written == result) return;
  lowering.size_team(static_cast<double>(layout_bytes(outside)));
  Primitive back;
  back.primitive = reorder(conv.weights, outside, &back.scratch);
  lowering.add_primitive("reorder", back, {{DNNL_ARG_FROM, written, conv.weights}},
                         {{DNNL_ARG_TO, result, outside}});
}

}  // namespace

bool lower_network(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("conv2d"))
    lower_forward(lowering, id);
  else if (node.is("conv2d_grad_input"))
    lower_backward_data(lowering, id);
  else if (node.is("conv2d_grad_kernel"))
    lower_backward_weights(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
