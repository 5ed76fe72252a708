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

// Half of the last bit that is kept is added, and a little less where that bit is 0: halves go to the
// even one. What rounds past the largest number carries into the exponent of infinity.
static inline float round_bf16_f(float x) {
  uint32_t bits = static_cast<uint32_t>(as_bits(x));
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  return x != x ? x : as_float(static_cast<int32_t>(rounded));
}

// 2^k * p without leaving the range on the way: two factors, since 2^128 and 2^-149 alone are none.
static inline float scale_f(float p, int32_t k) {
  int32_t half = k >> 1;
  return p * as_float((half + 127) << 23) * as_float((k - half + 127) << 23);
}

// Cephes' expf: 2^n times a polynomial on [-ln2/2, ln2/2]; denormal results included.
static inline float exp_f(float x) {
  float clamped = x > 88.8f ? 88.8f : x;
  clamped = clamped < -104.0f ? -104.0f : clamped;
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
  // A NaN is one already: whatever its exponent turns into, the product stays one.
  return scale_f(p, static_cast<int32_t>(n));
}

// exp of what is not large: the same polynomial without the care for the upper end of the range.
// NaN stays NaN, and what would not be a normal number becomes 0.
static inline float exp_below_f(float x) {
  float clamped = x < -87.0f ? -87.0f : x;
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
  float y = p * as_float((static_cast<int32_t>(n) + 127) << 23);
  return x < -87.0f ? 0.0f : y;
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
  // log(u) belongs to u = 1 + d; t / d brings it to 1 + t.
  float correction = d == 0.0f || d > 3.4e38f ? 1.0f : t / d;
  float y = log_f(u) * correction;
  return d == 0.0f ? t : y;
}

