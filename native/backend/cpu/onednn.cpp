#include "backend/cpu/onednn.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"

namespace vanda::cpu {

namespace {

using dnnl::memory;
using dims = memory::dims;

dnnl::primitive_attr attributes(bool relu) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (relu) {
    dnnl::post_ops ops;
#if DNNL_VERSION_MAJOR >= 3
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.f, 0.f);
#else
    ops.append_eltwise(1.f, dnnl::algorithm::eltwise_relu, 0.f, 0.f);
#endif
    attr.set_post_ops(ops);
  }
  return attr;
}

memory::data_type element(bool bf16) {
  return bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc any(const dims& shape, bool bf16 = false) {
  return memory::desc(shape, element(bf16), memory::format_tag::any);
}

struct ConvolutionDims {
  dims source, weights, bias, target, stride, dilation, before, after;
};

ConvolutionDims dims_of(const Convolution& c) {
  const Window& w = c.window;
  ConvolutionDims out;
  out.source = {c.batch, c.channels, w.height, w.width};
  out.target = {c.batch, c.filters, w.out_height, w.out_width};
  if (c.groups == 1) {
    out.weights = {c.filters, c.channels, w.kernel_height, w.kernel_width};
  } else {
    out.weights = {c.groups, c.filters / c.groups, c.channels / c.groups, w.kernel_height,
                   w.kernel_width};
  }
  out.bias = {c.filters};
  out.stride = {w.stride_height, w.stride_width};
  out.dilation = {w.dilation_height - 1, w.dilation_width - 1};
  out.before = {w.top, w.left};
  out.after = {w.bottom, w.right};
  return out;
}

dnnl::convolution_forward::primitive_desc forward_descriptor(const Convolution& shape, bool bias,
                                                             bool relu) {
  ConvolutionDims d = dims_of(shape);
  auto kind = dnnl::prop_kind::forward_training;
  auto algorithm = dnnl::algorithm::convolution_direct;
  memory::desc bias_layout(d.bias, memory::data_type::f32, memory::format_tag::x);
  memory::desc source = any(d.source, shape.bf16);
  memory::desc weights = any(d.weights, shape.bf16);
#if DNNL_VERSION_MAJOR >= 3
  if (!bias) bias_layout = memory::desc();
  return dnnl::convolution_forward::primitive_desc(onednn_engine(), kind, algorithm, source,
                                                   weights, bias_layout, any(d.target), d.stride,
                                                   d.dilation, d.before, d.after, attributes(relu));
#else
  if (bias) {
    dnnl::convolution_forward::desc op(kind, algorithm, source, weights, bias_layout, any(d.target),
                                       d.stride, d.dilation, d.before, d.after);
    return {op, attributes(relu), onednn_engine()};
  }
  dnnl::convolution_forward::desc op(kind, algorithm, source, weights, any(d.target), d.stride,
                                     d.dilation, d.before, d.after);
  return {op, attributes(relu), onednn_engine()};
#endif
}

// oneDNN reports what it cannot do by exceptions of its own; they become ours here.
template <typename Make>
auto guarded(const char* what, Make make) {
  try {
    return make();
  } catch (const dnnl::error& error) {
    std::string status = error.message != nullptr ? error.message : "no message";
    throw Error(error.status == dnnl_out_of_memory ? "out_of_memory" : "internal", what, status);
  }
}

// A primitive for a shape, in f32 where oneDNN has none of bfloat16.
template <typename Shape, typename Make>
Primitive made_for(const char* what, Shape shape, Make make) {
  return guarded(what, [&] {
    if (shape.bf16) {
      try {
        return make(shape);
      } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;
      }
      shape.bf16 = false;
    }
    return make(shape);
  });
}

}  // namespace

