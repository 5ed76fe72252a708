// Products that are too small for a library call to pay: a few rows by a matrix (inference at batch
// one), and matrices of some dozens of elements. Each element is one sum in the order of the inner
// dim, or of eight sums of every eighth term where rows are multiplied by rows.

#if defined(__AVX512F__)
constexpr int kSmallLanes = 16;
#elif defined(__AVX2__)
constexpr int kSmallLanes = 8;
#else
constexpr int kSmallLanes = 4;
#endif
typedef float SmallLanes __attribute__((vector_size(kSmallLanes * 4), aligned(4), may_alias));

// kRows rows by kWide vectors of columns, the sums in registers.
template <int kRows, int kWide>
static inline void small_block(const SmallProduct& p, int64_t i, int64_t j) {
  SmallLanes sums[kRows][kWide];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kWide; ++v) {
      sums[r][v] = p.bias == nullptr ? SmallLanes{}
                                     : *reinterpret_cast<const SmallLanes*>(
                                           p.bias + j + v * kSmallLanes);
    }
  }
  const float* a = p.a + i * p.a_row;
  const float* b = p.b + j;
  for (int64_t k = 0; k < p.inner; ++k) {
    SmallLanes right[kWide];
#pragma GCC unroll 16
    for (int v = 0; v < kWide; ++v) {
      right[v] = *reinterpret_cast<const SmallLanes*>(b + v * kSmallLanes);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      float value = a[r * p.a_row];
#pragma GCC unroll 16
      for (int v = 0; v < kWide; ++v) sums[r][v] += value * right[v];
    }
    a += p.a_inner;
    b += p.b_inner;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kWide; ++v) {
      float* out = p.c + (i + r) * p.columns + j + v * kSmallLanes;
      *reinterpret_cast<SmallLanes*>(out) = sums[r][v];
    }
  }
}

static void small_scalar(const SmallProduct& p, int64_t i, int64_t from) {
  const float* a = p.a + i * p.a_row;
  for (int64_t j = from; j < p.columns; ++j) {
    float total = p.bias == nullptr ? 0.0f : p.bias[j];
    const float* b = p.b + j * p.b_column;
    for (int64_t k = 0; k < p.inner; ++k) total += a[k * p.a_inner] * b[k * p.b_inner];
    p.c[i * p.columns + j] = total;
  }
}

static void small_dots(const SmallProduct& p, int64_t i) {
  const float* a = p.a + i * p.a_row;
  for (int64_t j = 0; j < p.columns; ++j) {
    const float* b = p.b + j * p.b_column;
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t k = 0; k < p.inner; ++k) total += a[k] * b[k];
    p.c[i * p.columns + j] = total + (p.bias == nullptr ? 0.0f : p.bias[j]);
  }
}

template <int kRows>
static inline void small_rows(const SmallProduct& p, int64_t i) {
  int64_t j = 0;
  constexpr int kMost = kRows == 1 ? 8 : kRows == 2 ? 4 : 2;
  for (; j + kMost * kSmallLanes <= p.columns; j += kMost * kSmallLanes)
    small_block<kRows, kMost>(p, i, j);
  for (; j + kSmallLanes <= p.columns; j += kSmallLanes) small_block<kRows, 1>(p, i, j);
  for (int r = 0; r < kRows; ++r) small_scalar(p, i + r, j);
}

void small_product(const SmallProduct* product) {
  const SmallProduct& p = *product;
  int64_t i = 0;
  if (p.b_column == 1 && p.columns >= kSmallLanes) {
    for (; i + 4 <= p.rows; i += 4) small_rows<4>(p, i);
    for (; i + 2 <= p.rows; i += 2) small_rows<2>(p, i);
    for (; i < p.rows; ++i) small_rows<1>(p, i);
  } else if (p.a_inner == 1 && p.b_inner == 1) {
    for (; i < p.rows; ++i) small_dots(p, i);
  } else {
    for (; i < p.rows; ++i) small_scalar(p, i, 0);
  }
  if (p.relu == 0) return;
  for (int64_t k = 0; k < p.rows * p.columns; ++k) p.c[k] = p.c[k] < 0.0f ? 0.0f : p.c[k];
}
