#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "backend/cpu/fourier.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

// A real transform of length n: an even one as a complex one of half the length, whose real parts
// are the even places and whose imaginary parts the odd ones.
class RealFourier {
 public:
  explicit RealFourier(int64_t n) : n_(n), even_(n % 2 == 0), inner_(even_ ? n / 2 : n) {
    for (int64_t k = 0; even_ && k <= n / 2; ++k) {
      double turn = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      cosines_.push_back(static_cast<float>(std::cos(turn)));
      sines_.push_back(static_cast<float>(std::sin(turn)));
    }
  }

  int64_t scratch() const { return 2 * n_ + inner_.scratch(); }

  void forward(const float* x, float* y, float* scratch) const {
    int64_t m = even_ ? n_ / 2 : n_;
    float* a = scratch;
    float* b = scratch + m;
    for (int64_t t = 0; t < m; ++t) {
      a[t] = even_ ? x[2 * t] : x[t];
      b[t] = even_ ? x[2 * t + 1] : 0.0f;
    }
    inner_.run(a, b, scratch + 2 * n_);
    for (int64_t k = 0; k <= n_ / 2; ++k) {
      if (!even_) {
        y[2 * k] = a[k];
        y[2 * k + 1] = b[k];
        continue;
      }
      // The transforms of the even and of the odd places, out of the sum and the difference with
      // the mirror image.
      int64_t p = k == m ? 0 : k;
      int64_t q = k == 0 ? 0 : m - k;
      float even_real = 0.5f * (a[p] + a[q]);
      float even_imaginary = 0.5f * (b[p] - b[q]);
      float odd_real = 0.5f * (b[p] + b[q]);
      float odd_imaginary = -0.5f * (a[p] - a[q]);
      float cosine = cosines_[static_cast<size_t>(k)];
      float sine = sines_[static_cast<size_t>(k)];
      y[2 * k] = even_real + odd_real * cosine - odd_imaginary * sine;
      y[2 * k + 1] = even_imaginary + odd_real * sine + odd_imaginary * cosine;
    }
  }

  void backward(const float* y, float* x, float* scratch) const {
    int64_t m = even_ ? n_ / 2 : n_;
    float* a = scratch;
    float* b = scratch + m;
    float scale = 1.0f / static_cast<float>(m);
    for (int64_t k = 0; k < m; ++k) {
      if (!even_) {
        // The whole spectrum, conjugated: the mirror image is there already.
        bool mirrored = k > n_ / 2;
        int64_t bin = mirrored ? n_ - k : k;
        float imaginary = k == 0 ? 0.0f : y[2 * bin + 1];
        a[k] = y[2 * bin] * scale;
        b[k] = (mirrored ? imaginary : -imaginary) * scale;
        continue;
      }
      int64_t q = m - k;
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
      a[k] = (even_real - odd_imaginary) * scale;
      b[k] = -(even_imaginary + odd_real) * scale;
    }
    // Forward of the conjugate is the conjugate of backward.
    inner_.run(a, b, scratch + 2 * n_);
    for (int64_t t = 0; t < m; ++t) {
      if (even_) {
        x[2 * t] = a[t];
        x[2 * t + 1] = -b[t];
      } else {
        x[t] = a[t];
      }
    }
  }

 private:
  int64_t n_;
  bool even_;
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
  int64_t bins = 2 * (n / 2 + 1);
  auto transform = std::make_shared<const RealFourier>(n);
  int64_t team = std::min<int64_t>(lowering.threads(), rows);
  int scratch =
      lowering.new_buffer(static_cast<size_t>(team * transform->scratch()) * sizeof(float));
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {source}, {target, scratch}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[source]);
    float* to = static_cast<float*>(context.data[target]);
    parallel_for(
        context.threads, rows, 4096 / (n + 1) + 1, [&](int64_t begin, int64_t end, int thread) {
          float* own = static_cast<float*>(context.data[scratch]) + thread * transform->scratch();
          for (int64_t row = begin; row < end; ++row) {
            if (backward)
              transform->backward(from + row * bins, to + row * n, own);
            else
              transform->forward(from + row * n, to + row * bins, own);
          }
        });
  });
  return true;
}

}  // namespace vanda::cpu
