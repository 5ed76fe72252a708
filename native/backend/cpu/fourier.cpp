#include "backend/cpu/fourier.hpp"

#include <cmath>
#include <numbers>
#include <utility>

namespace vanda::cpu {

namespace {

int64_t power_above(int64_t least) {
  int64_t power = 1;
  while (power < least) power *= 2;
  return power;
}

bool is_power(int64_t n) { return (n & (n - 1)) == 0; }

}  // namespace

Fourier::Halves::Halves(int64_t n) : n(n) {
  for (int64_t i = 0, mirrored = 0; i < n; ++i) {
    if (mirrored > i) {
      swaps.push_back(static_cast<int32_t>(i));
      swaps.push_back(static_cast<int32_t>(mirrored));
    }
    // Counts on from the highest bit.
    int64_t bit = n / 2;
    while (bit > 0 && (mirrored & bit) != 0) {
      mirrored ^= bit;
      bit /= 2;
    }
    mirrored |= bit;
  }
  for (int64_t half = 1; half < n; half *= 2) {
    for (int64_t k = 0; k < half; ++k) {
      double turn = -std::numbers::pi * static_cast<double>(k) / static_cast<double>(half);
      cosines.push_back(static_cast<float>(std::cos(turn)));
      sines.push_back(static_cast<float>(std::sin(turn)));
    }
  }
}

void Fourier::Halves::run(float* real, float* imaginary) const {
  for (size_t i = 0; i < swaps.size(); i += 2) {
    std::swap(real[swaps[i]], real[swaps[i + 1]]);
    std::swap(imaginary[swaps[i]], imaginary[swaps[i + 1]]);
  }
  const float* cosine = cosines.data();
  const float* sine = sines.data();
  for (int64_t half = 1; half < n; cosine += half, sine += half, half *= 2) {
    for (int64_t block = 0; block < n; block += 2 * half) {
      float* __restrict a = real + block;
      float* __restrict b = imaginary + block;
      float* __restrict c = real + block + half;
      float* __restrict d = imaginary + block + half;
      for (int64_t k = 0; k < half; ++k) {
        float x = c[k] * cosine[k] - d[k] * sine[k];
        float y = c[k] * sine[k] + d[k] * cosine[k];
        c[k] = a[k] - x;
        d[k] = b[k] - y;
        a[k] += x;
        b[k] += y;
      }
    }
  }
}

Fourier::Fourier(int64_t n)
    : n_(n),
      convolved_(is_power(n) ? 0 : power_above(2 * n - 1)),
      halves_(is_power(n) ? n : convolved_) {
  if (convolved_ == 0) return;
  chirp_real_.resize(static_cast<size_t>(n));
  chirp_imaginary_.resize(static_cast<size_t>(n));
  kernel_real_.assign(static_cast<size_t>(convolved_), 0);
  kernel_imaginary_.assign(static_cast<size_t>(convolved_), 0);
  for (int64_t t = 0; t < n; ++t) {
    // t^2 / (2 n) of a turn; modulo 2 n first, so that large squares lose nothing.
    double turn = -std::numbers::pi * static_cast<double>(t * t % (2 * n)) / static_cast<double>(n);
    size_t at = static_cast<size_t>(t);
    chirp_real_[at] = static_cast<float>(std::cos(turn));
    chirp_imaginary_[at] = static_cast<float>(std::sin(turn));
    size_t mirrored = t == 0 ? 0 : static_cast<size_t>(convolved_ - t);
    kernel_real_[at] = kernel_real_[mirrored] = chirp_real_[at];
    kernel_imaginary_[at] = kernel_imaginary_[mirrored] = -chirp_imaginary_[at];
  }
  halves_.run(kernel_real_.data(), kernel_imaginary_.data());
  float scale = 1.0f / static_cast<float>(convolved_);
  for (float& value : kernel_real_) value *= scale;
  for (float& value : kernel_imaginary_) value *= scale;
}

void Fourier::run(float* real, float* imaginary, float* scratch) const {
  if (convolved_ == 0) return halves_.run(real, imaginary);
  float* a = scratch;
  float* b = scratch + convolved_;
  for (int64_t t = 0; t < n_; ++t) {
    size_t at = static_cast<size_t>(t);
    a[t] = real[t] * chirp_real_[at] - imaginary[t] * chirp_imaginary_[at];
    b[t] = real[t] * chirp_imaginary_[at] + imaginary[t] * chirp_real_[at];
  }
  for (int64_t t = n_; t < convolved_; ++t) a[t] = b[t] = 0;
  halves_.run(a, b);
  for (int64_t k = 0; k < convolved_; ++k) {
    size_t at = static_cast<size_t>(k);
    float x = a[k] * kernel_real_[at] - b[k] * kernel_imaginary_[at];
    float y = a[k] * kernel_imaginary_[at] + b[k] * kernel_real_[at];
    // The way back is the way there with both parts exchanged.
    a[k] = y;
    b[k] = x;
  }
  halves_.run(a, b);
  for (int64_t k = 0; k < n_; ++k) {
    size_t at = static_cast<size_t>(k);
    real[k] = b[k] * chirp_real_[at] - a[k] * chirp_imaginary_[at];
    imaginary[k] = b[k] * chirp_imaginary_[at] + a[k] * chirp_real_[at];
  }
}

}  // namespace vanda::cpu
