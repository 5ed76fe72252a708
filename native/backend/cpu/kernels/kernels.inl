// Compiled once for each instruction set; VANDA_ISA_TABLE names the table, VANDA_ISA_NAME the set.
#include <stdint.h>

#include "backend/cpu/kernels/kernels.hpp"

extern "C" float fmodf(float, float);

namespace vanda::cpu {
namespace {

#include "backend/cpu/kernels/math.inl"
#include "backend/cpu/kernels/product.inl"
#include "backend/cpu/kernels/direct_convolution.inl"
#include "backend/cpu/kernels/depthwise.inl"
#include "backend/cpu/kernels/winograd.inl"
#include "backend/cpu/kernels/recurrent.inl"
#include "backend/cpu/kernels/attention.inl"
#include "backend/cpu/kernels/small_product.inl"

// An output may be one of the inputs (same element), hence ivdep and not restrict.
#define TILE(name, expression)                                                                 \
  void name(float* out, const float* a, const float* b, const float* c, const float* p,         \
            int64_t n) {                                                                        \
    (void)b, (void)c, (void)p;                                                                  \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) out[i] = (expression);                                      \
  }

// The parameters are read before the loop, which is then free of loads that may not be skipped.
#define TILE_WITH(name, expression)                                                                \
  void name(float* out, const float* a, const float*, const float*, const float* p, int64_t n) {  \
    const float p0 = p[0], p1 = p[1];                                                              \
    (void)p1;                                                                                      \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) out[i] = (expression);                    \
  }

TILE_WITH(tile_leaky_relu, a[i] > 0.0f ? a[i] : a[i] * p0)
TILE_WITH(tile_elu, a[i] > 0.0f ? a[i] : p0 * expm1_f(a[i]))
TILE_WITH(tile_clamp, a[i] < p0 ? p0 : a[i] > p1 ? p1 : a[i])
TILE(tile_neg, -a[i])
TILE(tile_exp, exp_f(a[i]))
TILE(tile_log, log_f(a[i]))
TILE(tile_sqrt, __builtin_sqrtf(a[i]))
TILE(tile_rsqrt, 1.0f / __builtin_sqrtf(a[i]))
TILE(tile_square, a[i] * a[i])
TILE(tile_abs, __builtin_fabsf(a[i]))
TILE(tile_sign, (a[i] > 0.0f ? 1.0f : 0.0f) - (a[i] < 0.0f ? 1.0f : 0.0f))
TILE(tile_tanh, tanh_f(a[i]))
TILE(tile_sigmoid, sigmoid_f(a[i]))
TILE(tile_relu, a[i] < 0.0f ? 0.0f : a[i])
TILE(tile_gelu, gelu_f(a[i]))
TILE(tile_silu, a[i] * sigmoid_f(a[i]))
TILE(tile_softplus, softplus_f(a[i]))
TILE(tile_erf, erf_f(a[i]))
TILE(tile_floor, __builtin_floorf(a[i]))
TILE(tile_not, a[i] == 0.0f ? 1.0f : 0.0f)
TILE(tile_identity, a[i])
TILE(tile_to_bool, a[i] != 0.0f ? 1.0f : 0.0f)
TILE(tile_to_u8, a[i] >= 255.0f ? 255.0f : a[i] > 0.0f ? __builtin_floorf(a[i]) : 0.0f)
TILE(tile_add, a[i] + b[i])
TILE(tile_sub, a[i] - b[i])
TILE(tile_mul, a[i] * b[i])
TILE(tile_div, a[i] / b[i])
TILE(tile_pow, pow_f(a[i], b[i]))
// A NaN on either side stays one.
TILE(tile_maximum, a[i] > b[i] || a[i] != a[i] ? a[i] : b[i])
TILE(tile_minimum, a[i] < b[i] || a[i] != a[i] ? a[i] : b[i])
TILE(tile_equal, a[i] == b[i] ? 1.0f : 0.0f)
TILE(tile_not_equal, a[i] != b[i] ? 1.0f : 0.0f)
TILE(tile_less, a[i] < b[i] ? 1.0f : 0.0f)
TILE(tile_less_equal, a[i] <= b[i] ? 1.0f : 0.0f)
TILE(tile_greater, a[i] > b[i] ? 1.0f : 0.0f)
TILE(tile_greater_equal, a[i] >= b[i] ? 1.0f : 0.0f)
TILE(tile_and, (a[i] != 0.0f ? 1.0f : 0.0f) * (b[i] != 0.0f ? 1.0f : 0.0f))
TILE(tile_or, (a[i] != 0.0f ? 1.0f : 0.0f) + (b[i] != 0.0f ? 1.0f : 0.0f) > 0.0f ? 1.0f : 0.0f)
TILE(tile_where, a[i] != 0.0f ? b[i] : c[i])
TILE(tile_gelu_slope, gelu_pair_f(a[i]).slope)

