#pragma once

#include <cstdint>

namespace vanda::cpu {

// Reductions of f32 beyond the sums and maxima of the main table. Rows lie `stride` floats apart,
// and the first `width` of each count.
struct ReductionKernels {
  float (*min)(const float* x, int64_t n);
  float (*product)(const float* x, int64_t n);
  // acc[j] = acc[j] op x[row * stride + j]
  using RowsFn = void (*)(float* acc, const float* x, int64_t rows, int64_t stride, int64_t width);
  RowsFn sum_rows, product_rows, max_rows, min_rows;
  // The logarithm of the sum of exponentials of each column; width is at most kColumnsMax.
  RowsFn log_sum_exp_columns;
  void (*softmax_columns)(float* out, const float* x, int64_t rows, int64_t stride, int64_t width,
                          int logarithm);
  // Running sums down columns, added up in double precision; width is at most kColumnsMax.
  void (*scan)(float* out, const float* x, int64_t rows, int64_t stride, int64_t width,
               int exclusive, int reverse);
  // The same along rows of n that lie one after the other.
  void (*scan_rows)(float* out, const float* x, int64_t rows, int64_t n, int exclusive,
                    int reverse);
  // The first place from `begin` on whose element is above the bound or NaN; n where there is none.
  int64_t (*next_above)(const float* x, int64_t begin, int64_t n, float bound);
  // Where the greatest (or smallest) element is, the first of equals; a NaN wins over all.
  int64_t (*arg_extreme)(const float* x, int64_t n, int minimum);
  void (*arg_extreme_columns)(int32_t* out, const float* x, int64_t rows, int64_t stride,
                              int64_t width, int minimum);
};

constexpr int64_t kColumnsMax = 256;

}  // namespace vanda::cpu
