#include <algorithm>
#include <numeric>

#include "core/tensor.hpp"
#include "passes/passes.hpp"

namespace vanda {

// Largest first, each at the lowest offset where it touches nothing that lives at the same time.
Placement place_buffers(const std::vector<Lifetime>& lifetimes) {
  Placement placement;
  placement.offsets.assign(lifetimes.size(), 0);
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  std::vector<size_t> placed;  // sorted by offset
  for (size_t index : order) {
    const Lifetime& self = lifetimes[index];
    if (self.bytes == 0) continue;
    size_t bytes = (self.bytes + kAlignment - 1) / kAlignment * kAlignment;
    size_t offset = 0;
    for (size_t other : placed) {
      const Lifetime& neighbour = lifetimes[other];
      if (neighbour.last < self.first || self.last < neighbour.first) continue;
      size_t start = placement.offsets[other];
      if (start >= offset + bytes) break;
      size_t size = (neighbour.bytes + kAlignment - 1) / kAlignment * kAlignment;
      offset = std::max(offset, start + size);
    }
    placement.offsets[index] = offset;
    placement.total = std::max(placement.total, offset + bytes);
    auto at = std::upper_bound(
        placed.begin(), placed.end(), offset,
        [&](size_t value, size_t other) { return value < placement.offsets[other]; });
    placed.insert(at, index);
  }
  return placement;
}

}  // namespace vanda