dnnl::engine& onednn_engine() {
  // Never destroyed: a plan may still run on another thread when the process ends.
  static auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

Layout plain_layout(const TensorType& type) {
  auto kind = type.dtype == DType::i32 ? memory::data_type::s32 : memory::data_type::f32;
  const Shape& s = type.shape;
  if (s.rank() == 4) {
    return memory::desc({s[0], s[3], s[1], s[2]}, kind, memory::format_tag::nhwc);
  }
  if (s.rank() == 0) return memory::desc({1}, kind, memory::format_tag::x);
  return memory::desc(s.dims(), kind, dims(s.strides()));
}

Layout plain_bf16_layout(const Shape& s) {
  auto kind = memory::data_type::bf16;
  if (s.rank() == 4) {
    return memory::desc({s[0], s[3], s[1], s[2]}, kind, memory::format_tag::nhwc);
  }
  return memory::desc(s.dims(), kind, dims(s.strides()));
}

bool holds_bf16(const Layout& layout) {
#if DNNL_VERSION_MAJOR >= 3
  return layout.get_data_type() == memory::data_type::bf16;
#else
  return layout.data.data_type == dnnl_bf16;
#endif
}

std::string layout_text(const Layout& layout) {
#if DNNL_VERSION_MAJOR >= 3
  std::vector<int64_t> strides = layout.get_strides();
  std::vector<int64_t> blocks = layout.get_inner_blks();
  std::vector<int64_t> blocked = layout.get_inner_idxs();
#else
  if (layout.data.format_kind != dnnl_blocked) return "opaque";
  const dnnl_blocking_desc_t& blocking = layout.data.format_desc.blocking;
  std::vector<int64_t> strides(blocking.strides, blocking.strides + layout.data.ndims);
  std::vector<int64_t> blocks(blocking.inner_blks, blocking.inner_blks + blocking.inner_nblks);
  std::vector<int64_t> blocked(blocking.inner_idxs, blocking.inner_idxs + blocking.inner_nblks);
#endif
  std::vector<size_t> order(strides.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return strides[a] > strides[b]; });
  std::string text;
  for (size_t dim : order) {
    bool split = std::find(blocked.begin(), blocked.end(), static_cast<int64_t>(dim)) !=
                 blocked.end();
    text += static_cast<char>((split ? 'A' : 'a') + dim);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    text += std::to_string(blocks[i]);
    text += static_cast<char>('a' + blocked[i]);
  }
  return holds_bf16(layout) ? text + " bf16" : text;
}

size_t layout_bytes(const Layout& layout) { return layout.get_size(); }

bool layout_is_flat(const Layout& layout, int64_t elements) {
  return layout.get_size() == static_cast<size_t>(elements) * 4;
}

namespace {

Layout tagged(const Shape& s, memory::format_tag tag) {
  return memory::desc({s[0], s[3], s[1], s[2]}, memory::data_type::f32, tag);
}

}  // namespace

Layout Planes::layout(const Shape& pictures) const { return tagged(pictures, tag); }

std::optional<Planes> planes_of(const Layout& layout, const Shape& s) {
  using tag = memory::format_tag;
  if (layout == tagged(s, tag::nhwc)) return Planes{s[0], s[3], tag::nhwc};
  for (auto [block, kind] : {std::pair<int64_t, tag>{8, tag::nChw8c}, {16, tag::nChw16c}}) {
    if (s[3] % block == 0 && layout == tagged(s, kind)) {
      return Planes{s[0] * s[3] / block, block, kind};
    }
  }
  return std::nullopt;
}

Layout plain_kernel_layout(const Convolution& c) {
  ConvolutionDims d = dims_of(c);
  int64_t in = c.channels / c.groups;
  int64_t row = in * c.filters;
  if (c.groups == 1) {
    return memory::desc(d.weights, memory::data_type::f32,
                        dims{1, c.filters, c.window.kernel_width * row, row});
  }
  return memory::desc(d.weights, memory::data_type::f32,
                      dims{c.filters / c.groups, 1, c.filters, c.window.kernel_width * row, row});
}

Primitive convolution_forward(const Convolution& wanted, bool bias, bool relu) {
  return made_for("conv2d", wanted, [&](const Convolution& shape) {
    auto pd = forward_descriptor(shape, bias, relu);
    Primitive out;
    out.primitive = dnnl::convolution_forward(pd);
    out.source = pd.src_desc();
    out.weights = pd.weights_desc();
    if (bias) out.bias = pd.bias_desc();
    out.target = pd.dst_desc();
    out.scratch = pd.scratchpad_desc();
    return out;
  });
}

Primitive convolution_backward_data(const Convolution& wanted) {
  return made_for("conv2d_grad_input", wanted, [&](const Convolution& shape) {
    auto hint = forward_descriptor(shape, false, false);
    ConvolutionDims d = dims_of(shape);
    auto algorithm = dnnl::algorithm::convolution_direct;
    memory::desc weights = any(d.weights, shape.bf16);
    memory::desc target = any(d.target, shape.bf16);
#if DNNL_VERSION_MAJOR >= 3
    dnnl::convolution_backward_data::primitive_desc pd(onednn_engine(), algorithm, any(d.source),
                                                       weights, target, d.stride, d.dilation,
                                                       d.before, d.after, hint, attributes(false));
#else
    dnnl::convolution_backward_data::desc op(algorithm, any(d.source), weights, target, d.stride,
                                             d.dilation, d.before, d.after);
    dnnl::convolution_backward_data::primitive_desc pd(op, attributes(false), onednn_engine(), hint);
#endif
    Primitive out;
    out.primitive = dnnl::convolution_backward_data(pd);
    out.source = pd.diff_src_desc();
    out.weights = pd.weights_desc();
    out.target = pd.diff_dst_desc();
    out.scratch = pd.scratchpad_desc();
    return out;
  });
}

