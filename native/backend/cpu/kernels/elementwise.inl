// Tiles that need more than one expression; the macro TILE is that of kernels.inl.

TILE(tile_reciprocal, 1.0f / a[i])
TILE(tile_log1p, log1p_f(a[i]))
TILE(tile_expm1, expm1_f(a[i]))
TILE(tile_ceil, __builtin_ceilf(a[i]))
TILE(tile_round, __builtin_rintf(a[i]))
TILE(tile_trunc, __builtin_truncf(a[i]))
TILE(tile_relu6, a[i] < 0.0f ? 0.0f : a[i] > 6.0f ? 6.0f : a[i])
TILE(tile_gelu_tanh, gelu_tanh_f(a[i]))
TILE(tile_hard_sigmoid, a[i] <= -3.0f ? 0.0f : a[i] >= 3.0f ? 1.0f : (a[i] + 3.0f) * (1.0f / 6.0f))
TILE(tile_hard_swish,
     a[i] <= -3.0f ? 0.0f : a[i] >= 3.0f ? a[i] : a[i] * (a[i] + 3.0f) * (1.0f / 6.0f))
TILE(tile_is_nan, a[i] != a[i] ? 1.0f : 0.0f)
TILE(tile_is_finite, a[i] - a[i] == 0.0f ? 1.0f : 0.0f)
TILE(tile_round_bf16, round_bf16_f(a[i]))
TILE(tile_xor, (a[i] != 0.0f ? 1.0f : 0.0f) != (b[i] != 0.0f ? 1.0f : 0.0f) ? 1.0f : 0.0f)

// Angles beyond 2^20 need another reduction; a tile without any is vector code throughout. The
// choice is made for each element alone, so that a result does not depend on its neighbours.
int32_t has_large_angle(const float* a, int64_t n) {
  int32_t large = 0;
#pragma omp simd reduction(| : large)
  for (int64_t i = 0; i < n; ++i) large |= (as_bits(a[i]) & 0x7fffffff) >= 0x49800000 ? 1 : 0;
  return large;
}
float reduce_any_angle(float x, int32_t* quadrant) {
  int32_t bits = as_bits(x) & 0x7fffffff;
  if (bits < 0x49800000) return reduce_angle(x, quadrant);
  *quadrant = 0;
  return bits >= 0x7f800000 ? __builtin_nanf("") : reduce_large_angle(x, quadrant);
}

#define TRIGONOMETRIC(name, result)                                                             \
  void name(float* out, const float* a, const float*, const float*, const float*, int64_t n) {  \
    if (has_large_angle(a, n) != 0) {                                                           \
      for (int64_t i = 0; i < n; ++i) {                                                         \
        int32_t q;                                                                              \
        float r = reduce_any_angle(a[i], &q);                                                   \
        out[i] = (result);                                                                      \
      }                                                                                         \
      return;                                                                                   \
    }                                                                                           \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) {                                      \
      int32_t q;                                                                                \
      float r = reduce_angle(a[i], &q);                                                         \
      out[i] = (result);                                                                        \
    }                                                                                           \
  }

TRIGONOMETRIC(tile_sin, sin_of(r, q))
TRIGONOMETRIC(tile_cos, sin_of(r, q + 1))
TRIGONOMETRIC(tile_tan, tan_of(r, q))

// Quotients from 2^29 on are rare; they go through the exact remainder of the C library.
void tile_floor_mod(float* out, const float* a, const float* b, const float*, const float*,
                    int64_t n) {
  int32_t large = 0;
#pragma omp simd reduction(| : large)
  for (int64_t i = 0; i < n; ++i) {
    float quotient = a[i] / b[i];
    large |= quotient > 5.0e8f || quotient < -5.0e8f ? 1 : 0;
  }
  if (large == 0) {
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; ++i) out[i] = floor_mod_f(a[i], b[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    float quotient = a[i] / b[i];
    float x = a[i], y = b[i];
    out[i] = floor_mod_f(x, y);
    if (!(quotient > 5.0e8f || quotient < -5.0e8f) || y == 0.0f || x - x != 0.0f) continue;
    float rest = fmodf(x, y);
    out[i] = rest != 0.0f && (rest < 0.0f) != (y < 0.0f) ? rest + y : rest;
  }
}
