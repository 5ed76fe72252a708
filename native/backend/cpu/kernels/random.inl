// Compiled once for each instruction set with -ffp-contract=off; VANDA_RANDOM_TABLE names the table.
#include <stdint.h>

#include "backend/cpu/kernels/random.hpp"

namespace vanda::cpu {
namespace {

constexpr int kBlocks = 16;
constexpr int kDraws = 4 * kBlocks;

static inline float float_of_bits(int32_t bits) {
  float out;
  __builtin_memcpy(&out, &bits, 4);
  return out;
}
static inline int32_t bits_of_float(float value) {
  int32_t out;
  __builtin_memcpy(&out, &value, 4);
  return out;
}

// Philox 4x32-10 (Salmon et al., 2011), sixteen blocks side by side; word w of block b comes to
// words[w][b].
void draw(uint32_t words[4][kBlocks], int64_t first, const RandomStream* stream) {
  for (int lane = 0; lane < kBlocks; ++lane) {
    uint64_t block = static_cast<uint64_t>(first + lane);
    uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
    uint32_t c2 = stream->step[0], c3 = stream->step[1];
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
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
}

// The logarithm of a normal float in (0, 1].
static inline float log_exact(float x) {
  int32_t bits = bits_of_float(x);
  int32_t e = (bits - 0x3f3504f3) >> 23;
  float m = float_of_bits(bits - (e << 23)) - 1.0f;
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
  float exponent = static_cast<float>(e);
  p = p + exponent * -2.12194440e-4f - 0.5f * z;
  return m + p + exponent * 0.693359375f;
}

// Sine and cosine of word / 2^32 turns: a quadrant and a rest of at most half of one.
static inline void sine_cosine(uint32_t word, float* sine, float* cosine) {
  uint32_t quadrant = (word + (1u << 29)) >> 30;
  float r = static_cast<float>(static_cast<int32_t>(word - (quadrant << 30))) * 0x1p-30f;
  float z = r * r;
  float s = 1.58117971e-4f;
  s = s * z - 4.681226867e-3f;
  s = s * z + 7.969257735e-2f;
  s = s * z - 6.459640959e-1f;
  s = (s * z + 1.570796327f) * r;
  float c = -2.4837098e-5f;
  c = c * z + 9.19153779e-4f;
  c = c * z - 2.0863466428e-2f;
  c = c * z + 2.536695070e-1f;
  c = c * z - 1.233700550f;
  c = c * z + 1.0f;
  bool odd = (quadrant & 1) != 0;
  float a = odd ? c : s;
  float b = odd ? s : c;
  *sine = (quadrant & 2) != 0 ? -a : a;
  *cosine = ((quadrant + 1) & 2) != 0 ? -b : b;
}

// Box and Muller: two words make a radius and an angle, and so two numbers.
static inline void normal_pair(uint32_t first, uint32_t second, float* a, float* b) {
  float u = static_cast<float>(static_cast<int32_t>(first >> 1)) * 0x1p-31f + 0x1p-32f;
  float radius = __builtin_sqrtf(-2.0f * log_exact(u));
  float sine, cosine;
  sine_cosine(second, &sine, &cosine);
  *a = radius * cosine;
  *b = radius * sine;
}

// The normal quantile of 0.5 + x / 2 for |x| up to erf(sqrt(2)), where the tails are cut: x times a
// polynomial in w = -log(1 - x^2) (after Giles, "Approximating the erfinv function", 2010; fitted
// anew for this range).
static inline float truncated_of(uint32_t word) {
  float x = static_cast<float>(static_cast<int32_t>(word)) * 0x1p-31f * 0.954499736f;
  float w = -log_exact(1.0f - x * x);
  float p = 1.4510250e-7f;
  p = p * w - 1.87988263e-6f;
  p = p * w + 3.05443136e-6f;
  p = p * w + 6.69227798e-5f;
  p = p * w - 1.83162752e-4f;
  p = p * w - 3.300622127e-3f;
  p = p * w + 1.633260609e-2f;
  p = p * w + 3.281169593e-1f;
  p = p * w + 1.253314135f;
  return p * x;
}

// Element i is draw i % 4 of block i / 4; `make` fills the draws of sixteen blocks.
#define FOR_BLOCKS(statement)                                                              \
  uint32_t words[4][kBlocks];                                                              \
  float draws[kDraws];                                                                     \
  for (int64_t first = begin / 4; first * 4 < begin + n; first += kBlocks) {               \
    draw(words, first, stream);                                                            \
    for (int lane = 0; lane < kBlocks; ++lane) {                                           \
      float* d = draws + 4 * lane;                                                         \
      statement                                                                            \
    }                                                                                      \
    int64_t low = first * 4 < begin ? begin : first * 4;                                   \
    int64_t high = (first + kBlocks) * 4 > begin + n ? begin + n : (first + kBlocks) * 4;  \
    for (int64_t i = low; i < high; ++i) out[i - begin] = draws[i - first * 4];            \
  }

void uniform(float* out, int64_t begin, int64_t n, const RandomStream* stream, float low_end,
             float range) {
  FOR_BLOCKS(for (int w = 0; w < 4; ++w) {
    d[w] = low_end + static_cast<float>(static_cast<int32_t>(words[w][lane] >> 8)) * 0x1p-24f * range;
  })
}
void normal(float* out, int64_t begin, int64_t n, const RandomStream* stream, float mean,
            float deviation) {
  float pairs[4][kBlocks];
  uint32_t words[4][kBlocks];
  for (int64_t first = begin / 4; first * 4 < begin + n; first += kBlocks) {
    draw(words, first, stream);
    for (int lane = 0; lane < kBlocks; ++lane) {
      normal_pair(words[0][lane], words[1][lane], &pairs[0][lane], &pairs[1][lane]);
      normal_pair(words[2][lane], words[3][lane], &pairs[2][lane], &pairs[3][lane]);
    }
    int64_t low = first * 4 < begin ? begin : first * 4;
    int64_t high = (first + kBlocks) * 4 > begin + n ? begin + n : (first + kBlocks) * 4;
    for (int64_t i = low; i < high; ++i) {
      out[i - begin] = pairs[i & 3][i / 4 - first] * deviation + mean;
    }
  }
}
void truncated(float* out, int64_t begin, int64_t n, const RandomStream* stream, float mean,
               float deviation) {
  FOR_BLOCKS(for (int w = 0; w < 4; ++w) {
    d[w] = truncated_of(words[w][lane]) * deviation + mean;
  })
}
void bernoulli(uint8_t* out, int64_t begin, int64_t n, const RandomStream* stream,
               uint64_t threshold) {
  uint32_t words[4][kBlocks];
  for (int64_t first = begin / 4; first * 4 < begin + n; first += kBlocks) {
    draw(words, first, stream);
    int64_t low = first * 4 < begin ? begin : first * 4;
    int64_t high = (first + kBlocks) * 4 > begin + n ? begin + n : (first + kBlocks) * 4;
    for (int64_t i = low; i < high; ++i) {
      out[i - begin] = words[i & 3][i / 4 - first] < threshold ? 1 : 0;
    }
  }
}

}  // namespace

extern const RandomKernels VANDA_RANDOM_TABLE;
const RandomKernels VANDA_RANDOM_TABLE = {uniform, normal, truncated, bernoulli};

}  // namespace vanda::cpu
