// Compiled without contraction of multiply and add, and with logarithm and cosine of its own: a
// library's may differ from machine to machine in the last bit.
#include "runtime/initializers.hpp"

#include <bit>
#include <cmath>

#include "core/philox.hpp"

namespace vanda {

namespace {

// With m in [sqrt(1/2), sqrt(2)) and s = (m - 1) / (m + 1): log(m) = 2 (s + s^3 / 3 + s^5 / 5 ...).
double logarithm(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  auto e = static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++e;
  }
  double s = (m - 1) / (m + 1);
  double z = s * s;
  double sum = 0;
  for (int k = 25; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
  return 2 * s * sum + static_cast<double>(e) * 0.6931471805599453;
}

// The cosine of a number of turns in [0, 1), by the series around the nearest quarter.
double cosine_of_turns(double turns) {
  double quarters = turns * 4;
  double nearest = std::floor(quarters + 0.5);
  double x = (quarters - nearest) * 1.5707963267948966;
  auto quadrant = static_cast<int>(nearest) & 3;
  double z = x * x;
  double even = 1;
  double odd = 1;
  for (int k = 20; k >= 2; k -= 2) even = 1 - even * z / (k * (k - 1));
  for (int k = 21; k >= 3; k -= 2) odd = 1 - odd * z / (k * (k - 1));
  odd *= x;
  switch (quadrant) {
    case 0:
      return even;
    case 1:
      return -odd;
    case 2:
      return -even;
    default:
      return odd;
  }
}

// Box and Muller, 1958.
double normal(PhiloxStream& random) {
  double radius = std::sqrt(-2 * logarithm(1 - random.unit()));
  return radius * cosine_of_turns(random.unit());
}

// Drawn again until it lies within two deviations; this leaves 0.8796 of the deviation.
double truncated_normal(PhiloxStream& random) {
  double value = normal(random);
  while (!(std::fabs(value) < 2)) value = normal(random);
  return value;
}
constexpr double kTruncatedDeviation = 0.87962566103423978;

// Inputs and outputs of one unit: dense weights are [in, out], kernels [KH, KW, in, out].
void fans(const Shape& shape, double& fan_in, double& fan_out) {
  if (shape.rank() < 2) {
    fan_in = fan_out = static_cast<double>(std::max<int64_t>(1, shape.elements()));
    return;
  }
  double field = 1;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) field *= static_cast<double>(shape[axis]);
  fan_in = field * static_cast<double>(shape[shape.rank() - 2]);
  fan_out = field * static_cast<double>(shape[shape.rank() - 1]);
}

// The variance that glorot, he and lecun want; 0 for the others.
double wanted_variance(const std::string& kind, const Shape& shape) {
  double fan_in = 1;
  double fan_out = 1;
  fans(shape, fan_in, fan_out);
  if (kind.starts_with("glorot")) return 2 / (fan_in + fan_out);
  if (kind.starts_with("he")) return 2 / fan_in;
  if (kind.starts_with("lecun")) return 1 / fan_in;
  return 0;
}

// Several sums side by side, always in the same order.
double dot(const double* a, const double* b, int64_t n) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) lanes[0] += a[i] * b[i];
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

// Rows of normal numbers made orthogonal to all before them, twice over against rounding
// (Gram and Schmidt, modified), then brought to length one.
void orthonormalize(std::vector<double>& rows, int64_t count, int64_t length) {
  for (int64_t i = 0; i < count; ++i) {
    double* row = rows.data() + i * length;
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t k = 0; k < i; ++k) {
        const double* done = rows.data() + k * length;
        double part = dot(row, done, length);
        for (int64_t j = 0; j < length; ++j) row[j] -= part * done[j];
      }
    }
    double norm = std::sqrt(dot(row, row, length));
    for (int64_t j = 0; j < length; ++j) row[j] /= norm;
  }
}

// The last dim against all others: the shorter side is made orthonormal.
void orthogonal(const View& view, PhiloxStream& random, double gain) {
  const Shape& shape = view.type->shape;
  int64_t columns = shape[shape.rank() - 1];
  int64_t rows = columns == 0 ? 0 : view.elements() / columns;
  bool tall = rows > columns;
  int64_t count = tall ? columns : rows;
  int64_t length = tall ? rows : columns;
  std::vector<double> matrix(static_cast<size_t>(count * length));
  for (double& value : matrix) value = normal(random);
  orthonormalize(matrix, count, length);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      int64_t at = tall ? c * length + r : r * length + c;
      view.set(r * columns + c, gain * matrix[static_cast<size_t>(at)]);
    }
  }
}

void identity(const View& view, double gain) {
  int64_t columns = view.type->shape[1];
  for (int64_t i = 0; i < view.elements(); ++i) view.set(i, i / columns == i % columns ? gain : 0);
}

}  // namespace

void fill_initial_value(const Node& variable, const View& view) {
  const std::string& kind = variable.text("init");
  double scale = variable.number("scale");
  double variance = wanted_variance(kind, view.type->shape);
  PhiloxStream random(static_cast<uint64_t>(variable.integer("seed")),
                      hash_name(variable.name.data(), variable.name.size()));
  if (kind == "orthogonal") {
    orthogonal(view, random, scale);
    return;
  }
  if (kind == "identity") {
    identity(view, scale);
    return;
  }
  bool scaled = variance > 0;
  bool uniform = kind == "uniform" || kind.ends_with("Uniform");
  bool cut = kind == "truncatedNormal" || (scaled && !uniform);
  double limit = scaled ? std::sqrt(3 * variance) : scale;
  double deviation = scaled ? std::sqrt(variance) / kTruncatedDeviation : scale;
  bool same = kind == "ones" || kind == "constant";
  bool normally = kind == "normal";
  if (!same && !uniform && !cut && !normally) return;  // zeros: nothing is touched before its time
  double repeated = kind == "ones" ? 1 : scale;
  int64_t elements = view.elements();
  for (int64_t i = 0; i < elements; ++i) {
    double value = repeated;
    if (uniform)
      value = (random.unit() * 2 - 1) * limit;
    else if (cut)
      value = truncated_normal(random) * deviation;
    else if (normally)
      value = normal(random) * deviation;
    view.set(i, value);
  }
}

Tensor initial_value(const Node& variable) {
  Tensor tensor(variable.outputs[0]);
  fill_initial_value(variable, View{&tensor.type, tensor.data()});
  return tensor;
}

}  // namespace vanda
