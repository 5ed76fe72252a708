#include <algorithm>
#include <numeric>

#include "core/tensor.hpp"
#include "passes/passes.hpp"

namespace vanda {

namespace {

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool together(const Lifetime& a, const Lifetime& b) {
  return a.last >= b.first && b.last >= a.first;
}

// The most that lives at one time.
size_t lower_bound_of(const std::vector<Lifetime>& lifetimes) {
  std::vector<std::pair<int, int64_t>> changes;
  for (const Lifetime& life : lifetimes) {
    int64_t bytes = static_cast<int64_t>(rounded(life.bytes));
    changes.emplace_back(life.first, bytes);
    changes.emplace_back(life.last + 1, -bytes);
  }
  // At equal times the negative ones come first.
  std::sort(changes.begin(), changes.end());
  int64_t live = 0;
  int64_t most = 0;
  for (auto [time, change] : changes) {
    live += change;
    most = std::max(most, live);
  }
  return static_cast<size_t>(most);
}

// Puts the buffers down one after the other, each into a gap between those that live at the same
// time: the lowest gap that is large enough, or the tightest one.
Placement put_down(const std::vector<Lifetime>& lifetimes, const std::vector<size_t>& order,
                   bool tightest) {
  Placement placement;
  placement.offsets.assign(lifetimes.size(), 0);
  std::vector<size_t> placed;  // sorted by offset
  for (size_t index : order) {
    const Lifetime& self = lifetimes[index];
    if (self.bytes == 0) continue;
    size_t bytes = rounded(self.bytes);
    size_t end = 0;  // of the occupied memory so far
    size_t offset = SIZE_MAX;
    size_t waste = SIZE_MAX;
    for (size_t other : placed) {
      if (!together(self, lifetimes[other])) continue;
      size_t start = placement.offsets[other];
      if (start >= end + bytes && start - end - bytes < waste) {
        offset = end;
        waste = start - end - bytes;
        if (!tightest) break;
      }
      end = std::max(end, start + rounded(lifetimes[other].bytes));
    }
    if (offset == SIZE_MAX) offset = end;
    placement.offsets[index] = offset;
    placement.total = std::max(placement.total, offset + bytes);
    auto at = std::upper_bound(
        placed.begin(), placed.end(), offset,
        [&](size_t value, size_t other) { return value < placement.offsets[other]; });
    placed.insert(at, index);
  }
  return placement;
}

}  // namespace

// Offline placement is a packing problem; of some greedy orders that each do well somewhere (largest
// first, largest area in time and memory first, in order of time) the best one is taken.
Placement place_buffers(const std::vector<Lifetime>& lifetimes) {
  auto length = [&](size_t i) {
    return static_cast<double>(lifetimes[i].last - lifetimes[i].first + 1);
  };
  auto bytes = [&](size_t i) { return static_cast<double>(lifetimes[i].bytes); };
  std::vector<std::vector<double>> keys(4, std::vector<double>(lifetimes.size()));
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    keys[0][i] = bytes(i);
    keys[1][i] = bytes(i) * length(i);
    keys[2][i] = length(i);
    keys[3][i] = -lifetimes[i].first;
  }
  size_t bound = lower_bound_of(lifetimes);
  Placement best;
  best.total = SIZE_MAX;
  for (const std::vector<double>& key : keys) {
    std::vector<size_t> order(lifetimes.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return key[a] != key[b] ? key[a] > key[b] : bytes(a) > bytes(b);
    });
    for (bool tightest : {false, true}) {
      Placement next = put_down(lifetimes, order, tightest);
      if (next.total < best.total) best = std::move(next);
      if (best.total <= bound) break;
    }
    if (best.total <= bound) break;
  }
  best.lower_bound = bound;
  return best;
}

}  // namespace vanda
