#include "runtime/augment.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace vanda {

namespace {

void require_share(double value, double most, const std::string& column, const char* what) {
  if (value >= 0 && value <= most) return;
  throw Error("invalid_attribute", column,
              std::string(what) + " must be 0 to " + std::to_string(most).substr(0, 4));
}

// Four neighbours and their weights; all channels of a pixel are read at once.
template <typename T>
void sample(const T* from, float* to, int64_t height, int64_t width, int64_t channels, double y,
            double x) {
  x = std::clamp(x, 0.0, static_cast<double>(width - 1));
  y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  int64_t x0 = static_cast<int64_t>(x);
  int64_t y0 = static_cast<int64_t>(y);
  int64_t right = x0 + 1 < width ? channels : 0;
  int64_t below = y0 + 1 < height ? width * channels : 0;
  float fx = static_cast<float>(x - static_cast<double>(x0));
  float fy = static_cast<float>(y - static_cast<double>(y0));
  const T* at = from + (y0 * width + x0) * channels;
  for (int64_t c = 0; c < channels; ++c) {
    float upper = static_cast<float>(at[c]) * (1 - fx) + static_cast<float>(at[c + right]) * fx;
    float lower = static_cast<float>(at[c + below]) * (1 - fx) +
                  static_cast<float>(at[c + below + right]) * fx;
    to[c] = upper * (1 - fy) + lower * fy;
  }
}

template <typename T>
void move_pixels(const T* from, float* to, const Shape& shape, const AugmentDraw& draw) {
  int64_t height = shape[0], width = shape[1], channels = shape[2];
  double h = static_cast<double>(height), w = static_cast<double>(width);
  double middle_x = (draw.left + draw.side / 2) * w;
  double middle_y = (draw.top + draw.side / 2) * h;
  double cosine = std::cos(draw.angle), sine = std::sin(draw.angle);
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column, to += channels) {
      double x = (static_cast<double>(draw.flip ? width - 1 - column : column) + 0.5 - w / 2);
      double y = (static_cast<double>(row) + 0.5 - h / 2);
      x *= draw.side;
      y *= draw.side;
      sample(from, to, height, width, channels, middle_y + y * cosine + x * sine - 0.5,
             middle_x + x * cosine - y * sine - 0.5);
    }
  }
}

// Nothing is between pixels: they are copied, at most the other way round.
template <typename T>
void copy_pixels(const T* from, float* to, const Shape& shape, bool flip) {
  int64_t width = shape[1], channels = shape[2];
  for (int64_t row = 0; row < shape[0]; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      const T* pixel = from + (row * width + (flip ? width - 1 - column : column)) * channels;
      for (int64_t c = 0; c < channels; ++c) *to++ = static_cast<float>(pixel[c]);
    }
  }
}

}  // namespace

void Augment::validate(const std::string& column, const TensorType& row) const {
  require_share(crop, 0.9, column, "crop");
  require_share(rotate, 180, column, "rotate");
  require_share(brightness, 1, column, "brightness");
  require_share(contrast, 1, column, "contrast");
  if (row.shape.rank() != 3 || (row.dtype != DType::u8 && row.dtype != DType::f32)) {
    throw Error("invalid_attribute", column,
                "only pictures [height, width, channels] of u8 or f32 are augmented, not " +
                    row.text());
  }
}

AugmentDraw draw_augment(const Augment& augment, uint64_t seed, uint64_t epoch, uint32_t item) {
  // A key of its own, apart from that of the shuffle.
  constexpr uint32_t kPurpose = 0x61756720;
  std::array<uint32_t, 4> key = philox(philox_key(seed), {kPurpose, 0, 0, 0});
  PhiloxStream random(uint64_t{key[0]} << 32 | key[1], epoch << 32 | item);
  // All are drawn whatever is in use, so that one setting does not change what the others do.
  double turn = random.unit(), cut = random.unit(), left = random.unit(), top = random.unit();
  double angle = random.unit() * 2 - 1;
  double brightness = random.unit() * 2 - 1, contrast = random.unit() * 2 - 1;
  AugmentDraw draw;
  draw.flip = augment.flip && turn < 0.5;
  draw.side = 1 - augment.crop * cut;
  draw.left = (1 - draw.side) * left;
  draw.top = (1 - draw.side) * top;
  draw.angle = augment.rotate * angle * 3.14159265358979323846 / 180;
  draw.brightness = static_cast<float>(1 + augment.brightness * brightness);
  draw.contrast = static_cast<float>(1 + augment.contrast * contrast);
  return draw;
}

template <typename T>
void augment_picture(const T* from, float* to, const Shape& shape, const AugmentDraw& draw) {
  if (draw.side == 1 && draw.angle == 0)
    copy_pixels(from, to, shape, draw.flip);
  else
    move_pixels(from, to, shape, draw);
  int64_t elements = shape.elements();
  if (draw.contrast != 1) {
    double sum = 0;
    for (int64_t i = 0; i < elements; ++i) sum += to[i];
    float mean = static_cast<float>(sum / static_cast<double>(std::max<int64_t>(1, elements)));
    for (int64_t i = 0; i < elements; ++i) to[i] = mean + (to[i] - mean) * draw.contrast;
  }
  if (draw.brightness != 1) {
    for (int64_t i = 0; i < elements; ++i) to[i] *= draw.brightness;
  }
}

template void augment_picture(const uint8_t*, float*, const Shape&, const AugmentDraw&);
template void augment_picture(const float*, float*, const Shape&, const AugmentDraw&);

}  // namespace vanda
