#pragma once

#include <cstdint>

namespace vanda {

// The area that two boxes [y1, x1, y2, x2] share, as a part of what they cover together; corners
// may come in any order, and boxes without an area share nothing.
template <typename T>
T shared_part(const T* a, const T* b) {
  auto least = [](T x, T y) { return x < y ? x : y; };
  auto most = [](T x, T y) { return x > y ? x : y; };
  T a_top = least(a[0], a[2]), a_left = least(a[1], a[3]);
  T a_bottom = most(a[0], a[2]), a_right = most(a[1], a[3]);
  T b_top = least(b[0], b[2]), b_left = least(b[1], b[3]);
  T b_bottom = most(b[0], b[2]), b_right = most(b[1], b[3]);
  T height = least(a_bottom, b_bottom) - most(a_top, b_top);
  T width = least(a_right, b_right) - most(a_left, b_left);
  if (!(height > 0 && width > 0)) return 0;
  T shared = height * width;
  T whole = (a_bottom - a_top) * (a_right - a_left) + (b_bottom - b_top) * (b_right - b_left);
  return shared / (whole - shared);
}

}  // namespace vanda
