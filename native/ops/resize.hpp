#pragma once

#include <cstdint>
#include <vector>

#include "core/graph.hpp"

namespace vanda {

// A place of a resized axis: x[low] (1 - weight) + x[high] weight.
struct ResizeTap {
  int64_t low, high;
  double weight;
};

// Place i of `to` lies at (i + 1/2) from / to - 1/2 of `from` (half-pixel centres, as TensorFlow 2
// and PyTorch's `bilinear` have it; `nearest` is PyTorch's `nearest-exact`), or, with alignCorners,
// at i (from - 1) / (to - 1), as in PyTorch with align_corners. Outside, the border repeats.
std::vector<ResizeTap> resize_taps(const Node& node, int64_t from, int64_t to);

}  // namespace vanda
