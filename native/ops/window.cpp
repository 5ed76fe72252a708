#include "ops/window.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"

namespace vanda {

namespace {

// Far above any real picture, far below what could overflow a product.
constexpr int64_t kWindowMax = 1 << 20;

int64_t output_size(int64_t input, int64_t before, int64_t after, int64_t kernel, int64_t dilation,
                    int64_t stride, const std::string& op) {
  int64_t reach = (kernel - 1) * dilation + 1;
  int64_t padded = input + before + after;
  if (padded < reach) {
    throw Error("shape_mismatch", op,
                "a window of " + std::to_string(reach) + " is larger than the padded input of " +
                    std::to_string(padded));
  }
  return (padded - reach) / stride + 1;
}

}  // namespace

Window window_of(const Node& node, int64_t height, int64_t width, int64_t kernel_height,
                 int64_t kernel_width) {
  const std::string& op = node.op->name;
  const std::vector<int64_t>& stride = node.integers("stride");
  const std::vector<int64_t>& dilation = node.integers("dilation");
  const std::vector<int64_t>& pads = node.integers("pads");
  bool ranges = stride.size() == 2 && dilation.size() == 2 && (pads.empty() || pads.size() == 4) &&
                kernel_height > 0 && kernel_width > 0 && kernel_height <= kWindowMax &&
                kernel_width <= kWindowMax && height > 0 && width > 0;
  for (int64_t value : stride) ranges = ranges && value >= 1 && value <= kWindowMax;
  for (int64_t value : dilation) ranges = ranges && value >= 1 && value <= kWindowMax;
  for (int64_t value : pads) ranges = ranges && value >= 0 && value <= kWindowMax;
  if (!ranges) {
    throw Error(
        "invalid_attribute", op,
        "sizes, strides and dilations are two numbers of at least 1, pads four of at least 0");
  }
  Window window;
  window.height = height;
  window.width = width;
  window.kernel_height = kernel_height;
  window.kernel_width = kernel_width;
  window.stride_height = stride[0];
  window.stride_width = stride[1];
  window.dilation_height = dilation[0];
  window.dilation_width = dilation[1];
  const std::string& padding = node.text("padding");
  if (padding == "same") {
    auto total = [](int64_t size, int64_t kernel, int64_t step, int64_t spread) {
      int64_t out = (size + step - 1) / step;
      return std::max<int64_t>(0, (out - 1) * step + (kernel - 1) * spread + 1 - size);
    };
    int64_t rows = total(height, kernel_height, stride[0], dilation[0]);
    int64_t columns = total(width, kernel_width, stride[1], dilation[1]);
    window.top = rows / 2;
    window.bottom = rows - rows / 2;
    window.left = columns / 2;
    window.right = columns - columns / 2;
  } else if (padding == "explicit" && pads.size() == 4) {
    window.top = pads[0];
    window.bottom = pads[1];
    window.left = pads[2];
    window.right = pads[3];
  } else if (padding != "valid") {
    throw Error("invalid_attribute", op,
                "the padding is 'same', 'valid' or 'explicit' with four pads");
  }
  window.out_height =
      output_size(height, window.top, window.bottom, kernel_height, dilation[0], stride[0], op);
  window.out_width =
      output_size(width, window.left, window.right, kernel_width, dilation[1], stride[1], op);
  return window;
}

std::vector<AttributeSpec> window_attributes() {
  return {{"stride", AttributeKind::integers, std::vector<int64_t>{1, 1}},
          {"dilation", AttributeKind::integers, std::vector<int64_t>{1, 1}},
          {"padding", AttributeKind::text, std::string("valid")},
          {"pads", AttributeKind::integers, std::vector<int64_t>{}}};
}

Attributes window_attributes_of(const Node& node) {
  Attributes out;
  for (const char* key : {"stride", "dilation", "padding", "pads"}) {
    out.emplace(key, node.attributes.at(key));
  }
  return out;
}

Bounds bounds_of_activation(const Node& conv) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  const std::string& activation = conv.text("activation");
  if (activation == "relu") return {0, kNone};
  if (activation == "clamp") return {conv.number("low"), conv.number("high")};
  return {-kNone, kNone};
}

bool is_plain_or_depthwise(const Node& conv, const Shape& pictures, const Shape& kernel) {
  int64_t groups = conv.integer("groups");
  return groups == 1 || (groups == pictures[3] && kernel[3] == groups);
}

}  // namespace vanda