Primitive convolution_backward_weights(const Convolution& wanted, bool bias) {
  return made_for("conv2d_grad_kernel", wanted, [&](const Convolution& shape) {
    auto hint = forward_descriptor(shape, bias, false);
    ConvolutionDims d = dims_of(shape);
    auto algorithm = dnnl::algorithm::convolution_direct;
    memory::desc bias_layout(d.bias, memory::data_type::f32, memory::format_tag::x);
    if (!bias) bias_layout = memory::desc();
    memory::desc source = any(d.source, shape.bf16);
    memory::desc target = any(d.target, shape.bf16);
#if DNNL_VERSION_MAJOR >= 3
    dnnl::convolution_backward_weights::primitive_desc pd(
        onednn_engine(), algorithm, source, any(d.weights), bias_layout, target, d.stride,
        d.dilation, d.before, d.after, hint, attributes(false));
#else
    dnnl::convolution_backward_weights::desc op(algorithm, source, any(d.weights), bias_layout,
                                                target, d.stride, d.dilation, d.before, d.after);
    dnnl::convolution_backward_weights::primitive_desc pd(op, attributes(false), onednn_engine(),
                                                          hint);
#endif
    Primitive out;
    out.primitive = dnnl::convolution_backward_weights(pd);
    out.source = pd.src_desc();
    out.weights = pd.diff_weights_desc();
    if (bias) out.bias = pd.diff_bias_desc();
    out.target = pd.diff_dst_desc();
    out.scratch = pd.scratchpad_desc();
    return out;
  });
}

Primitive product(const Product& wanted) {
  return made_for("matmul", wanted, [&](const Product& p) {
    auto layout = [](const std::vector<int64_t>& batch, int64_t rows, int64_t columns,
                     bool transposed, bool bf16) {
      dims shape(batch);
      shape.push_back(rows);
      shape.push_back(columns);
      dims strides(shape.size());
      int64_t stride = rows * columns;
      for (size_t i = batch.size(); i-- > 0;) {
        strides[i] = stride;
        stride *= batch[i];
      }
      strides[batch.size()] = transposed ? 1 : columns;
      strides[batch.size() + 1] = transposed ? rows : 1;
      return memory::desc(shape, element(bf16), strides);
    };
    std::vector<int64_t> batch = p.batch_a;
    for (size_t i = 0; i < batch.size(); ++i) batch[i] = std::max(batch[i], p.batch_b[i]);
    memory::desc a = layout(p.batch_a, p.rows, p.inner, p.transpose_a, p.bf16);
    memory::desc b = layout(p.batch_b, p.inner, p.columns, p.transpose_b, p.bf16);
    memory::desc c = layout(batch, p.rows, p.columns, false, false);
    dims bias_shape(batch.size() + 1, 1);
    bias_shape.push_back(p.columns);
    dims bias_strides(bias_shape.size(), p.columns);
    bias_strides.back() = 1;
    memory::desc bias(bias_shape, memory::data_type::f32, bias_strides);
#if DNNL_VERSION_MAJOR >= 3
    auto pd = p.bias
                  ? dnnl::matmul::primitive_desc(onednn_engine(), a, b, bias, c, attributes(p.relu))
                  : dnnl::matmul::primitive_desc(onednn_engine(), a, b, c, attributes(p.relu));
#else
    auto op = p.bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
    dnnl::matmul::primitive_desc pd(op, attributes(p.relu), onednn_engine());
#endif
    Primitive out;
    out.primitive = dnnl::matmul(pd);
    out.source = a;
    out.weights = b;
    if (p.bias) out.bias = bias;
    out.target = c;
    out.scratch = pd.scratchpad_desc();
    return out;
  });
}

bool onednn_has_bf16() {
  auto has = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (has & wanted) == wanted;
}

dnnl::primitive reorder(const Layout& from, const Layout& to, Layout* scratch) {
  return guarded("reorder", [&] {
    dnnl::reorder::primitive_desc pd(onednn_engine(), from, onednn_engine(), to, attributes(false));
    *scratch = pd.scratchpad_desc();
    return dnnl::reorder(pd);
  });
}

}  // namespace vanda::cpu
