#pragma once

#include <cstdint>
#include <vector>

namespace vanda::cpu {

// The discrete Fourier transform of n complex numbers, real and imaginary parts in arrays of their
// own: by halves (Cooley and Tukey, 1965) where n is a power of two, else as a convolution of a
// length that is one (Bluestein, 1970). Tables are made once in double precision.
class Fourier {
 public:
  explicit Fourier(int64_t n);
  // Floats of scratch that a run needs.
  int64_t scratch() const { return convolved_ == 0 ? 0 : 2 * convolved_; }
  // In place: sum over t of x[t] exp(-2 pi i k t / n).
  void run(float* real, float* imaginary, float* scratch) const;

 private:
  struct Halves {
    explicit Halves(int64_t n);
    void run(float* real, float* imaginary) const;
    int64_t n;
    std::vector<int32_t> swaps;         // pairs of places that change their numbers
    std::vector<float> cosines, sines;  // level by level
  };
  int64_t n_;
  int64_t convolved_ = 0;
  Halves halves_;
  std::vector<float> chirp_real_, chirp_imaginary_;    // [n]
  std::vector<float> kernel_real_, kernel_imaginary_;  // [convolved], transformed, divided by it
};

}  // namespace vanda::cpu
