// Reductions, running sums and softmax over any axis. A NaN always wins, so that it is seen.

float least(const float* x, int64_t n) {
  float low = x[0];
  int32_t nan = 0;
#pragma omp simd reduction(min : low) reduction(| : nan)
  for (int64_t i = 0; i < n; ++i) {
    low = low < x[i] ? low : x[i];
    nan |= x[i] != x[i] ? 1 : 0;
  }
  return nan != 0 ? __builtin_nanf("") : low;
}
// In double: many factors near 1 would lose digits, since each product is rounded the same way.
float product_of(const float* x, int64_t n) {
  double total = 1;
#pragma omp simd reduction(* : total)
  for (int64_t i = 0; i < n; ++i) total *= static_cast<double>(x[i]);
  return static_cast<float>(total);
}

void sum_strided(float* __restrict acc, const float* x, int64_t rows, int64_t stride,
                 int64_t width) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* x0 = x + r * stride;
    const float* x1 = x0 + stride;
    const float* x2 = x1 + stride;
    const float* x3 = x2 + stride;
    for (int64_t j = 0; j < width; ++j) acc[j] += (x0[j] + x1[j]) + (x2[j] + x3[j]);
  }
  for (; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) acc[j] += x[r * stride + j];
  }
}
void product_strided(float* __restrict acc, const float* x, int64_t rows, int64_t stride,
                     int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) acc[j] *= x[r * stride + j];
  }
}
void max_strided(float* __restrict acc, const float* x, int64_t rows, int64_t stride,
                 int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) {
      float value = x[r * stride + j];
      acc[j] = acc[j] > value || acc[j] != acc[j] ? acc[j] : value;
    }
  }
}
void min_strided(float* __restrict acc, const float* x, int64_t rows, int64_t stride,
                 int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) {
      float value = x[r * stride + j];
      acc[j] = acc[j] < value || acc[j] != acc[j] ? acc[j] : value;
    }
  }
}

// The greatest of each column, with 0 for infinities: what is subtracted before exponentials.
void column_shifts(float* __restrict top, const float* x, int64_t rows, int64_t stride,
                   int64_t width) {
  for (int64_t j = 0; j < width; ++j) top[j] = x[j];
  max_strided(top, x, rows, stride, width);
  for (int64_t j = 0; j < width; ++j) {
    top[j] = top[j] - top[j] == 0.0f || top[j] != top[j] ? top[j] : 0.0f;
  }
}
void log_sum_exp_columns(float* out, const float* x, int64_t rows, int64_t stride, int64_t width) {
  float top[kColumnsMax];
  float total[kColumnsMax];
  column_shifts(top, x, rows, stride, width);
  for (int64_t j = 0; j < width; ++j) total[j] = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) total[j] += exp_f(x[r * stride + j] - top[j]);
  }
  for (int64_t j = 0; j < width; ++j) out[j] = top[j] + log_f(total[j]);
}
void softmax_columns(float* __restrict out, const float* x, int64_t rows, int64_t stride,
                     int64_t width, int logarithm) {
  float top[kColumnsMax];
  float total[kColumnsMax];
  if (logarithm != 0) {
    log_sum_exp_columns(top, x, rows, stride, width);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < width; ++j) out[r * stride + j] = x[r * stride + j] - top[j];
    }
    return;
  }
  for (int64_t j = 0; j < width; ++j) top[j] = x[j];
  max_strided(top, x, rows, stride, width);
  for (int64_t j = 0; j < width; ++j) total[j] = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) {
      float value = exp_f(x[r * stride + j] - top[j]);
      out[r * stride + j] = value;
      total[j] += value;
    }
  }
  for (int64_t j = 0; j < width; ++j) total[j] = 1.0f / total[j];
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < width; ++j) out[r * stride + j] *= total[j];
  }
}

