#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
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
// Whether oneDNN runs products of bfloat16 by instructions made for them (AVX-512 BF16, AMX).
bool onednn_has_bf16();

// Row-major, and for rank 4 [N, H, W, C] (which oneDNN calls nhwc), dtype f32 or s32.
Layout plain_layout(const TensorType& type);
// The same in bfloat16: a reorder to it rounds as round_bf16 does.
Layout plain_bf16_layout(const Shape& shape);
bool holds_bf16(const Layout& layout);
// For people: the dims from the outermost to the innermost, blocked ones in capitals, then the
// blocks: "aBcd8b" is nChw8c; "row-major" for what is as the world outside sees it.
std::string layout_text(const Layout& layout);
size_t layout_bytes(const Layout& layout);
// Every byte is an element: what is elementwise may run over it as over a flat array.
bool layout_is_flat(const Layout& layout, int64_t elements);

// A layout of pictures [N, H, W, C] as dense planes [H, W, block], one for each block of channels of
// each picture: what kernels of our own run over. The kinds: row-major (one block of all channels)
// and oneDNN's blocks of 8 and of 16.
struct Planes {
  int64_t count, block;  // planes in all; channels in each
  dnnl::memory::format_tag tag;

  int64_t blocks(int64_t channels) const { return channels / block; }
  // Of pictures of another size, of the same kind.
  Layout layout(const Shape& pictures) const;
};
std::optional<Planes> planes_of(const Layout& layout, const Shape& pictures);

// A primitive with the layouts that it wants; scratch is its working memory.
struct Primitive {
  dnnl::primitive primitive;
  Layout source, weights, bias, target, workspace, scratch;
};

// Factors may be bfloat16 (`bf16`); results and biases are f32 all the same. Where oneDNN has no
// such primitive, it is the one of f32, and its layouts say so.
struct Convolution {
  Window window;
  int64_t batch, channels, filters, groups;
  bool bf16 = false;
};

// Kernels lie as [KH, KW, C / groups, O] outside.
Layout plain_kernel_layout(const Convolution& shape);
Primitive convolution_forward(const Convolution& shape, bool bias, bool relu);
Primitive convolution_backward_data(const Convolution& shape);  // source: dx, target: dy
// weights: dkernel; with bias, the sum of the gradient over all places comes along.
Primitive convolution_backward_weights(const Convolution& shape, bool bias);

// x [batch, M, K] by w [batch, K, N] with optional bias [N] and relu; batches broadcast.
struct Product {
  std::vector<int64_t> batch_a, batch_b;  // of equal rank; 1 broadcasts
  int64_t rows, inner, columns;
  bool transpose_a, transpose_b, bias, relu;
  bool bf16 = false;
};
Primitive product(const Product& shape);

dnnl::primitive reorder(const Layout& from, const Layout& to, Layout* scratch);

}  // namespace vanda::cpu
