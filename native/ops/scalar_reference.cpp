#include <cmath>

#include "ops/bf16.hpp"
#include "ops/elementwise.hpp"

namespace vanda {

double scalar_reference(Scalar code, const double* x, const double* parameters) {
  switch (code) {
    case Scalar::neg:
      return -x[0];
    case Scalar::exp:
      return std::exp(x[0]);
    case Scalar::log:
      return std::log(x[0]);
    case Scalar::sqrt:
      return std::sqrt(x[0]);
    case Scalar::rsqrt:
      return 1 / std::sqrt(x[0]);
    case Scalar::square:
      return x[0] * x[0];
    case Scalar::abs:
      return std::fabs(x[0]);
    case Scalar::sign:
      return (x[0] > 0) - (x[0] < 0);
    case Scalar::tanh:
      return std::tanh(x[0]);
    case Scalar::sigmoid:
      return 1 / (1 + std::exp(-x[0]));
    case Scalar::relu:
      return x[0] > 0 ? x[0] : x[0] != x[0] ? x[0] : 0;
    case Scalar::leaky_relu:
      return x[0] > 0 ? x[0] : x[0] * parameters[0];
    case Scalar::elu:
      return x[0] > 0 ? x[0] : parameters[0] * std::expm1(x[0]);
    case Scalar::gelu:
      return std::isinf(x[0]) ? std::fmax(x[0], 0)
                              : 0.5 * x[0] * std::erfc(x[0] * -0.7071067811865476);
    case Scalar::gelu_slope:
      return std::isinf(x[0]) ? (x[0] > 0 ? 1 : 0)
                              : 0.5 * std::erfc(x[0] * -0.7071067811865476) +
                                    x[0] * 0.3989422804014327 * std::exp(-0.5 * x[0] * x[0]);
    case Scalar::gelu_tanh: {
      double u = 0.7978845608028654 * (x[0] + 0.044715 * x[0] * x[0] * x[0]);
      return std::isinf(x[0]) ? std::fmax(x[0], 0) : x[0] / (1 + std::exp(-2 * u));
    }
    case Scalar::silu:
      return x[0] / (1 + std::exp(-x[0]));
    case Scalar::reciprocal:
      return 1 / x[0];
    case Scalar::log1p:
      return std::log1p(x[0]);
    case Scalar::expm1:
      return std::expm1(x[0]);
    case Scalar::sin:
      return std::sin(x[0]);
    case Scalar::cos:
      return std::cos(x[0]);
    case Scalar::tan:
      return std::tan(x[0]);
    case Scalar::ceil:
      return std::ceil(x[0]);
    case Scalar::round:
      return std::nearbyint(x[0]);
    case Scalar::trunc:
      return std::trunc(x[0]);
    case Scalar::relu6:
      return x[0] < 0 ? 0 : x[0] > 6 ? 6 : x[0];
    case Scalar::hard_sigmoid:
      return x[0] <= -3 ? 0 : x[0] >= 3 ? 1 : (x[0] + 3) / 6;
    case Scalar::hard_swish:
      return x[0] <= -3 ? 0 : x[0] >= 3 ? x[0] : x[0] * (x[0] + 3) / 6;
    case Scalar::is_nan:
      return std::isnan(x[0]);
    case Scalar::is_finite:
      return std::isfinite(x[0]);
    case Scalar::round_bf16:
      return round_to_bf16(x[0]);
    case Scalar::softplus:
      return std::fmax(x[0], 0) + std::log1p(std::exp(-std::fabs(x[0])));
    case Scalar::clamp:
      return x[0] < parameters[0] ? parameters[0] : x[0] > parameters[1] ? parameters[1] : x[0];
    case Scalar::erf:
      return std::erf(x[0]);
    case Scalar::floor:
      return std::floor(x[0]);
    case Scalar::logical_not:
      return x[0] == 0;
    case Scalar::identity:
      return x[0];
    case Scalar::to_bool:
      return x[0] != 0;
    case Scalar::to_u8:
      return x[0] >= 255 ? 255 : x[0] > 0 ? std::floor(x[0]) : 0;
    case Scalar::add:
      return x[0] + x[1];
    case Scalar::sub:
      return x[0] - x[1];
    case Scalar::mul:
      return x[0] * x[1];
    case Scalar::div:
      return x[0] / x[1];
    case Scalar::pow:
      return std::pow(x[0], x[1]);
    case Scalar::maximum:
      return x[0] > x[1] || std::isnan(x[0]) ? x[0] : x[1];
    case Scalar::minimum:
      return x[0] < x[1] || std::isnan(x[0]) ? x[0] : x[1];
    case Scalar::equal:
      return x[0] == x[1];
    case Scalar::not_equal:
      return x[0] != x[1];
    case Scalar::less:
      return x[0] < x[1];
    case Scalar::less_equal:
      return x[0] <= x[1];
    case Scalar::greater:
      return x[0] > x[1];
    case Scalar::greater_equal:
      return x[0] >= x[1];
    case Scalar::logical_and:
      return x[0] != 0 && x[1] != 0;
    case Scalar::logical_or:
      return x[0] != 0 || x[1] != 0;
    case Scalar::logical_xor:
      return (x[0] != 0) != (x[1] != 0);
    case Scalar::floor_mod: {
      double rest = std::fmod(x[0], x[1]);
      return rest != 0 && (rest < 0) != (x[1] < 0) ? rest + x[1] : rest;
    }
    case Scalar::where:
      return x[0] != 0 ? x[1] : x[2];
  }
  return 0;
}

int64_t integer_reference(Scalar code, const int64_t* x) {
  auto wrap = [](uint64_t value) { return static_cast<int64_t>(value); };
  uint64_t a = static_cast<uint64_t>(x[0]);
  uint64_t b = static_cast<uint64_t>(x[1]);
  switch (code) {
    case Scalar::neg:
      return wrap(0 - a);
    case Scalar::square:
      return wrap(a * a);
    case Scalar::abs:
      return x[0] < 0 ? wrap(0 - a) : x[0];
    case Scalar::sign:
      return (x[0] > 0) - (x[0] < 0);
    case Scalar::identity:
      return x[0];
    case Scalar::add:
      return wrap(a + b);
    case Scalar::sub:
      return wrap(a - b);
    case Scalar::mul:
      return wrap(a * b);
    case Scalar::div:
      return x[1] == 0 ? 0 : x[1] == -1 ? wrap(0 - a) : x[0] / x[1];
    case Scalar::floor_mod: {
      if (x[1] == 0 || x[1] == -1) return 0;
      int64_t rest = x[0] % x[1];
      return rest != 0 && (rest < 0) != (x[1] < 0) ? rest + x[1] : rest;
    }
    case Scalar::maximum:
      return x[0] > x[1] ? x[0] : x[1];
    case Scalar::minimum:
      return x[0] < x[1] ? x[0] : x[1];
    case Scalar::equal:
      return x[0] == x[1];
    case Scalar::not_equal:
      return x[0] != x[1];
    case Scalar::less:
      return x[0] < x[1];
    case Scalar::less_equal:
      return x[0] <= x[1];
    case Scalar::greater:
      return x[0] > x[1];
    case Scalar::greater_equal:
      return x[0] >= x[1];
    case Scalar::where:
      return x[0] != 0 ? x[1] : x[2];
    default:
      return 0;
  }
}

}  // namespace vanda