// With x = n ln2 + r: 2^n * expm1(r) + (2^n - 1), exact near 0, where n is 0.
static inline float expm1_f(float x) {
  float clamped = x > 88.8f ? 88.8f : x;
  clamped = clamped < -20.0f ? -20.0f : clamped;
  float n = __builtin_rintf(clamped * 1.44269504088896341f);
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.99173356e-4f;
  p = p * r + 1.394215015e-3f;
  p = p * r + 8.333266017e-3f;
  p = p * r + 4.166634025e-2f;
  p = p * r + 1.666666687e-1f;
  p = p * r + 5.0e-1f;
  p = p * r * r + r;
  // One factor of two is kept back: 2^128 is no float, but half of it is.
  int32_t k = static_cast<int32_t>(n - 1.0f);
  float scale = as_float((k + 127) << 23);
  float y = 2.0f * (scale * p + (scale - 0.5f));
  y = x == 0.0f ? x : y;
  return x != x ? x : y;
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

// The exponential of -|x| alone, so that neither end overflows.
static inline float sigmoid_f(float x) {
  float e = exp_f(x < 0.0f ? x : -x);
  float inverse = 1.0f / (1.0f + e);
  return x < 0.0f ? e * inverse : inverse;
}

static inline float softplus_f(float x) {
  float magnitude = x < 0.0f ? -x : x;
  float top = x < 0.0f ? 0.0f : x;
  return top + log1p_f(exp_f(-magnitude));
}

// erfc(t) for t of at least 0 is exp(-t^2) times this polynomial in 1 / (1 + 0.4 t), of the form of
// Abramowitz and Stegun 7.1.26 but fitted to a relative error of 3e-8 up to t = 10.
static inline float erfc_polynomial(float t) {
  float u = 1.0f / (1.0f + 0.4f * t);
  float p = 2.9024897e-2f;
  p = p * u - 7.6503022e-2f;
  p = p * u - 5.9645038e-2f;
  p = p * u + 2.70515800e-1f;
  p = p * u - 6.4283238e-2f;
  p = p * u + 2.66394849e-1f;
  p = p * u + 1.78171675e-1f;
  p = p * u + 2.31197610e-1f;
  p = p * u + 2.25101017e-1f;
  return p * u + 2.5482650e-5f;
}
static inline float erfc_positive_f(float t) { return erfc_polynomial(t) * exp_f(-t * t); }

// erf(x) = x P(x^2) for |x| below 0.92.
static inline float erf_small_f(float x) {
  float z = x * x;
  float p = 8.4099128e-5f;
  p = p * z - 8.15262598e-4f;
  p = p * z + 5.20196004e-3f;
  p = p * z - 2.68597985e-2f;
  p = p * z + 1.128370331e-1f;
  p = p * z - 3.761263430e-1f;
  p = p * z + 1.283791667e-1f;
  return p * x + x;
}

static inline float erf_f(float x) {
  float magnitude = x < 0.0f ? -x : x;
  float large = 1.0f - erfc_positive_f(magnitude);
  large = x < 0.0f ? -large : large;
  return magnitude < 0.92f ? erf_small_f(x) : large;
}

// gelu and its slope, which share the exponential: x times the normal distribution's cumulative
// function, and that plus x times the density. The tail below 0 keeps its digits.
struct GeluPair {
  float value, slope;
};
static inline GeluPair gelu_pair_f(float x) {
  // Below -40 both are 0, where a product with infinity would be no number.
  float inside = x < -40.0f ? -40.0f : x;
  float z = inside * 0.70710678118f;
  float decay = exp_f(-z * z);
  float tail = 0.5f * erfc_polynomial(__builtin_fabsf(z)) * decay;
  float cumulative = z < 0.0f ? tail : 1.0f - tail;
  float bounded = inside > 40.0f ? 40.0f : inside;
  return {inside * cumulative, cumulative + bounded * 0.39894228f * decay};
}
static inline float gelu_f(float x) { return gelu_pair_f(x).value; }

static inline float gelu_tanh_f(float x) {
  float u = 0.7978845608f * (x + 0.044715f * x * x * x);
  // 1 + tanh(u) as 2 sigmoid(2u): no digits are lost below 0.
  float y = x * sigmoid_f(u + u);
  return x < -20.0f ? 0.0f : y;
}

static inline double as_double(uint64_t bits) {
  double out;
  __builtin_memcpy(&out, &bits, 8);
  return out;
}
static inline uint64_t as_bits64(double value) {
  uint64_t out;
  __builtin_memcpy(&out, &value, 8);
  return out;
}

// x = quadrant * pi/2 + r with |r| up to pi/4, for |x| below 2^20: pi/2 in two parts, the first of
// 33 bits, so that its product with the quadrant is exact (Cody and Waite).
static inline float reduce_angle(float x, int32_t* quadrant) {
  const double magic = 6755399441055744.0;
  double wide = static_cast<double>(x);
  double rounded = wide * 0.63661977236758134 + magic;
  double k = rounded - magic;
  *quadrant = static_cast<int32_t>(static_cast<uint32_t>(as_bits64(rounded)));
  return static_cast<float>((wide - k * 1.5707963267341256) - k * 6.0771005065061922e-11);
}

// The same for any finite x: x = m 2^e, and the bits of 2/pi from 2^(2 - e) on say where in the
// circle it is (Payne and Hanek). Rare, so it is not vector code.
static inline float reduce_large_angle(float x, int32_t* quadrant) {
  static const uint32_t kTwoOverPi[] = {0,          0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0,
                                        0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561};
  uint32_t bits = static_cast<uint32_t>(as_bits(x)) & 0x7fffffff;
  int32_t e = static_cast<int32_t>(bits >> 23) - 150;
  uint64_t m = (bits & 0x007fffff) | 0x00800000;
  uint32_t words[3];
  for (int32_t i = 0; i < 3; ++i) {
    uint32_t at = static_cast<uint32_t>(e - 2 + 32 + 32 * i);
    uint64_t pair = static_cast<uint64_t>(kTwoOverPi[at >> 5]) << 32 | kTwoOverPi[(at >> 5) + 1];
    words[i] = static_cast<uint32_t>(pair << (at & 31) >> 32);
  }
  uint64_t high = static_cast<uint64_t>(words[0]) << 32 | words[1];
  uint64_t turn = m * high + (m * words[2] >> 32);  // x * 2/pi modulo 4, in units of 2^-62
  uint64_t q = (turn + (1ull << 61)) >> 62;
  double rest = static_cast<double>(static_cast<int64_t>(turn - (q << 62)));
  float r = static_cast<float>(rest * 3.4061215800304026e-19);  // pi/2 * 2^-62
  *quadrant = x < 0.0f ? -static_cast<int32_t>(q) : static_cast<int32_t>(q);
  return x < 0.0f ? -r : r;
}

static inline float sin_near_zero(float r) {
  float z = r * r;
  float p = 2.7165872e-6f;
  p = p * z - 1.983911964e-4f;
  p = p * z + 8.333328508e-3f;
  p = p * z - 1.666666663e-1f;
  return p * z * r + r;
}
static inline float cos_near_zero(float r) {
  float z = r * r;
  float p = -2.7165811e-7f;
  p = p * z + 2.4798822e-5f;
  p = p * z - 1.388887980e-3f;
  p = p * z + 4.166666653e-2f;
  return p * z * z - 0.5f * z + 1.0f;
}
static inline float sin_of(float r, int32_t quadrant) {
  float y = (quadrant & 1) != 0 ? cos_near_zero(r) : sin_near_zero(r);
  return (quadrant & 2) != 0 ? -y : y;
}
static inline float tan_of(float r, int32_t quadrant) {
  float s = sin_near_zero(r);
  float c = cos_near_zero(r);
  return (quadrant & 1) != 0 ? -c / s : s / c;
}

// log2 of a positive float in double precision: with m in [sqrt(1/2), sqrt(2)) and
// s = (m - 1) / (m + 1), log2(m) = 2 atanh(s) / ln2.
static inline double log2_d(float x) {
  float scaled = x < 1.17549435e-38f ? x * 8388608.0f : x;
  int32_t bits = as_bits(scaled);
  int32_t e = (bits - 0x3f3504f3) >> 23;
  double m = static_cast<double>(as_float(bits - (e << 23)));
  double s = (m - 1.0) / (m + 1.0);
  double z = s * s;
  double p = 0.28291412725250875;
  p = p * z + 0.3199046549080316;
  p = p * z + 0.4122092804186312;
  p = p * z + 0.5770779420376101;
  p = p * z + 0.9617966941148474;
  p = p * z + 2.8853900817778495;
  double bias = x < 1.17549435e-38f ? -23.0 : 0.0;
  return p * s + (static_cast<double>(e) + bias);
}

// a or b by masks: a plain choice lets the compiler skip what it thinks is not needed, and with that
// branch it can no longer make vector code.
static inline float pick(bool first, float a, float b) {
  int32_t mask = first ? -1 : 0;
  return as_float((as_bits(a) & mask) | (as_bits(b) & ~mask));
}

// |x|^y as 2^(y log2 |x|) in double precision, then the signs and the special cases of C's pow.
// Conditions are numbers and not branches, so that the whole stays vector code.
static inline float pow_f(float x, float y) {
  const double magic = 6755399441055744.0;
  float base = __builtin_fabsf(x);
  float magnitude = __builtin_fabsf(y);
  float plain = base == 0.0f ? 1.0f : base;
  plain = plain > 3.4028235e38f ? 1.0f : plain;
  double t = static_cast<double>(y) * log2_d(plain);
  t = t > 200.0 ? 200.0 : t;
  t = t < -200.0 ? -200.0 : t;
  double n = (t + magic) - magic;
  double r = t - n;
  double p = 1.5316446761813746e-05;
  p = p * r + 0.0001546973162973586;
  p = p * r + 0.0013333422710051224;
  p = p * r + 0.009618025604200844;
  p = p * r + 0.055504109760310616;
  p = p * r + 0.24022651213583893;
  p = p * r + 0.6931471805350495;
  p = p * r + 0.9999999999595498;
  // In double the scaled result is exact; the conversion rounds it once, denormals included. The
  // low bits of n + magic are those of n as an integer.
  uint64_t exponent = (as_bits64(t + magic) + 1023) << 52;
  float result = static_cast<float>(p * as_double(exponent));
  // 0 and infinity to a power: one of them again.
  float edge = (base == 0.0f) == (y < 0.0f) ? __builtin_inff() : 0.0f;
  result = pick(base == 0.0f, edge, result);
  result = pick(base > 3.4028235e38f, edge, result);
  result = pick(base == 1.0f, 1.0f, result);
  float whole = magnitude < 16777216.0f ? magnitude : 16777216.0f;
  int32_t number = static_cast<int32_t>(whole);
  int32_t integral = static_cast<float>(number) == whole ? 1 : 0;
  // The sign of x, where the power is odd.
  int32_t sign = as_bits(x) & -(integral & number & 1) & static_cast<int32_t>(0x80000000);
  result = as_float(as_bits(result) | sign);
  int32_t below = (x < 0.0f ? 1 : 0) & (base <= 3.4028235e38f ? 1 : 0);
  result = pick((below & (integral ^ 1)) != 0, __builtin_nanf(""), result);
  result = pick(x != x, x, result);
  result = pick(y != y, y, result);
  result = pick(x == 1.0f, 1.0f, result);
  return pick(y == 0.0f, 1.0f, result);
}

// a - floor(a / b) * b: the remainder with the sign of b. In double the product is exact while the
// quotient is below 2^29; the caller sees to larger ones.
static inline float floor_mod_f(float a, float b) {
  double wide_a = static_cast<double>(a);
  double wide_b = static_cast<double>(b);
  double rest = wide_a - __builtin_floor(wide_a / wide_b) * wide_b;
  int32_t off = (rest < 0.0) != (wide_b < 0.0) && rest != 0.0 ? 1 : 0;
  rest = off != 0 ? rest + wide_b : rest;
  float y = static_cast<float>(rest);
  int32_t far = b > 3.4028235e38f || b < -3.4028235e38f ? 1 : 0;
  float beyond = a == 0.0f || (a < 0.0f) == (b < 0.0f) ? a : b;
  beyond = a - a == 0.0f ? beyond : __builtin_nanf("");
  return far != 0 && b == b ? beyond : y;
}
