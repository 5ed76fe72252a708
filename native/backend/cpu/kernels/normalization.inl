// Normalisation over rows of row-major memory. Means and deviations are taken in two passes over
// what lies in the cache, since a difference of large sums would lose the small deviations.

static inline float sum_squares(const float* x, float mean, int64_t n) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += (x[i] - mean) * (x[i] - mean);
  return total;
}

void layer_norm(float* __restrict out, float* __restrict mean, float* __restrict inverse,
                const float* x, const float* scale, const float* shift, float epsilon, int64_t rows,
                int64_t width) {
  float part = 1.0f / static_cast<float>(width);
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * width;
    float* to = out + r * width;
    float centre = sum(from, width) * part;
    float rate = 1.0f / __builtin_sqrtf(sum_squares(from, centre, width) * part + epsilon);
    for (int64_t j = 0; j < width; ++j) to[j] = (from[j] - centre) * rate * scale[j] + shift[j];
    mean[r] = centre;
    inverse[r] = rate;
  }
}

// Adds to dscale and dshift, writes dx.
void layer_norm_grad(float* __restrict dx, float* __restrict dscale, float* __restrict dshift,
                     const float* dy, const float* x, const float* scale, const float* mean,
                     const float* inverse, int64_t rows, int64_t width) {
  float part = 1.0f / static_cast<float>(width);
  for (int64_t r = 0; r < rows; ++r) {
    const float* g = dy + r * width;
    const float* from = x + r * width;
    float* to = dx + r * width;
    float centre = mean[r], rate = inverse[r];
    float total = 0, dot = 0;
#pragma omp simd reduction(+ : total, dot)
    for (int64_t j = 0; j < width; ++j) {
      float normal = (from[j] - centre) * rate;
      float scaled = g[j] * scale[j];
      total += scaled;
      dot += scaled * normal;
      dscale[j] += g[j] * normal;
      dshift[j] += g[j];
    }
    total *= part;
    dot *= part;
    for (int64_t j = 0; j < width; ++j) {
      float normal = (from[j] - centre) * rate;
      to[j] = rate * (g[j] * scale[j] - total - normal * dot);
    }
  }
}

// acc[j] += squared distances of column j to its mean.
void add_squares(float* __restrict acc, const float* x, const float* mean, int64_t rows,
                 int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * width;
    for (int64_t j = 0; j < width; ++j) acc[j] += (from[j] - mean[j]) * (from[j] - mean[j]);
  }
}

// sums[j] += dy, dots[j] += dy * (x - mean[j]), of each column.
void add_products(float* __restrict sums, float* __restrict dots, const float* dy, const float* x,
                  const float* mean, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* g = dy + r * width;
    const float* from = x + r * width;
    for (int64_t j = 0; j < width; ++j) {
      sums[j] += g[j];
      dots[j] += g[j] * (from[j] - mean[j]);
    }
  }
}

// out = x * factor + shift, by column.
void affine_rows(float* out, const float* x, const float* factor, const float* shift, int64_t rows,
                 int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * width;
    float* to = out + r * width;
    _Pragma("GCC ivdep") for (int64_t j = 0; j < width; ++j) to[j] = from[j] * factor[j] + shift[j];
  }
}

// dx = dy * a + x * b + c, by column.
void blend_rows(float* out, const float* dy, const float* x, const float* a, const float* b,
                const float* c, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* g = dy + r * width;
    const float* from = x + r * width;
    float* to = out + r * width;
    _Pragma("GCC ivdep") for (int64_t j = 0; j < width; ++j) to[j] =
        g[j] * a[j] + from[j] * b[j] + c[j];
  }
}
