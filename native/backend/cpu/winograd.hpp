#pragma once

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

// Convolutions of 3 x 3 taps in tiles, which take a quarter of the products (kernels/winograd.inl).
// The tiles lie in each picture in the same way, so that results depend neither on the batch nor on
// the number of threads.
struct Winograd {
  int64_t tiles = 0;  // of all pictures
  int64_t block = 0;  // tiles that a thread makes at a time; all, where threads share the filters
  bool by_tiles = true;
  int packed = -1, bands = -1, sums = -1;

  // Whether it pays: the kernel takes four times the memory, and a small picture is mostly the rest
  // of its last tiles.
  static bool suits(const ConvShape& shape);
  // Packs the kernel and adds what the step needs to be written to `writes`.
  Winograd(Lowering& lowering, Value kernel, const ConvShape& shape, int64_t batch,
           std::vector<int>& writes);

  void run(const RunContext& context, const ConvShape& shape, const ConvEpilogue& epilogue,
           float* y, const float* x, const float* zeros) const;
};

}  // namespace vanda::cpu
