#pragma once

#include <array>
#include <cstdint>

namespace vanda {

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random
// numbers as a pure function of (key, counter), so that a resumed run needs no generator state.
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 2> key,
                                      std::array<uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// 24 bits make a float in [0, 1) exactly.
inline float unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1.0p-24f; }

inline std::array<uint32_t, 2> philox_key(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

// A stream of draws for things made once: initial weights, a shuffle.
class PhiloxStream {
 public:
  PhiloxStream(uint64_t seed, uint64_t stream) : key_(philox_key(seed)), stream_(stream) {}

  uint32_t bits() {
    if (used_ == 4) {
      block_ = philox(key_, {static_cast<uint32_t>(index_), static_cast<uint32_t>(index_ >> 32),
                             static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)});
      ++index_;
      used_ = 0;
    }
    return block_[used_++];
  }
  double unit() { return bits() * 0x1.0p-32; }
  // Uniform in [0, bound) without modulo bias (Lemire's rejection).
  uint32_t below(uint32_t bound) {
    uint64_t product = uint64_t{bits()} * bound;
    if (static_cast<uint32_t>(product) < bound) {
      uint32_t threshold = (0u - bound) % bound;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{bits()} * bound;
    }
    return static_cast<uint32_t>(product >> 32);
  }

 private:
  std::array<uint32_t, 2> key_;
  uint64_t stream_;
  uint64_t index_ = 0;
  std::array<uint32_t, 4> block_{};
  uint32_t used_ = 4;
};

// FNV-1a: names become stream numbers.
inline uint64_t hash_name(const char* text, size_t size) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(text[i])) * 0x100000001b3ull;
  }
  return hash;
}

}  // namespace vanda
