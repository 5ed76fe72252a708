// Functions of whole registers, for the loops where the compiler's own vector code of branch-free
// scalar functions is not good enough: it turns chains of selects into branches first, and then
// computes every one of them.

typedef int32_t TileInts __attribute__((vector_size(kTileLanes * 4)));

static inline TileLanes all_lanes(float value) { return TileLanes{} + value; }

// Fewer than a register's worth are padded with zeros.
static inline TileLanes load_some(const float* from, int64_t count) {
  if (count == kTileLanes) return load_tile_lanes(from);
  float padded[kTileLanes] = {};
  __builtin_memcpy(padded, from, static_cast<uint64_t>(count) * sizeof(float));
  return load_tile_lanes(padded);
}
static inline void store_some(float* to, TileLanes value, int64_t count) {
  if (count == kTileLanes) return store_tile_lanes(to, value);
  float padded[kTileLanes];
  store_tile_lanes(padded, value);
  __builtin_memcpy(to, padded, static_cast<uint64_t>(count) * sizeof(float));
}

// body(first, count) for each register's worth of 0..n.
template <typename Body>
static inline void each_register(int64_t n, Body body) {
  int64_t j = 0;
  for (; j + kTileLanes <= n; j += kTileLanes) body(j, int64_t{kTileLanes});
  if (j < n) body(j, n - j);
}

// As exp_below_f.
static inline TileLanes exp_lanes(TileLanes x) {
  TileInts small = x < -87.0f;
  TileLanes clamped = small ? all_lanes(-87.0f) : x;
  // Adding 1.5 * 2^23 rounds to a whole number.
  TileLanes n = clamped * 1.44269504088896341f + 12582912.0f;
  n = n - 12582912.0f;
  TileLanes r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  TileLanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  TileInts scale = (__builtin_convertvector(n, TileInts) + 127) << 23;
  return small ? TileLanes{} : p * reinterpret_cast<TileLanes>(scale);
}

// For the gates of recurrent layers: x P(x^2) / Q(x^2), fitted to tanh on [0, 9] by weighted least
// squares to a relative error of 7e-9, which float rounds to 4e-7. A third of the work of tanh_f.
static inline TileLanes tanh_lanes(TileLanes x) {
  TileLanes clamped = x > 9.0f ? all_lanes(9.0f) : x;
  clamped = clamped < -9.0f ? all_lanes(-9.0f) : clamped;
  TileLanes z = clamped * clamped;
  // In pairs, not term by term: the chain of dependent operations is what a gate waits for.
  TileLanes z2 = z * z;
  TileLanes low = (z * 0.13084009289741516f + 1.0f) +
                  z2 * (z * 1.1154302228533197e-5f + 3.1039556488394737e-3f);
  TileLanes high = (z * 5.277934686520602e-11f - 2.0225199293122387e-8f) +
                   z2 * -8.488674173301458e-14f;
  TileLanes p = low + z2 * z2 * high;
  TileLanes q = (z * 0.4641733765602112f + 1.0f) +
                z2 * (z * 2.5461442419327796e-4f + 0.02449517697095871f);
  TileLanes y = clamped * p / q;
  y = y > 1.0f ? all_lanes(1.0f) : y;
  return y < -1.0f ? all_lanes(-1.0f) : y;
}
static inline TileLanes sigmoid_lanes(TileLanes x) { return tanh_lanes(x * 0.5f) * 0.5f + 0.5f; }

// gelu and its slope to an absolute error of 2e-7 of x: erf by its series near zero and by Abramowitz
// and Stegun's 7.1.26 beyond. gelu_pair_f keeps more digits far below zero, at twice the price.
static inline TileLanes gelu_lanes(TileLanes x, TileLanes* slope) {
  TileLanes inside = x > 40.0f ? all_lanes(40.0f) : x;
  TileInts far = x < -40.0f;
  inside = far ? all_lanes(-40.0f) : inside;
  TileLanes z = inside * 0.70710678118f;
  TileLanes square = z * z;
  TileLanes magnitude = z < 0.0f ? -z : z;
  TileLanes decay = exp_lanes(-square);
  TileLanes t = 1.0f / (magnitude * 0.3275911f + 1.0f);
  TileLanes p = t * 1.061405429f - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  TileLanes large = 1.0f - p * t * decay;
  large = z < 0.0f ? -large : large;
  TileLanes q = square * -7.57575758e-4f + 4.62962963e-3f;
  q = q * square - 2.38095238e-2f;
  q = q * square + 1.0e-1f;
  q = q * square - 3.33333333e-1f;
  TileLanes small = (z * square * q + z) * 1.12837917f;
  TileLanes cumulative = (magnitude < 0.5f ? small : large) * 0.5f + 0.5f;
  *slope = inside * decay * 0.39894228f + cumulative;
  return (far ? inside : x) * cumulative;
}
