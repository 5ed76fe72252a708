#pragma once

#include <cstdint>
#include <vector>

namespace vanda::cpu {

// So many signals are transformed beside each other, so that every loop runs over neighbours.
constexpr int64_t kLanes = 16;

// The discrete Fourier transform of kLanes signals of n complex numbers; number t of a lane is at
// t * kLanes + lane, real and imaginary parts in arrays of their own. By the factors of n where
// they are small (Cooley and Tukey, 1965; in the order of Stockham, which needs no permutation),
// else as a convolution of a length whose factors are (Bluestein, 1970).
class Fourier {
 public:
  explicit Fourier(int64_t n);
  // Floats of scratch that a run needs.
  int64_t scratch() const { return 2 * kLanes * (convolved_ == 0 ? n_ : 2 * convolved_); }
  // In place: sum over t of x[t] exp(-2 pi i k t / n).
  void run(float* real, float* imaginary, float* scratch) const;

 private:
  // One factor: `rest` is what is left of the length behind it, `stride` the product of those
  // before.
  struct Pass {
    int64_t radix, rest, stride;
    std::vector<float> cosines, sines;  // [rest, radix]: by which result k of place p is turned
    std::vector<float> inner_cosines, inner_sines;  // [radix, radix]
  };
  static void add_passes(int64_t n, std::vector<Pass>& passes);
  static void run_passes(const std::vector<Pass>& passes, int64_t n, float* real, float* imaginary,
                         float* scratch);

  int64_t n_;
  int64_t convolved_ = 0;
  std::vector<Pass> passes_;
  std::vector<float> chirp_real_, chirp_imaginary_;    // [n]
  std::vector<float> kernel_real_, kernel_imaginary_;  // [convolved], transformed, divided by it
};

}  // namespace vanda::cpu
