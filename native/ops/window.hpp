#pragma once

#include "core/graph.hpp"

namespace vanda {

// How a window (of a convolution or pooling) slides over a picture [N, H, W, C].
struct Window {
  int64_t height = 0, width = 0;  // of the input
  int64_t kernel_height = 0, kernel_width = 0;
  int64_t stride_height = 1, stride_width = 1;
  int64_t dilation_height = 1, dilation_width = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  int64_t out_height = 0, out_width = 0;
};

// From the attributes stride [h, w], padding (same | valid | explicit), pads [top, bottom, left,
// right] and, where the op has it, dilation [h, w]. `same` pads as TensorFlow: the smaller half
// first.
Window window_of(const Node& node, int64_t height, int64_t width, int64_t kernel_height,
                 int64_t kernel_width);

std::vector<AttributeSpec> window_attributes();
// The attributes that a gradient op repeats.
Attributes window_attributes_of(const Node& node);

// The result of a conv2d lies between these: its activation is no other than such a bound.
struct Bounds {
  double low, high;
};
Bounds bounds_of_activation(const Node& conv);

// In one group, or each channel by itself: the convolutions that take what is joined to them.
bool is_plain_or_depthwise(const Node& conv, const Shape& pictures, const Shape& kernel);

}  // namespace vanda
