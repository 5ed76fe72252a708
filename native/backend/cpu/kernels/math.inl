// Branch-free float functions that the compiler turns into vector code. Accuracy: a few units in
// the last place over the whole range, which the kernel tests hold them to.

static inline float as_float(int32_t bits) {
  float out;
  __builtin_memcpy(&out, &bits, 4);
  return out;
}
static inline int32_t as_bits(float value) {
  int32_t out;
  __builtin_memcpy(&out, &value, 4);
  return out;
}

// Cephes' expf: 2^n times a polynomial on [-ln2/2, ln2/2].
static inline float exp_f(float x) {
  float clamped = x > 88.72f ? 88.72f : x;
  clamped = clamped < -87.33f ? -87.33f : clamped;
  float n = __builtin_rintf(clamped * 1.44269504088896341f);
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // Two factors, since 2^128 alone is not a float.
  int32_t k = static_cast<int32_t>(n);
  int32_t half = k >> 1;
  float y = p * as_float((half + 127) << 23) * as_float((k - half + 127) << 23);
  y = x > 88.73f ? __builtin_inff() : y;
  y = x < -87.34f ? 0.0f : y;
  return x != x ? x : y;
}

// Cephes' logf on the mantissa in [sqrt(1/2), sqrt(2)).
static inline float log_f(float x) {
  float scaled = x < 1.17549435e-38f ? x * 8388608.0f : x;
  float bias = x < 1.17549435e-38f ? -23.0f : 0.0f;
  int32_t bits = as_bits(scaled);
  float e = static_cast<float>((bits >> 23) - 126) + bias;
  float m = as_float((bits & 0x007fffff) | 0x3f000000);
  float low = m < 0.707106781186547524f ? 1.0f : 0.0f;
  e = e - low;
  m = m + low * m - 1.0f;
  float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * z;
  p = p + e * -2.12194440e-4f - 0.5f * z;
  float y = m + p + e * 0.693359375f;
  y = x == 0.0f ? -__builtin_inff() : y;
  y = x < 0.0f ? __builtin_nanf("") : y;
  y = x > 3.4028235e38f ? x : y;
  return x != x ? x : y;
}

static inline float log1p_f(float t) {
  float u = 1.0f + t;
  float d = u - 1.0f;
  float correction = d == 0.0f ? 1.0f : t / d;
  float y = log_f(u) * correction;
  return d == 0.0f ? t : y;
}

static inline float expm1_f(float x) {
  float p = x * (1.0f / 120.0f) + (1.0f / 24.0f);
  p = p * x + (1.0f / 6.0f);
  p = p * x + 0.5f;
  float small = p * x * x + x;
  float large = exp_f(x) - 1.0f;
  return x < 0.15f && x > -0.15f ? small : large;
}

static inline float tanh_f(float x) {
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float small = p * z * x + x;
  float magnitude = x < 0.0f ? -x : x;
  float large = 1.0f - 2.0f / (exp_f(magnitude + magnitude) + 1.0f);
  large = x < 0.0f ? -large : large;
  return magnitude < 0.625f ? small : large;
}

static inline float sigmoid_f(float x) { return 1.0f / (1.0f + exp_f(-x)); }

static inline float softplus_f(float x) {
  float magnitude = x < 0.0f ? -x : x;
  float top = x < 0.0f ? 0.0f : x;
  return top + log1p_f(exp_f(-magnitude));
}

// The Taylor series near zero, Abramowitz and Stegun 7.1.26 beyond.
static inline float erf_f(float x) {
  float magnitude = x < 0.0f ? -x : x;
  float t = 1.0f / (1.0f + 0.3275911f * magnitude);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float large = 1.0f - p * t * exp_f(-magnitude * magnitude);
  large = x < 0.0f ? -large : large;
  float z = x * x;
  float q = -7.57575758e-4f;
  q = q * z + 4.62962963e-3f;
  q = q * z - 2.38095238e-2f;
  q = q * z + 1.0e-1f;
  q = q * z - 3.33333333e-1f;
  float small = 1.12837917f * (x + x * z * q);
  return magnitude < 0.5f ? small : large;
}

// gelu and its slope, which share the error function and its exponential: erf as in erf_f.
struct GeluPair {
  float value, slope;
};
static inline GeluPair gelu_pair_f(float x) {
  float z = x * 0.70710678118f;
  float magnitude = z < 0.0f ? -z : z;
  float decay = exp_f(-z * z);
  float t = 1.0f / (1.0f + 0.3275911f * magnitude);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float large = 1.0f - p * t * decay;
  large = z < 0.0f ? -large : large;
  float square = z * z;
  float q = -7.57575758e-4f;
  q = q * square + 4.62962963e-3f;
  q = q * square - 2.38095238e-2f;
  q = q * square + 1.0e-1f;
  q = q * square - 3.33333333e-1f;
  float small = 1.12837917f * (z + z * square * q);
  float cumulative = 0.5f * (1.0f + (magnitude < 0.5f ? small : large));
  return {x * cumulative, cumulative + x * 0.39894228f * decay};
}