void running_sums(float* out, const float* x, int64_t rows, int64_t stride, int64_t width, int exclusive,
          int reverse) {
  double total[kColumnsMax];
  for (int64_t j = 0; j < width; ++j) total[j] = 0;
  for (int64_t k = 0; k < rows; ++k) {
    int64_t r = reverse != 0 ? rows - 1 - k : k;
    const float* from = x + r * stride;
    float* to = out + r * stride;
    if (exclusive != 0) {
      _Pragma("GCC ivdep") for (int64_t j = 0; j < width; ++j) {
        double before = total[j];
        total[j] = before + static_cast<double>(from[j]);
        to[j] = static_cast<float>(before);
      }
    } else {
      _Pragma("GCC ivdep") for (int64_t j = 0; j < width; ++j) {
        total[j] += static_cast<double>(from[j]);
        to[j] = static_cast<float>(total[j]);
      }
    }
  }
}

// Rows side by side, since each addition waits for the one before it in its row.
template <int kRows>
void running_rows(float* out, const float* x, int64_t n, int exclusive, int reverse) {
  double total[kRows] = {};
  for (int64_t k = 0; k < n; ++k) {
    int64_t at = reverse != 0 ? n - 1 - k : k;
    for (int r = 0; r < kRows; ++r) {
      double next = total[r] + static_cast<double>(x[r * n + at]);
      out[r * n + at] = static_cast<float>(exclusive != 0 ? total[r] : next);
      total[r] = next;
    }
  }
}
void scan_rows(float* out, const float* x, int64_t rows, int64_t n, int exclusive, int reverse) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) running_rows<4>(out + r * n, x + r * n, n, exclusive, reverse);
  for (; r < rows; ++r) running_rows<1>(out + r * n, x + r * n, n, exclusive, reverse);
}

int64_t next_above(const float* x, int64_t begin, int64_t n, float bound) {
  constexpr int64_t kStride = 32;
  int64_t i = begin;
  for (; i + kStride <= n; i += kStride) {
    int32_t found = 0;
    for (int64_t k = 0; k < kStride; ++k) found |= x[i + k] <= bound ? 0 : 1;
    if (found != 0) break;
  }
  for (; i < n; ++i) {
    if (!(x[i] <= bound)) return i;
  }
  return n;
}

int64_t arg_extreme(const float* x, int64_t n, int minimum) {
  float best = minimum != 0 ? least(x, n) : max(x, n);
  constexpr int64_t kStride = 64;
  for (int64_t first = 0; first < n; first += kStride) {
    int64_t end = first + kStride < n ? first + kStride : n;
    int32_t found = 0;
#pragma omp simd reduction(| : found)
    for (int64_t i = first; i < end; ++i) found |= x[i] == best || x[i] != x[i] ? 1 : 0;
    if (found == 0) continue;
    for (int64_t i = first; i < end; ++i) {
      if (best != best ? x[i] != x[i] : x[i] == best) return i;
    }
  }
  return 0;
}
void arg_extreme_columns(int32_t* out, const float* x, int64_t rows, int64_t stride, int64_t width,
                         int minimum) {
  float best[kColumnsMax];
  int32_t place[kColumnsMax];
  float sign = minimum != 0 ? -1.0f : 1.0f;
  for (int64_t j = 0; j < width; ++j) best[j] = x[j] * sign;
  for (int64_t j = 0; j < width; ++j) place[j] = 0;
  for (int64_t r = 1; r < rows; ++r) {
    int32_t row = static_cast<int32_t>(r);
    for (int64_t j = 0; j < width; ++j) {
      float value = x[r * stride + j] * sign;
      int32_t better = value > best[j] || (value != value && best[j] == best[j]) ? 1 : 0;
      best[j] = better != 0 ? value : best[j];
      place[j] = better != 0 ? row : place[j];
    }
  }
  for (int64_t j = 0; j < width; ++j) out[j] = place[j];
}

constexpr ReductionKernels kReductionKernels = {
    .min = least,
    .product = product_of,
    .sum_rows = sum_strided,
    .product_rows = product_strided,
    .max_rows = max_strided,
    .min_rows = min_strided,
    .log_sum_exp_columns = log_sum_exp_columns,
    .softmax_columns = softmax_columns,
    .scan = running_sums,
    .scan_rows = scan_rows,
    .next_above = next_above,
    .arg_extreme = arg_extreme,
    .arg_extreme_columns = arg_extreme_columns,
};
