#pragma once

#include <cmath>
#include <cstdint>

#include "core/graph.hpp"

namespace vanda {

// How a place (x, y) of a grid, each from -1 to 1 over a picture, becomes pixels: between the
// outermost pixels' centres (alignCorners), or between the picture's edges. Beyond the picture
// there are zeros, or with `border` the nearest pixel.
struct GridRule {
  explicit GridRule(const Node& node)
      : align(node.flag("alignCorners")), border(node.text("padding") == "border") {}
  bool align, border;
};

// The two pixels of one axis between which a place lies. `slope` is how fast the weight of `high`
// grows with the place; a pixel outside has the index -1.
template <typename T>
struct GridTap {
  int64_t low = -1, high = -1;
  T weight = 0;  // of high
  T slope = 0;
};

template <typename T>
GridTap<T> grid_tap(const GridRule& rule, T place, int64_t size) {
  GridTap<T> tap;
  T scale = rule.align ? static_cast<T>(size - 1) / 2 : static_cast<T>(size) / 2;
  T at = rule.align ? (place + 1) * scale : (place + 1) * scale - T{0.5};
  T last = static_cast<T>(size - 1);
  tap.slope = scale;
  if (rule.border) {
    // Comparisons that a NaN fails leave it at the first pixel.
    if (!(at > 0)) at = 0, tap.slope = 0;
    if (at > last) at = last, tap.slope = 0;
  } else if (!(at > -1 && at < last + 1)) {
    tap.slope = 0;
    return tap;
  }
  T floor = std::floor(at);
  int64_t first = static_cast<int64_t>(floor);
  tap.weight = at - floor;
  tap.low = first >= 0 ? first : -1;
  tap.high = first + 1 < size ? first + 1 : -1;
  return tap;
}

}  // namespace vanda