#include "backend/cpu/kernels/elementwise.inl"
#include "backend/cpu/kernels/integers.inl"

void load_u8(float* __restrict out, const uint8_t* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = in[i];
}
void load_i32(float* __restrict out, const int32_t* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]);
}
void load_i64(float* __restrict out, const int64_t* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]);
}
void store_u8(uint8_t* __restrict out, const float* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(static_cast<int32_t>(in[i]));
}

// Eight running sums of eight lanes: one alone would wait for each addition to end.
float sum(const float* x, int64_t n) {
  typedef float Lanes8f __attribute__((vector_size(32)));
  typedef float Loose8f __attribute__((vector_size(32), aligned(4), may_alias));
  float total = 0;
  int64_t i = 0;
  if (n >= 64) {
    Lanes8f a = {}, b = {}, c = {}, d = {}, e = {}, f = {}, g = {}, h = {};
    for (; i + 64 <= n; i += 64) {
      const Loose8f* block = reinterpret_cast<const Loose8f*>(x + i);
      a += block[0], b += block[1], c += block[2], d += block[3];
      e += block[4], f += block[5], g += block[6], h += block[7];
    }
    Lanes8f all = ((a + b) + (c + d)) + ((e + f) + (g + h));
    for (int k = 0; k < 8; ++k) total += all[k];
  }
#pragma omp simd reduction(+ : total)
  for (int64_t j = i; j < n; ++j) total += x[j];
  return total;
}
float dot(const float* a, const float* b, int64_t n) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += a[i] * b[i];
  return total;
}
// A NaN wins, so that it is seen.
float max(const float* x, int64_t n) {
  float top = x[0];
  int32_t nan = 0;
#pragma omp simd reduction(max : top) reduction(| : nan)
  for (int64_t i = 0; i < n; ++i) {
    top = top > x[i] ? top : x[i];
    nan |= x[i] != x[i] ? 1 : 0;
  }
  return nan != 0 ? __builtin_nanf("") : top;
}
// Narrow rows are summed eight at a time over one flat run, wide ones column by column.
void add_rows(float* __restrict acc, const float* x, int64_t rows, int64_t width) {
  if (width >= 16) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      const float* x0 = x + r * width;
      const float* x1 = x0 + width;
      const float* x2 = x1 + width;
      const float* x3 = x2 + width;
      for (int64_t j = 0; j < width; ++j) acc[j] += (x0[j] + x1[j]) + (x2[j] + x3[j]);
    }
    for (; r < rows; ++r) {
      for (int64_t j = 0; j < width; ++j) acc[j] += x[r * width + j];
    }
    return;
  }
  float lanes[16 * 8];
  for (int64_t j = 0; j < width * 8; ++j) lanes[j] = 0;
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    const float* block = x + r * width;
    for (int64_t j = 0; j < width * 8; ++j) lanes[j] += block[j];
  }
  for (; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) acc[j] += x[r * width + j];
  }
  for (int64_t k = 0; k < 8; ++k) {
    for (int64_t j = 0; j < width; ++j) acc[j] += lanes[k * width + j];
  }
}

float sum_exp(const float* x, float shift, int64_t n) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += exp_below_f(x[i] - shift);
  return total;
}
float log_sum_exp(const float* x, int64_t width) {
  float top = max(x, width);
  // Nothing is subtracted from infinities: minus infinity alone gives minus infinity.
  top = top - top == 0.0f || top != top ? top : 0.0f;
  return top + log_f(sum_exp(x, top, width));
}
void exp_shifted(float* __restrict out, const float* x, float shift, float scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = exp_below_f(x[i] - shift) * scale;
}
void softmax(float* __restrict out, const float* x, int64_t width, int logarithm) {
  float top = max(x, width);
  if (logarithm != 0) {
    float norm = top + log_f(sum_exp(x, top, width));
    for (int64_t i = 0; i < width; ++i) out[i] = x[i] - norm;
    return;
  }
  for (int64_t i = 0; i < width; ++i) out[i] = exp_below_f(x[i] - top);
  float inverse = 1.0f / sum(out, width);
  for (int64_t i = 0; i < width; ++i) out[i] *= inverse;
}

#include "backend/cpu/kernels/movement.inl"
#include "backend/cpu/kernels/reductions.inl"

