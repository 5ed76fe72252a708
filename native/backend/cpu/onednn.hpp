#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "core/graph.hpp"
#include "ops/window.hpp"

// The one place that speaks to oneDNN's creation API, which changed between 2.x (Debian 12) and
// 3.x. Everything above works with layouts, primitives and argument numbers, the same in both.
namespace vanda::cpu {

using Layout = dnnl::memory::desc;

dnnl::engine& onednn_engine();
std::string onednn_version();

// Row-major, and for rank 4 [N, H, W, C] (which oneDNN calls nhwc), dtype f32 or s32.
Layout plain_layout(const TensorType& type);
size_t layout_bytes(const Layout& layout);
// Every byte is an element: what is elementwise may run over it as over a flat array.
bool layout_is_flat(const Layout& layout, int64_t elements);

// A primitive with the layouts that it wants; scratch is its working memory.
struct Primitive {
  dnnl::primitive primitive;
  Layout source, weights, bias, target, workspace, scratch;
};

struct Convolution {
  Window window;
  int64_t batch, channels, filters, groups;
};

// Kernels lie as [KH, KW, C / groups, O] outside.
Layout plain_kernel_layout(const Convolution& shape);
Primitive convolution_forward(const Convolution& shape, bool bias, bool relu);
Primitive convolution_backward_data(const Convolution& shape);  // source: dx, target: dy
// weights: dkernel; with bias, the sum of the gradient over all places comes along.
Primitive convolution_backward_weights(const Convolution& shape, bool bias);

struct Pooling {
  Window window;
  int64_t batch, channels;
  bool maximum;
};
Primitive pooling_forward(const Pooling& shape, const Layout& source, bool training);
Primitive pooling_backward(const Pooling& shape, const Layout& target_gradient);

// x [batch, M, K] by w [batch, K, N] with optional bias [N] and relu; batches broadcast.
struct Product {
  std::vector<int64_t> batch_a, batch_b;  // of equal rank; 1 broadcasts
  int64_t rows, inner, columns;
  bool transpose_a, transpose_b, bias, relu;
};
Primitive product(const Product& shape);

// Over channels of [N, H, W, C]; scale and shift lie one after the other in one buffer of 2 * C.
struct BatchNorm {
  int64_t batch, height, width, channels;
  float epsilon;
};
Primitive batch_norm_forward(const BatchNorm& shape, const Layout& source);
Primitive batch_norm_backward(const BatchNorm& shape, const Layout& source, const Layout& gradient);
// Passes scale and shift (or their gradients) by the numbers that this version of oneDNN uses.
struct BatchNormArguments {
  int scale, shift, scale_gradient, shift_gradient;
  bool packed;  // scale and shift are one argument of [2, C]
};
BatchNormArguments batch_norm_arguments();

dnnl::primitive reorder(const Layout& from, const Layout& to, Layout* scratch);

}  // namespace vanda::cpu
