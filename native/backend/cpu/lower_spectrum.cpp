#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "backend/cpu/fourier.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

// Real transforms of length n: an even one as a complex one of half the length, whose real parts
// are the even places and whose imaginary parts the odd ones. A block of kLanes signals at a time.
class RealFourier {
 public:
  explicit RealFourier(int64_t n)
      : n_(n), even_(n % 2 == 0), size_(even_ ? n / 2 : n), inner_(size_) {
    for (int64_t k = 0; even_ && k <= n / 2; ++k) {
      double turn = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      cosines_.push_back(static_cast<float>(std::cos(turn)));
      sines_.push_back(static_cast<float>(std::sin(turn)));
    }
  }

  // Real and imaginary parts, what the complex transform needs, and one row of results.
  int64_t scratch() const { return 2 * size_ * kLanes + inner_.scratch(); }

  // The first `lanes` of a block are signals x, each n behind the one before; y likewise.
  void forward(const float* x, float* y, int64_t lanes, float* scratch) const {
    float* a = scratch;
    float* b = scratch + size_ * kLanes;
    std::fill(a, a + 2 * size_ * kLanes, 0.0f);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const float* from = x + lane * n_;
      for (int64_t t = 0; t < size_; ++t) {
        a[t * kLanes + lane] = even_ ? from[2 * t] : from[t];
        if (even_) b[t * kLanes + lane] = from[2 * t + 1];
      }
    }
    inner_.run(a, b, scratch + 2 * size_ * kLanes);
    int64_t bins = n_ / 2 + 1;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t k = 0; k < bins; ++k) {
        float* out = y + (lane * bins + k) * 2;
        if (even_)
          untangle(a + lane, b + lane, k, out);
        else
          out[0] = a[k * kLanes + lane], out[1] = b[k * kLanes + lane];
      }
    }
  }

  void backward(const float* y, float* x, int64_t lanes, float* scratch) const {
    float* a = scratch;
    float* b = scratch + size_ * kLanes;
    std::fill(a, a + 2 * size_ * kLanes, 0.0f);
    int64_t bins = n_ / 2 + 1;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t k = 0; k < size_; ++k) {
        const float* from = y + lane * bins * 2;
        float* real = a + k * kLanes + lane;
        float* imaginary = b + k * kLanes + lane;
        if (even_)
          tangle(from, k, real, imaginary);
        else
          mirror(from, k, real, imaginary);
      }
    }
    // Forward of the conjugate is the conjugate of backward.
    inner_.run(a, b, scratch + 2 * size_ * kLanes);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      float* to = x + lane * n_;
      for (int64_t t = 0; t < size_; ++t) {
        if (even_) to[2 * t + 1] = -b[t * kLanes + lane];
        to[even_ ? 2 * t : t] = a[t * kLanes + lane];
      }
    }
  }

 private:
  // Bin k out of the transforms of the even and of the odd places, which are the sum and the
  // difference with the mirror image.
  void untangle(const float* a, const float* b, int64_t k, float* out) const {
    int64_t p = (k == size_ ? 0 : k) * kLanes;
    int64_t q = (k == 0 ? 0 : size_ - k) * kLanes;
    float even_real = 0.5f * (a[p] + a[q]);
    float even_imaginary = 0.5f * (b[p] - b[q]);
    float odd_real = 0.5f * (b[p] + b[q]);
    float odd_imaginary = -0.5f * (a[p] - a[q]);
    float cosine = cosines_[static_cast<size_t>(k)];
    float sine = sines_[static_cast<size_t>(k)];
    out[0] = even_real + odd_real * cosine - odd_imaginary * sine;
    out[1] = even_imaginary + odd_real * sine + odd_imaginary * cosine;
  }

  // The opposite, conjugated and scaled.
  void tangle(const float* y, int64_t k, float* real, float* imaginary) const {
    int64_t q = size_ - k;
    float p_imaginary = k == 0 ? 0.0f : y[2 * k + 1];
    float q_imaginary = k == 0 ? 0.0f : y[2 * q + 1];
    float even_real = 0.5f * (y[2 * k] + y[2 * q]);
    float even_imaginary = 0.5f * (p_imaginary - q_imaginary);
    float rest_real = 0.5f * (y[2 * k] - y[2 * q]);
    float rest_imaginary = 0.5f * (p_imaginary + q_imaginary);
    float cosine = cosines_[static_cast<size_t>(k)];
    float sine = -sines_[static_cast<size_t>(k)];
    float odd_real = rest_real * cosine - rest_imaginary * sine;
    float odd_imaginary = rest_real * sine + rest_imaginary * cosine;
    float scale = 1.0f / static_cast<float>(size_);
    *real = (even_real - odd_imaginary) * scale;
    *imaginary = -(even_imaginary + odd_real) * scale;
  }

  // Number k of the whole spectrum of an odd length, conjugated and scaled.
  void mirror(const float* y, int64_t k, float* real, float* imaginary) const {
    bool mirrored = k > n_ / 2;
    int64_t bin = mirrored ? n_ - k : k;
    float scale = 1.0f / static_cast<float>(size_);
    float value = k == 0 ? 0.0f : y[2 * bin + 1] * scale;
    *real = y[2 * bin] * scale;
    *imaginary = mirrored ? value : -value;
  }

  int64_t n_;
  bool even_;
  int64_t size_;
  Fourier inner_;
  std::vector<float> cosines_, sines_;
};

}  // namespace

bool lower_spectrum(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool backward = node.is("irfft");
  if (!backward && !node.is("rfft")) return false;
  const TensorType& x = backward ? node.outputs[0] : lowering.type(node.inputs[0]);
  if (x.dtype != DType::f32 || x.shape.elements() == 0) return false;
  int64_t n = x.shape[x.shape.rank() - 1];
  int64_t rows = x.shape.elements() / n;
  int64_t blocks = (rows + kLanes - 1) / kLanes;
  int64_t bins = 2 * (n / 2 + 1);
  auto transform = std::make_shared<const RealFourier>(n);
  int64_t team = std::min<int64_t>(lowering.threads(), blocks);
  int scratch =
      lowering.new_buffer(static_cast<size_t>(team * transform->scratch()) * sizeof(float));
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {source}, {target, scratch}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[source]);
    float* to = static_cast<float*>(context.data[target]);
    parallel_for(
        context.threads, blocks, 1024 / (n + 1) + 1, [&](int64_t begin, int64_t end, int thread) {
          float* own = static_cast<float*>(context.data[scratch]) + thread * transform->scratch();
          for (int64_t block = begin; block < end; ++block) {
            int64_t row = block * kLanes;
            int64_t lanes = std::min(kLanes, rows - row);
            if (backward)
              transform->backward(from + row * bins, to + row * n, lanes, own);
            else
              transform->forward(from + row * n, to + row * bins, lanes, own);
          }
        });
  });
  return true;
}

}  // namespace vanda::cpu
