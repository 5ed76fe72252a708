#pragma once

#include <cstdint>
#include <vector>

#include "core/shape.hpp"

namespace vanda {

// How a picture [height, width, channels] is changed at random, a little different in each epoch.
struct Augment {
  bool flip = false;      // left and right, every second time
  double crop = 0;        // the share of each side that may be cut away; the rest is stretched
  double rotate = 0;      // degrees to either side, at most
  double brightness = 0;  // values times 1 - brightness to 1 + brightness
  double contrast = 0;    // distances from the picture's mean times 1 - contrast to 1 + contrast

  // Throws invalid_attribute when a number is outside its range or the row is no picture.
  void validate(const std::string& column, const TensorType& row) const;
};

// What is done to one item in one epoch: a function of (seed, epoch, item) alone, so that a resumed
// run, and any number of threads, makes the same pictures.
struct AugmentDraw {
  bool flip = false;
  double left = 0, top = 0, side = 1;  // the window, as shares of the picture
  double angle = 0;                    // radians
  float brightness = 1, contrast = 1;
};
AugmentDraw draw_augment(const Augment& augment, uint64_t seed, uint64_t epoch, uint32_t item);

// Writes the changed picture as floats, in the range of the input. Sampled bilinearly from the
// middles of the pixels; beyond the edge lies the edge.
template <typename T>
void augment_picture(const T* from, float* to, const Shape& shape, const AugmentDraw& draw);

extern template void augment_picture(const uint8_t*, float*, const Shape&, const AugmentDraw&);
extern template void augment_picture(const float*, float*, const Shape&, const AugmentDraw&);

}  // namespace vanda
