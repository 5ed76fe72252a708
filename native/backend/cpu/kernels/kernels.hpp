#pragma once

#include <cstdint>

// The hot loops, compiled once for each instruction set and chosen at start. The files that hold
// them include no standard template, so that no function compiled for AVX-512 can be picked by the
// linker for an older machine.
namespace vanda::cpu {

constexpr int kScalarCount = 64;

// out[i] = f(a[i], b[i], c[i]); what a function does not take is null.
using TileFn = void (*)(float* out, const float* a, const float* b, const float* c,
                        const float* parameters, int64_t n);

struct AdamRates {
  float rate, beta1, beta2, epsilon, decay, l2;
  float correction1, correction2;  // 1 / (1 - beta^t)
};

struct KernelTable {
  const char* isa;
  TileFn tile[kScalarCount];  // by Scalar code
  void (*load_u8)(float* out, const uint8_t* in, int64_t n);
  void (*load_i32)(float* out, const int32_t* in, int64_t n);
  void (*load_i64)(float* out, const int64_t* in, int64_t n);
  void (*store_u8)(uint8_t* out, const float* in, int64_t n);
  void (*affine_u8)(float* out, const uint8_t* in, float scale, float shift, int64_t n);
  float (*sum)(const float* x, int64_t n);
  float (*max)(const float* x, int64_t n);
  // acc[j] += sum over rows of x[row * width + j]
  void (*add_rows)(float* acc, const float* x, int64_t rows, int64_t width);
  void (*max_rows)(float* acc, const float* x, int64_t rows, int64_t width);
  void (*softmax)(float* out, const float* x, int64_t width, int logarithm);
  // Returns log(sum(exp(x))).
  float (*log_sum_exp)(const float* x, int64_t width);
  void (*exp_shifted)(float* out, const float* x, float shift, float scale, int64_t n);
  void (*dropout)(float* out, const float* x, int64_t begin, int64_t n, const uint32_t* key,
                  const uint32_t* step, uint32_t threshold, float scale);
  void (*sgd)(float* w, const float* g, float rate, float l2, int64_t n);
  void (*momentum)(float* w, float* v, const float* g, float rate, float momentum, float l2,
                   int nesterov, int64_t n);
  void (*adam)(float* w, float* m, float* v, const float* g, const AdamRates* rates, int64_t n);
  // Each row by itself; keeps its mean and 1 / deviation.
  void (*layer_norm)(float* out, float* mean, float* inverse, const float* x, const float* scale,
                     const float* shift, float epsilon, int64_t rows, int64_t width);
  // Adds to dscale and dshift.
  void (*layer_norm_grad)(float* dx, float* dscale, float* dshift, const float* dy, const float* x,
                          const float* scale, const float* mean, const float* inverse, int64_t rows,
                          int64_t width);
  // By column of [rows, width]: acc += (x - mean)^2; sums += dy and dots += dy (x - mean);
  // out = x factor + shift; out = dy a + x b + c.
  void (*add_squares)(float* acc, const float* x, const float* mean, int64_t rows, int64_t width);
  void (*add_products)(float* sums, float* dots, const float* dy, const float* x, const float* mean,
                       int64_t rows, int64_t width);
  void (*affine_rows)(float* out, const float* x, const float* factor, const float* shift,
                      int64_t rows, int64_t width);
  void (*blend_rows)(float* out, const float* dy, const float* x, const float* a, const float* b,
                     const float* c, int64_t rows, int64_t width);
};

// The table for the machine that this runs on.
const KernelTable& kernels();

}  // namespace vanda::cpu
