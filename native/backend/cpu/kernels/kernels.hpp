#pragma once

#include <cstdint>

#include "backend/cpu/kernels/integers.hpp"
#include "backend/cpu/kernels/movement.hpp"
#include "backend/cpu/kernels/reductions.hpp"

// The hot loops, compiled once for each instruction set and chosen at start. The files that hold
// them include no standard template, so that no function compiled for AVX-512 can be picked by the
// linker for an older machine.
namespace vanda::cpu {

// Of the inner dim of a product whose left-hand matrix lies across.
constexpr int64_t kTurnedDepth = 256;

// out[i] = f(a[i], b[i], c[i]); what a function does not take is null.
using TileFn = void (*)(float* out, const float* a, const float* b, const float* c,
                        const float* parameters, int64_t n);

// The numbers of an optimizer's rule; which of them count, the rule says (update.inl).
struct UpdateRates {
  float rate, l1, l2, momentum, beta1, beta2, beta, epsilon, decay;
  float correction1, correction2;  // 1 / (1 - beta^t)
  int nesterov, centered, amsgrad;
};
constexpr int kUpdateCount = 8;
using UpdateFn = void (*)(float* w, float* const* slots, const float* g, const UpdateRates* rates,
                          int64_t n);

// Columns of the gradient of a normalisation; factor and shift are null where no relu followed.
struct NormBlend {
  const float *a, *b, *c, *factor, *shift;
};

// A plane [height, width, block] under a window.
struct PoolShape {
  int64_t height, width, out_height, out_width;
  int64_t kernel_height, kernel_width, stride_height, stride_width;
  int64_t dilation_height, dilation_width, top, left, block;
};

// A convolution of row-major pictures [N, height, width, channels] into places [N, out_height,
// out_width] of `filters` numbers, target_row floats from one place to the next.
struct ConvShape {
  int64_t height, width, channels, out_height, out_width, filters;
  int64_t kernel_height, kernel_width, stride_height, stride_width;
  int64_t dilation_height, dilation_width, top, left, target_row;
};
// Taps of a kernel that `convolve` can read.
constexpr int64_t kConvTapsMax = 512;

// Convolutions in tiles of kWinogradTile places a side: products of each tile, panels of the kernel
// at a time.
constexpr int64_t kWinogradTile = 4;
constexpr int64_t kWinogradBands = 36;
constexpr int64_t kWinogradGo = 2;

// y = clamp(sum + bias + residual, low, high); null where there is none. The residual has rows of
// `filters`.
struct ConvEpilogue {
  const float *bias, *residual;
  float low, high;
  int stream;  // whether the result is larger than caches, so that it should go past them
  int far;     // whether the pictures or the result are larger than the cache of a core
};

// dy is a plane [out_height, out_width, block].
struct TapShape {
  int64_t out_height, out_width, block, row_step, column_step, filters;
};

// What a product does to a finished row of its result, in this order: c += bias; relu or gelu
// (whose slope is kept where that is wanted); c += other or c *= other.
enum class Activation : uint8_t { none, relu, gelu };
enum class Join : uint8_t { none, add, mul };
struct ProductEpilogue {
  const float* bias = nullptr;
  const float* other = nullptr;  // of the shape of c
  float* slope = nullptr;        // of the shape of c
  Activation activation = Activation::none;
  Join join = Join::none;
};

// c [rows, columns] = a * b + bias, row-major; a[i][k] is at i * a_row + k * a_inner, b[k][j] at
// k * b_inner + j * b_column. No bias: null.
struct SmallProduct {
  const float* a;
  const float* b;
  const float* bias;
  float* c;
  int64_t rows, inner, columns;
  int64_t a_row, a_inner, b_inner, b_column;
  int relu;
};

struct KernelTable {
  const char* isa;
  TileFn tile[kScalarCount];  // by Scalar code
  void (*load_u8)(float* out, const uint8_t* in, int64_t n);
  void (*load_i32)(float* out, const int32_t* in, int64_t n);
  void (*load_i64)(float* out, const int64_t* in, int64_t n);
  void (*store_u8)(uint8_t* out, const float* in, int64_t n);
  float (*sum)(const float* x, int64_t n);
  float (*max)(const float* x, int64_t n);
  float (*dot)(const float* a, const float* b, int64_t n);
  // acc[j] += sum over rows of x[row * width + j]
  void (*add_rows)(float* acc, const float* x, int64_t rows, int64_t width);
  void (*softmax)(float* out, const float* x, int64_t width, int logarithm);
  // Returns log(sum(exp(x))).
  float (*log_sum_exp)(const float* x, int64_t width);
  void (*exp_shifted)(float* out, const float* x, float shift, float scale, int64_t n);
  void (*dropout)(float* out, const float* x, int64_t begin, int64_t n, const uint32_t* key,
                  const uint32_t* step, uint32_t threshold, float scale);
  // Columns of a panel: how the right-hand matrix of a product lies packed.
  int64_t panel;
  // c [rows, columns] (+)= a [rows, inner] * packed; a[i][k] is at i * row + k * column.
  void (*product)(float* c, int64_t c_row, const float* a, int64_t row, int64_t column,
                  const float* packed, int64_t rows, int64_t inner, int64_t columns,
                  int accumulate);
  // c [rows, columns] (+)= a [rows, inner] * packed, where `turned` holds a as turn_block left it.
  void (*product_turned)(float* c, int64_t c_row, const float* turned, const float* packed,
                         int64_t rows, int64_t inner, int64_t columns, int accumulate);
  // A block of the left-hand matrix that lies across, a[i][k] at i + k * column, in tiles as
  // product_turned reads them: rows * inner floats, inner at most kTurnedDepth.
  void (*turn_block)(float* turned, const float* a, int64_t column, int64_t rows, int64_t inner);
  // b [inner, columns], b[k][j] at k * row + j * column, into ceil(columns / panel) panels of
  // inner * panel floats.
  void (*pack_panels)(float* packed, const float* b, int64_t row, int64_t column, int64_t inner,
                      int64_t columns);
  // Over rows that lie one after the other, from `first` on in c, other and slope.
  void (*product_epilogue)(float* c, const ProductEpilogue* epilogue, int64_t first, int64_t rows,
                           int64_t begin, int64_t end, int64_t columns);
  // One step of one row of a recurrent layer (see recurrent.inl).
  void (*lstm_cell)(float* kept, const float* sums, const float* bias, const float* c_before,
                    float* c, float* h, int64_t units);
  void (*lstm_cell_grad)(float* d_sums, const float* kept, const float* c_before, const float* c,
                         float* dh, float* dc, int64_t units);
  void (*gru_cell)(float* kept, const float* sums, const float* bias, const float* h_before,
                   float* h, int64_t units);
  void (*gru_cell_grad)(float* d_sums, const float* kept, const float* h_before, float* dh,
                        int64_t units);
  // Rows of attention (see attention.inl).
  float (*softmax_tile)(float* scores, float scale, float* top, float* sum, int64_t n);
  float (*softmax_norm)(float top, float sum);
  void (*attention_scale)(float* x, float factor, int64_t n);
  float (*attention_dot)(const float* a, const float* b, int64_t n);
  void (*attention_row_grad)(float* scores, float* d_scores, float scale, float norm, float delta,
                             int64_t n);
  // Each row by itself; keeps its mean and 1 / deviation.
  void (*layer_norm)(float* out, float* mean, float* inverse, const float* x, const float* scale,
                     const float* shift, float epsilon, int64_t rows, int64_t width);
  // Adds to dscale and dshift.
  void (*layer_norm_grad)(float* dx, float* dscale, float* dshift, const float* dy, const float* x,
                          const float* scale, const float* mean, const float* inverse, int64_t rows,
                          int64_t width);
  // By column of [rows, width]: the mean as a float, what the sum of the distances to it misses,
  // and the sum of their squares; out = x factor + shift (+ residual), through a relu if asked; the
  // sums of dy and of dy (x - mean); dx = dy a + x b + c. With a factor, dy counts only where x
  // factor + shift > 0.
  void (*norm_moments)(float* mean, float* rest, float* squares, const float* x, int64_t rows,
                       int64_t width);
  void (*norm_apply)(float* out, const float* x, const float* residual, const float* factor,
                     const float* shift, int relu, int64_t rows, int64_t width);
  void (*norm_sums)(float* sums, float* dots, const float* dy, const float* x, const float* mean,
                    const float* factor, const float* shift, int64_t rows, int64_t width);
  void (*norm_blend)(float* dx, const float* dy, const float* x, const NormBlend* blend,
                     int64_t rows, int64_t width);
  // One plane. `place` keeps which tap was the maximum; null where no gradient will ask.
  void (*max_pool)(const PoolShape* shape, float* out, uint8_t* place, const float* x);
  void (*max_pool_grad)(const PoolShape* shape, float* dx, const float* dy, const uint8_t* place);
  void (*average_pool)(const PoolShape* shape, float* out, const float* x);
  void (*average_pool_grad)(const PoolShape* shape, float* dx, const float* dy);
  // Rows first..last of all of row-major pictures, whose maxima nobody asks for the places of.
  void (*max_pool_rows)(const PoolShape* shape, float* out, const float* x, int64_t first,
                        int64_t last);
  void (*average_pool_rows)(const PoolShape* shape, float* out, const float* x, int64_t first,
                            int64_t last);
  // Places first..last of all pictures, panels begin..end of the kernel [taps * channels, filters]. What
  // lies outside a picture is read from `zeros`, kernel_width * channels of them.
  void (*convolve)(const ConvShape* shape, const ConvEpilogue* epilogue, float* y, const float* x,
                   const float* zeros, const float* packed, int64_t first, int64_t last,
                   int64_t begin, int64_t end);
  // Each channel by itself, the kernel row-major [taps, channels]; rows first..last of all pictures.
  void (*convolve_depth)(const ConvShape* shape, const ConvEpilogue* epilogue, float* y,
                         const float* x, const float* zeros, const float* kernel, int64_t first,
                         int64_t last);
  // Convolutions of 3 x 3 taps in tiles (winograd.inl), for whole panels of filters and half panels
  // of channels. Panels begin..end of the kernel [3, 3, channels, filters] into kWinogradBands *
  // channels * filters floats.
  void (*pack_winograd)(const ConvShape* shape, float* packed, const float* kernel, int64_t begin,
                        int64_t end);
  // What tiles first..last read, into kWinogradBands matrices [last - first, channels] that begin
  // `step` floats apart; `zeros` as for `convolve`.
  void (*winograd_windows)(const ConvShape* shape, float* bands, int64_t step, const float* x,
                           const float* zeros, int64_t first, int64_t last);
  // Results of tiles first..last from their bands, for panels kWinogradGo * begin to kWinogradGo *
  // end; `sums` is room for kWinogradBands * (last - first) * kWinogradGo * panel floats.
  void (*convolve_winograd)(const ConvShape* shape, const ConvEpilogue* epilogue, float* y,
                            const float* bands, int64_t step, float* sums, const float* packed,
                            int64_t first, int64_t last, int64_t begin, int64_t end);
  // Adds to acc [taps, filters], for eight filters, the sum over a plane of dy times the x that
  // each tap reads: x[oh * row_step + ow * column_step + offset].
  void (*conv_grad_taps)(const TapShape* shape, float* acc, const int64_t* offsets, int64_t taps,
                         const float* x, const float* dy);
  UpdateFn update[kUpdateCount];  // by UpdateKind
  void (*follow_average)(float* average, const float* x, float share, int64_t n);
  void (*row_set)(float* out, const float* x, float scale, int64_t n);
  void (*row_add)(float* out, const float* x, float scale, int64_t n);
  void (*sum_chains)(float* out, const float* x, int64_t stride, const uint32_t* heads,
                     const uint32_t* next, float scale, int64_t count, int64_t width);
  void (*take_rows)(float* out, const float* table, const uint32_t* rows, int64_t count,
                    int64_t width);
  void (*skip_gram)(float* const* contexts, int count, float* const* targets, int target_count,
                    int64_t width, float rate, float* loss);
  void (*random_words)(uint32_t* out, uint64_t first, int64_t blocks, const uint32_t* key,
                       uint64_t stream);
  void (*put_rows)(float* table, const float* x, const uint32_t* rows, int64_t count,
                   int64_t width);
  void (*small_product)(const SmallProduct* product);
  // Four places of a picture, weighted; acc += x factor.
  void (*blend_places)(float* out, const float* a, const float* b, const float* c, const float* d,
                       const float* weights, int64_t channels);
  void (*add_scaled)(float* acc, const float* x, float factor, int64_t n);
  IntegerKernels integers;
  ReductionKernels reductions;
  MovementKernels movement;
};

// The table for the machine that this runs on.
const KernelTable& kernels();
// Every table that this machine can run, the plainest first: what the tests compare.
int runnable_kernels(const KernelTable* tables[3]);

}  // namespace vanda::cpu
