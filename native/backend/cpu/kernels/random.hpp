#pragma once

#include <cstdint>

namespace vanda::cpu {

// Draws of a stream: the elements `begin` to begin + n of a tensor whose numbers hang on a key and
// the step alone. These kernels give the same bits on every instruction set: they are compiled
// without contraction of multiply and add, and use nothing that rounds differently (no library).
struct RandomStream {
  uint32_t key[2];
  uint32_t step[2];
};

struct RandomKernels {
  void (*uniform)(float* out, int64_t begin, int64_t n, const RandomStream* stream, float low,
                  float range);
  void (*normal)(float* out, int64_t begin, int64_t n, const RandomStream* stream, float mean,
                 float deviation);
  // Within two deviations.
  void (*truncated)(float* out, int64_t begin, int64_t n, const RandomStream* stream, float mean,
                    float deviation);
  // 1 where the word is below the threshold.
  void (*bernoulli)(uint8_t* out, int64_t begin, int64_t n, const RandomStream* stream,
                    uint64_t threshold);
};

const RandomKernels& random_kernels();
int runnable_random_kernels(const RandomKernels* tables[3]);

}  // namespace vanda::cpu