// Element i takes word i % 4 of block i / 4; blocks are made sixteen at a time, side by side.
void dropout(float* __restrict out, const float* x, int64_t begin, int64_t n, const uint32_t* key,
             const uint32_t* step, uint32_t threshold, float scale) {
  constexpr int kBlocks = 16;
  uint32_t words[4][kBlocks];
  for (int64_t first = begin / 4; first * 4 < begin + n; first += kBlocks) {
    for (int lane = 0; lane < kBlocks; ++lane) {
      uint64_t block = static_cast<uint64_t>(first + lane);
      uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
      uint32_t c2 = step[0], c3 = step[1], k0 = key[0], k1 = key[1];
      for (int round = 0; round < 10; ++round) {
        uint64_t p0 = uint64_t{0xD2511F53} * c0;
        uint64_t p1 = uint64_t{0xCD9E8D57} * c2;
        c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<uint32_t>(p1);
        c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<uint32_t>(p0);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
      }
      words[0][lane] = c0;
      words[1][lane] = c1;
      words[2][lane] = c2;
      words[3][lane] = c3;
    }
    int64_t low = first * 4 < begin ? begin : first * 4;
    int64_t high = (first + kBlocks) * 4 > begin + n ? begin + n : (first + kBlocks) * 4;
    for (int64_t i = low; i < high; ++i) {
      uint32_t word = words[i & 3][i / 4 - first];
      out[i] = word >= threshold ? x[i] * scale : 0.0f;
    }
  }
}

#include "backend/cpu/kernels/update.inl"
#include "backend/cpu/kernels/skip_gram.inl"

#include "backend/cpu/kernels/lanes.inl"

#include "backend/cpu/kernels/convolution.inl"
#include "backend/cpu/kernels/normalization.inl"
#include "backend/cpu/kernels/pooling.inl"
#include "backend/cpu/kernels/resize.inl"

}  // namespace

// The order of `tile` is that of the enum Scalar in ops/elementwise.hpp; a test holds them together.
extern const KernelTable VANDA_ISA_TABLE;
const KernelTable VANDA_ISA_TABLE = {
    .isa = VANDA_ISA_NAME,
    .tile = {tile_neg, tile_exp, tile_log, tile_sqrt, tile_rsqrt, tile_square, tile_abs, tile_sign,
     tile_tanh, tile_sigmoid, tile_relu, tile_leaky_relu, tile_elu, tile_gelu, tile_silu,
     tile_softplus, tile_clamp, tile_erf, tile_floor, tile_not, tile_identity, tile_to_bool,
     tile_to_u8, tile_add, tile_sub, tile_mul, tile_div, tile_pow, tile_maximum, tile_minimum,
     tile_equal, tile_not_equal, tile_less, tile_less_equal, tile_greater, tile_greater_equal,
     tile_and, tile_or, tile_where, tile_gelu_slope, tile_floor_mod, tile_xor, tile_reciprocal, tile_log1p,
     tile_expm1, tile_sin, tile_cos, tile_tan, tile_ceil, tile_round, tile_trunc, tile_relu6,
     tile_gelu_tanh, tile_hard_sigmoid, tile_hard_swish, tile_is_nan, tile_is_finite,
     tile_round_bf16},
    .load_u8 = load_u8,
    .load_i32 = load_i32,
    .load_i64 = load_i64,
    .store_u8 = store_u8,
    .sum = sum,
    .max = max,
    .dot = dot,
    .add_rows = add_rows,
    .softmax = softmax,
    .log_sum_exp = log_sum_exp,
    .exp_shifted = exp_shifted,
    .dropout = dropout,
    .panel = kPanel,
    .product = product,
    .product_turned = product_turned,
    .turn_block = turn_block,
    .pack_panels = pack_panels,
    .product_epilogue = product_epilogue,
    .lstm_cell = lstm_cell,
    .lstm_cell_grad = lstm_cell_grad,
    .gru_cell = gru_cell,
    .gru_cell_grad = gru_cell_grad,
    .softmax_tile = softmax_tile,
    .softmax_norm = softmax_norm,
    .attention_scale = attention_scale,
    .attention_dot = attention_dot,
    .attention_row_grad = attention_row_grad,
    .layer_norm = layer_norm,
    .layer_norm_grad = layer_norm_grad,
    .norm_moments = norm_moments,
    .norm_apply = norm_apply,
    .norm_sums = norm_sums,
    .norm_blend = norm_blend,
    .max_pool = max_pool,
    .max_pool_grad = max_pool_grad,
    .average_pool = average_pool,
    .average_pool_grad = average_pool_grad,
    .max_pool_rows = max_pool_rows,
    .average_pool_rows = average_pool_rows,
    .convolve = convolve,
    .convolve_depth = convolve_depth,
    .pack_winograd = pack_winograd,
    .winograd_windows = winograd_windows,
    .convolve_winograd = convolve_winograd,
    .conv_grad_taps = conv_grad_taps,
    .update = {update_sgd, update_momentum, update_adagrad, update_rmsprop, update_adam,
     update_ftrl, update_adamax, update_lion},
    .follow_average = follow_average,
    .row_set = row_set,
    .row_add = row_add,
    .sum_chains = sum_chains,
    .take_rows = take_rows,
    .skip_gram = skip_gram,
    .random_words = random_words,
    .put_rows = put_rows,
    .small_product = small_product,
    .blend_places = blend_places,
    .add_scaled = add_scaled,
    .integers = kIntegerKernels,
    .reductions = kReductionKernels,
    .movement = kMovementKernels,
};

}  // namespace vanda::cpu
