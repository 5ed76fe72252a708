#include "backend/cpu/fourier.hpp"

#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

namespace vanda::cpu {

namespace {

// A factor costs its own size for each number.
constexpr int64_t kRadixMax = 13;

// The factors of n, fours first; empty where one is too large.
std::vector<int64_t> factors_of(int64_t n) {
  std::vector<int64_t> factors;
  for (int64_t factor : {4, 2, 3, 5, 7, 11, 13}) {
    for (; n % factor == 0; n /= factor) factors.push_back(factor);
  }
  return n == 1 ? factors : std::vector<int64_t>();
}

int64_t power_above(int64_t least) {
  int64_t power = 1;
  while (power < least) power *= 2;
  return power;
}

// Where the parts of one place begin, `step` floats apart, and where its results go.
struct Place {
  const float *real, *imaginary;
  float *out_real, *out_imaginary;
  int64_t step, run;
};

struct Turn {
  float cosine, sine;
};

// Writes result k, turned.
inline void write(const Place& p, int64_t k, int64_t i, float real, float imaginary, Turn turn) {
  p.out_real[k * p.run + i] = real * turn.cosine - imaginary * turn.sine;
  p.out_imaginary[k * p.run + i] = real * turn.sine + imaginary * turn.cosine;
}

void combine_two(const Place& p, const Turn* turns) {
  const float *a = p.real, *b = p.real + p.step;
  const float *c = p.imaginary, *d = p.imaginary + p.step;
  Place out = p;
  for (int64_t i = 0; i < p.run; ++i) {
    float real = a[i] - b[i];
    float imaginary = c[i] - d[i];
    out.out_real[i] = a[i] + b[i];
    out.out_imaginary[i] = c[i] + d[i];
    write(out, 1, i, real, imaginary, turns[1]);
  }
}

void combine_four(const Place& p, const Turn* turns) {
  const float* x = p.real;
  const float* y = p.imaginary;
  const int64_t s = p.step;
  for (int64_t i = 0; i < p.run; ++i) {
    float sum_real = x[i] + x[i + 2 * s], sum_imaginary = y[i] + y[i + 2 * s];
    float gap_real = x[i] - x[i + 2 * s], gap_imaginary = y[i] - y[i + 2 * s];
    float odd_real = x[i + s] + x[i + 3 * s], odd_imaginary = y[i + s] + y[i + 3 * s];
    float turn_real = y[i + s] - y[i + 3 * s], turn_imaginary = x[i + 3 * s] - x[i + s];
    p.out_real[i] = sum_real + odd_real;
    p.out_imaginary[i] = sum_imaginary + odd_imaginary;
    write(p, 1, i, gap_real + turn_real, gap_imaginary + turn_imaginary, turns[1]);
    write(p, 2, i, sum_real - odd_real, sum_imaginary - odd_imaginary, turns[2]);
    write(p, 3, i, gap_real - turn_real, gap_imaginary - turn_imaginary, turns[3]);
  }
}

// Any other factor, by its sums; a run of lanes at a time.
void combine(const Place& p, int64_t radix, const float* cosines, const float* sines,
             const Turn* turns) {
  for (int64_t begin = 0; begin < p.run; begin += kLanes) {
    for (int64_t k = 0; k < radix; ++k) {
      float real[kLanes] = {}, imaginary[kLanes] = {};
      for (int64_t j = 0; j < radix; ++j) {
        float c = cosines[k * radix + j], s = sines[k * radix + j];
        const float* x = p.real + begin + j * p.step;
        const float* y = p.imaginary + begin + j * p.step;
        for (int64_t i = 0; i < kLanes; ++i) {
          real[i] += x[i] * c - y[i] * s;
          imaginary[i] += x[i] * s + y[i] * c;
        }
      }
      for (int64_t i = 0; i < kLanes; ++i) {
        write(p, k, begin + i, real[i], imaginary[i], turns[k]);
      }
    }
  }
}

Turn turn_of(int64_t part, int64_t whole) {
  double angle =
      -2 * std::numbers::pi * static_cast<double>(part % whole) / static_cast<double>(whole);
  return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
}

// (a + b i) (c + d i), in place, with one factor for all lanes.
void multiply(float* a, float* b, float c, float d) {
  for (int64_t i = 0; i < kLanes; ++i) {
    float real = a[i] * c - b[i] * d;
    b[i] = a[i] * d + b[i] * c;
    a[i] = real;
  }
}

}  // namespace

void Fourier::add_passes(int64_t n, std::vector<Pass>& passes) {
  int64_t left = n;
  for (int64_t radix : factors_of(n)) {
    Pass pass{radix, left / radix, n / left, {}, {}, {}, {}};
    for (int64_t p = 0; p < pass.rest; ++p) {
      for (int64_t k = 0; k < radix; ++k) {
        Turn turn = turn_of(p * k, left);
        pass.cosines.push_back(turn.cosine);
        pass.sines.push_back(turn.sine);
      }
    }
    for (int64_t i = 0; i < radix * radix; ++i) {
      Turn turn = turn_of(i / radix * (i % radix), radix);
      pass.inner_cosines.push_back(turn.cosine);
      pass.inner_sines.push_back(turn.sine);
    }
    passes.push_back(std::move(pass));
    left /= radix;
  }
}

Fourier::Fourier(int64_t n) : n_(n) {
  bool factors = n == 1 || !factors_of(n).empty();
  convolved_ = factors ? 0 : power_above(2 * n - 1);
  add_passes(factors ? n : convolved_, passes_);
  if (factors) return;
  chirp_real_.resize(static_cast<size_t>(n));
  chirp_imaginary_.resize(static_cast<size_t>(n));
  // The kernel is transformed in the first lane of a block.
  std::vector<float> real(static_cast<size_t>(convolved_ * kLanes), 0);
  std::vector<float> imaginary(real.size(), 0);
  std::vector<float> scratch(2 * real.size());
  for (int64_t t = 0; t < n; ++t) {
    // t^2 / (2 n) of a turn; modulo 2 n first, so that large squares lose nothing.
    Turn turn = turn_of(t * t % (2 * n), 2 * n);
    chirp_real_[static_cast<size_t>(t)] = turn.cosine;
    chirp_imaginary_[static_cast<size_t>(t)] = turn.sine;
    for (int64_t at : {t, t == 0 ? 0 : convolved_ - t}) {
      real[static_cast<size_t>(at * kLanes)] = turn.cosine;
      imaginary[static_cast<size_t>(at * kLanes)] = -turn.sine;
    }
  }
  run_passes(passes_, convolved_, real.data(), imaginary.data(), scratch.data());
  float scale = 1.0f / static_cast<float>(convolved_);
  for (int64_t k = 0; k < convolved_; ++k) {
    kernel_real_.push_back(real[static_cast<size_t>(k * kLanes)] * scale);
    kernel_imaginary_.push_back(imaginary[static_cast<size_t>(k * kLanes)] * scale);
  }
}

void Fourier::run_passes(const std::vector<Pass>& passes, int64_t n, float* real, float* imaginary,
                         float* scratch) {
  float *x = real, *y = imaginary;
  float *u = scratch, *v = scratch + n * kLanes;
  Turn turns[kRadixMax];
  for (const Pass& pass : passes) {
    int64_t run = pass.stride * kLanes;
    for (int64_t p = 0; p < pass.rest; ++p) {
      for (int64_t k = 0; k < pass.radix; ++k) {
        size_t at = static_cast<size_t>(p * pass.radix + k);
        turns[k] = {pass.cosines[at], pass.sines[at]};
      }
      int64_t target = p * pass.radix * run;
      Place place{x + p * run, y + p * run, u + target, v + target, pass.rest * run, run};
      if (pass.radix == 2)
        combine_two(place, turns);
      else if (pass.radix == 4)
        combine_four(place, turns);
      else
        combine(place, pass.radix, pass.inner_cosines.data(), pass.inner_sines.data(), turns);
    }
    std::swap(x, u);
    std::swap(y, v);
  }
  if (x == real) return;
  std::memcpy(real, x, static_cast<size_t>(n * kLanes) * sizeof(float));
  std::memcpy(imaginary, y, static_cast<size_t>(n * kLanes) * sizeof(float));
}

void Fourier::run(float* real, float* imaginary, float* scratch) const {
  if (convolved_ == 0) return run_passes(passes_, n_, real, imaginary, scratch);
  int64_t size = convolved_ * kLanes;
  float *a = scratch, *b = scratch + size;
  std::memcpy(a, real, static_cast<size_t>(n_ * kLanes) * sizeof(float));
  std::memcpy(b, imaginary, static_cast<size_t>(n_ * kLanes) * sizeof(float));
  for (int64_t t = 0; t < n_; ++t) {
    size_t at = static_cast<size_t>(t);
    multiply(a + t * kLanes, b + t * kLanes, chirp_real_[at], chirp_imaginary_[at]);
  }
  std::memset(a + n_ * kLanes, 0, static_cast<size_t>(size - n_ * kLanes) * sizeof(float));
  std::memset(b + n_ * kLanes, 0, static_cast<size_t>(size - n_ * kLanes) * sizeof(float));
  run_passes(passes_, convolved_, a, b, scratch + 2 * size);
  for (int64_t k = 0; k < convolved_; ++k) {
    size_t at = static_cast<size_t>(k);
    multiply(a + k * kLanes, b + k * kLanes, kernel_real_[at], kernel_imaginary_[at]);
  }
  // The way back is the way there with both parts exchanged.
  run_passes(passes_, convolved_, b, a, scratch + 2 * size);
  for (int64_t k = 0; k < n_; ++k) {
    size_t at = static_cast<size_t>(k);
    multiply(a + k * kLanes, b + k * kLanes, chirp_real_[at], chirp_imaginary_[at]);
  }
  std::memcpy(real, a, static_cast<size_t>(n_ * kLanes) * sizeof(float));
  std::memcpy(imaginary, b, static_cast<size_t>(n_ * kLanes) * sizeof(float));
}

}  // namespace vanda::cpu
