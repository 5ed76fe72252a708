// One window of skip-gram with negative sampling (Mikolov et al., 2013), all its contexts against the
// same targets (Ji et al., 2016): two small matrix products over rows that stay in the first-level
// cache, held in registers for up to six targets at a time. Rows are multiples of eight floats and
// aligned to 32 bytes.

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float v8 __attribute__((vector_size(32), may_alias));
typedef float v4 __attribute__((vector_size(16), may_alias));

constexpr int kTargetBlock = 6;
constexpr int kTargetsMax = 32;
constexpr int kContextsMax = 64;

static inline __attribute__((always_inline)) v4 folded(const v8& x) {
  return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
// The sums of four vectors at once.
static inline __attribute__((always_inline)) void sums_of_four(const v8* x, float* out) {
  v4 a = folded(x[0]), b = folded(x[1]), c = folded(x[2]), d = folded(x[3]);
  v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  v4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  v4 sums = __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  __builtin_memcpy(out, &sums, 16);
}

// dots[t] and dots[kTargetsMax + t]: two contexts by T targets.
template <int T>
void window_dots(const float* first, const float* second, float* const* targets, int64_t width,
                 float* dots) {
  v8 a[8] = {}, b[8] = {};
  for (int64_t d = 0; d < width; d += 8) {
    v8 x = *reinterpret_cast<const v8*>(first + d);
    v8 y = *reinterpret_cast<const v8*>(second + d);
    for (int t = 0; t < T; ++t) {
      v8 z = *reinterpret_cast<const v8*>(targets[t] + d);
      a[t] += x * z;
      b[t] += y * z;
    }
  }
  float sums[2][8];
  sums_of_four(a, sums[0]);
  sums_of_four(b, sums[1]);
  if (T > 4) {
    sums_of_four(a + 4, sums[0] + 4);
    sums_of_four(b + 4, sums[1] + 4);
  }
  for (int t = 0; t < T; ++t) {
    dots[t] = sums[0][t];
    dots[kTargetsMax + t] = sums[1][t];
  }
}

template <int T>
void window_update(float* const* contexts, int count, float* const* targets, int64_t width,
                   const float* slopes) {
  for (int64_t d = 0; d < width; d += 8) {
    v8 rows[T], changes[T];
    for (int t = 0; t < T; ++t) {
      rows[t] = *reinterpret_cast<const v8*>(targets[t] + d);
      changes[t] = rows[t];
    }
    for (int c = 0; c < count; ++c) {
      v8* place = reinterpret_cast<v8*>(contexts[c] + d);
      v8 x = *place;
      v8 next = x;
      for (int t = 0; t < T; ++t) {
        float slope = slopes[c * kTargetsMax + t];
        next += slope * rows[t];
        changes[t] += slope * x;
      }
      *place = next;
    }
    for (int t = 0; t < T; ++t) *reinterpret_cast<v8*>(targets[t] + d) = changes[t];
  }
}

template <int T>
void window_block_dots(float* const* contexts, int count, float* const* targets, int64_t width,
                       float* dots) {
  for (int c = 0; c < count; c += 2) {
    const float* second = contexts[c + 1 < count ? c + 1 : c];
    window_dots<T>(contexts[c], second, targets, width, dots + c * kTargetsMax);
  }
}

#define WITH_TARGETS(function, n, ...)         \
  switch (n) {                                 \
    case 1: function<1>(__VA_ARGS__); break;   \
    case 2: function<2>(__VA_ARGS__); break;   \
    case 3: function<3>(__VA_ARGS__); break;   \
    case 4: function<4>(__VA_ARGS__); break;   \
    case 5: function<5>(__VA_ARGS__); break;   \
    default: function<6>(__VA_ARGS__); break;  \
  }

// Target 0 is the word itself, the others are noise; no target may come twice. Where `loss` is given,
// the window's loss is added to it.
void skip_gram(float* const* contexts, int count, float* const* targets, int target_count,
               int64_t width, float rate, float* loss) {
  alignas(32) float slopes[(kContextsMax + 1) * kTargetsMax];
  for (int t = 0; t < target_count; t += kTargetBlock) {
    int n = target_count - t < kTargetBlock ? target_count - t : kTargetBlock;
    WITH_TARGETS(window_block_dots, n, contexts, count, targets + t, width, slopes + t)
  }
  for (int c = 0; c < count; ++c) {
    float* row = slopes + c * kTargetsMax;
    if (loss != nullptr) {
      for (int t = 0; t < target_count; ++t) *loss += softplus_f(t == 0 ? -row[t] : row[t]);
    }
    // The padding up to eight is computed too, and never read.
    for (int t = target_count; t < ((target_count + 7) & ~7); ++t) row[t] = 0;
    for (int t = 0; t < target_count; t += 8) {
      for (int k = t; k < t + 8; ++k) row[k] = -rate * sigmoid_f(row[k]);
    }
    row[0] += rate;
  }
  for (int t = 0; t < target_count; t += kTargetBlock) {
    int n = target_count - t < kTargetBlock ? target_count - t : kTargetBlock;
    WITH_TARGETS(window_update, n, contexts, count, targets + t, width, slopes + t)
  }
}
#undef WITH_TARGETS

// Blocks first, first + 1, ... of a counter whose upper half is `stream`; sixteen side by side.
void random_words(uint32_t* __restrict out, uint64_t first, int64_t blocks, const uint32_t* key,
                  uint64_t stream) {
  constexpr int kLanes = 16;
  for (int64_t begin = 0; begin < blocks; begin += kLanes) {
    uint32_t words[4][kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      uint64_t block = first + static_cast<uint64_t>(begin + lane);
      uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
      uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
      uint32_t k0 = key[0], k1 = key[1];
      for (int round = 0; round < 10; ++round) {
        uint64_t p0 = uint64_t{0xD2511F53} * c0;
        uint64_t p1 = uint64_t{0xCD9E8D57} * c2;
        c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<uint32_t>(p1);
        c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<uint32_t>(p0);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
      }
      words[0][lane] = c0;
      words[1][lane] = c1;
      words[2][lane] = c2;
      words[3][lane] = c3;
    }
    int64_t n = blocks - begin < kLanes ? blocks - begin : kLanes;
    for (int64_t lane = 0; lane < n; ++lane) {
      for (int w = 0; w < 4; ++w) out[(begin + lane) * 4 + w] = words[w][lane];
    }
  }
}

#pragma GCC diagnostic pop
