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

// By column of [rows, width]. Blocked layouts have eight or sixteen columns to a plane; row-major
// memory as many as channels, of which eight are taken at a time.
template <int L>
static void moments_lanes(float* mean, float* rest, float* squares, const float* x, int64_t rows,
                          int64_t width) {
  using F = typename Lanes<L>::Float;
  F total = {};
  for (int64_t r = 0; r < rows; ++r) {
    F value;
    LOAD(value, x + r * width);
    total += value;
  }
  F centre = total * (1.0f / static_cast<float>(rows));
  F square = {}, left = {};
  for (int64_t r = 0; r < rows; ++r) {
    F value;
    LOAD(value, x + r * width);
    value -= centre;
    left += value;
    square += value * value;
  }
  STORE(mean, centre);
  STORE(rest, left);
  STORE(squares, square);
}

template <int L, bool kRelu>
static void apply_lanes(float* out, const float* x, const float* residual, const float* factor,
                        const float* shift, int64_t rows, int64_t width) {
  using F = typename Lanes<L>::Float;
  F slope, rest;
  LOAD(slope, factor);
  LOAD(rest, shift);
  for (int64_t r = 0; r < rows; ++r) {
    F value;
    LOAD(value, x + r * width);
    value = value * slope + rest;
    if (residual != nullptr) {
      F more;
      LOAD(more, residual + r * width);
      value += more;
    }
    // Written so that a NaN stays one.
    if (kRelu) value = value < F{} ? F{} : value;
    STORE(out + r * width, value);
  }
}

// Where a relu followed, the gradient counts only where it was open: that is computed again, by the
// same steps as in apply_lanes, rather than read.
template <int L, bool kRelu>
static inline void load_gradient(typename Lanes<L>::Float& gradient, const float* dy,
                                 const typename Lanes<L>::Float& value,
                                 const typename Lanes<L>::Float& slope,
                                 const typename Lanes<L>::Float& rest) {
  using F = typename Lanes<L>::Float;
  LOAD(gradient, dy);
  if (kRelu) gradient = value * slope + rest > F{} ? gradient : F{};
}

template <int L, bool kRelu>
static void sums_lanes(float* sums, float* dots, const float* dy, const float* x, const float* mean,
                       const float* factor, const float* shift, int64_t rows, int64_t width) {
  using F = typename Lanes<L>::Float;
  F slope = {}, rest = {}, centre;
  if (kRelu) LOAD(slope, factor);
  if (kRelu) LOAD(rest, shift);
  LOAD(centre, mean);
  F sum = {}, dot = {};
  for (int64_t r = 0; r < rows; ++r) {
    F value, gradient;
    LOAD(value, x + r * width);
    load_gradient<L, kRelu>(gradient, dy + r * width, value, slope, rest);
    sum += gradient;
    dot += gradient * (value - centre);
  }
  STORE(sums, sum);
  STORE(dots, dot);
}

template <int L, bool kRelu>
static void blend_lanes(float* dx, const float* dy, const float* x, const NormBlend& blend,
                        int64_t lane, int64_t rows, int64_t width) {
  using F = typename Lanes<L>::Float;
  F slope = {}, rest = {}, a, b, c;
  if (kRelu) LOAD(slope, blend.factor + lane);
  if (kRelu) LOAD(rest, blend.shift + lane);
  LOAD(a, blend.a + lane);
  LOAD(b, blend.b + lane);
  LOAD(c, blend.c + lane);
  for (int64_t r = 0; r < rows; ++r) {
    F value, gradient;
    LOAD(value, x + r * width);
    load_gradient<L, kRelu>(gradient, dy + r * width, value, slope, rest);
    gradient = gradient * a + value * b + c;
    STORE(dx + r * width, gradient);
  }
}

#define EACH_COLUMN(width, call)                 \
  if ((width) == 16) {                           \
    int64_t lane = 0;                            \
    call(16);                                    \
    return;                                      \
  }                                              \
  EACH_LANES(width, call)

void norm_moments(float* mean, float* rest, float* squares, const float* x, int64_t rows,
                  int64_t width) {
#define CALL(L) \
  moments_lanes<L>(mean + lane, rest + lane, squares + lane, x + lane, rows, width)
  EACH_COLUMN(width, CALL)
#undef CALL
}
void norm_apply(float* out, const float* x, const float* residual, const float* factor,
                const float* shift, int relu, int64_t rows, int64_t width) {
#define CALL(L)                                                                               \
  (relu != 0 ? apply_lanes<L, true> : apply_lanes<L, false>)(                                 \
      out + lane, x + lane, residual == nullptr ? nullptr : residual + lane, factor + lane, \
      shift + lane, rows, width)
  EACH_COLUMN(width, CALL)
#undef CALL
}
void norm_sums(float* sums, float* dots, const float* dy, const float* x, const float* mean,
               const float* factor, const float* shift, int64_t rows, int64_t width) {
#define CALL(L)                                                                              \
  if (factor != nullptr)                                                                     \
    sums_lanes<L, true>(sums + lane, dots + lane, dy + lane, x + lane, mean + lane,          \
                        factor + lane, shift + lane, rows, width);                           \
  else                                                                                       \
    sums_lanes<L, false>(sums + lane, dots + lane, dy + lane, x + lane, mean + lane, nullptr, \
                         nullptr, rows, width)
  EACH_COLUMN(width, CALL)
#undef CALL
}
void norm_blend(float* dx, const float* dy, const float* x, const NormBlend* blend, int64_t rows,
                int64_t width) {
#define CALL(L)                                                                     \
  (blend->factor != nullptr ? blend_lanes<L, true> : blend_lanes<L, false>)(        \
      dx + lane, dy + lane, x + lane, *blend, lane, rows, width)
  EACH_COLUMN(width, CALL)
#undef CALL
}
