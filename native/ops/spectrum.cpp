#include <cmath>
#include <numbers>

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// Far above any frame of sound, far below what a table of the plan could not hold.
constexpr int64_t kLengthMax = int64_t{1} << 24;

// rfft(x [..., n]) -> [..., n / 2 + 1, 2]: sum over t of x[t] exp(-2 pi i k t / n), as its real and
// imaginary part.
std::vector<TensorType> infer_rfft(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  int64_t n = x.rank() >= 1 ? x[x.rank() - 1] : 0;
  if (!is_float(inputs[0].dtype) || n < 1 || n > kLengthMax) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 [..., T] with T from 1 to 2^24, not " + inputs[0].text());
  }
  std::vector<int64_t> dims = x.dims();
  dims.back() = n / 2 + 1;
  dims.push_back(2);
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

// The angle of k t / n of a turn; taken modulo n first, so that large products lose nothing.
double angle(int64_t k, int64_t t, int64_t n) {
  return 2 * std::numbers::pi * static_cast<double>(k * t % n) / static_cast<double>(n);
}

void reference_rfft(const Node&, Inputs inputs, Outputs outputs) {
  const Shape& x = inputs[0].type->shape;
  int64_t n = x[x.rank() - 1];
  int64_t bins = n / 2 + 1;
  for (int64_t row = 0; row < x.elements() / n; ++row) {
    for (int64_t k = 0; k < bins; ++k) {
      double real = 0;
      double imaginary = 0;
      for (int64_t t = 0; t < n; ++t) {
        real += inputs[0].at(row * n + t) * std::cos(angle(k, t, n));
        imaginary -= inputs[0].at(row * n + t) * std::sin(angle(k, t, n));
      }
      outputs[0].set((row * bins + k) * 2, real);
      outputs[0].set((row * bins + k) * 2 + 1, imaginary);
    }
  }
}

// The first bin, and for an even length the last, stand for themselves; each other one also for its
// mirror image, which a real signal has.
bool alone(int64_t k, int64_t n) { return k == 0 || 2 * k == n; }

// x times a factor for the bins that stand alone and another for those that stand for two.
Value scaled_bins(Emit& emit, Value x, int64_t n, double single, double twofold) {
  Tensor factors(TensorType{emit.graph.type(x).dtype, Shape{n / 2 + 1, 1}});
  View view{&factors.type, factors.data()};
  for (int64_t k = 0; k < n / 2 + 1; ++k) view.set(k, alone(k, n) ? single : twofold);
  return emit.mul(x, Value{emit.graph.add_constant(std::move(factors)), 0});
}

std::vector<Value> grad_rfft(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  const Shape x = graph.type(graph.node(node).inputs[0]).shape;
  int64_t n = x[x.rank() - 1];
  double scale = static_cast<double>(n);
  Value bins = scaled_bins(emit, grads[0], n, scale, scale / 2);
  return {emit.op("irfft", {bins}, {{"length", n}})};
}

// irfft(y [..., n / 2 + 1, 2]) -> [..., n]: the opposite of rfft.
std::vector<TensorType> infer_irfft(const Node& node, Types inputs) {
  const Shape& y = inputs[0].shape;
  int64_t n = node.integer("length");
  if (n < 1 || n > kLengthMax) {
    throw Error("invalid_attribute", node.op->name, "the length must lie in 1 .. 2^24");
  }
  bool fits = is_float(inputs[0].dtype) && y.rank() >= 2 && y[y.rank() - 1] == 2 &&
              y[y.rank() - 2] == n / 2 + 1;
  if (!fits) {
    throw Error("shape_mismatch", node.op->name,
                "a length of " + std::to_string(n) + " needs f32 [..., " +
                    std::to_string(n / 2 + 1) + ", 2], not " + inputs[0].text());
  }
  std::vector<int64_t> dims(y.dims().begin(), y.dims().end() - 1);
  dims.back() = n;
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_irfft(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t n = node.integer("length");
  int64_t bins = n / 2 + 1;
  for (int64_t row = 0; row < outputs[0].elements() / n; ++row) {
    for (int64_t t = 0; t < n; ++t) {
      double sum = 0;
      for (int64_t k = 0; k < bins; ++k) {
        double part = inputs[0].at((row * bins + k) * 2) * std::cos(angle(k, t, n)) -
                      inputs[0].at((row * bins + k) * 2 + 1) * std::sin(angle(k, t, n));
        sum +=
            alone(k, n) ? inputs[0].at((row * bins + k) * 2) * std::cos(angle(k, t, n)) : 2 * part;
      }
      outputs[0].set(row * n + t, sum / static_cast<double>(n));
    }
  }
}

std::vector<Value> grad_irfft(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  int64_t n = graph.node(node).integer("length");
  Value bins = emit.op("rfft", {grads[0]});
  return {scaled_bins(emit, bins, n, 1 / static_cast<double>(n), 2 / static_cast<double>(n))};
}

}  // namespace

void register_spectrum() {
  OpSpec rfft;
  rfft.name = "rfft";
  rfft.inputs_min = rfft.inputs_max = 1;
  rfft.infer = infer_rfft;
  rfft.reference = reference_rfft;
  rfft.gradient = grad_rfft;
  rfft.costly = true;
  rfft.doc = {
      "The discrete Fourier transform of real signals of any length: real and imaginary part "
      "of the bins from 0 to half the rate.",
      "x [..., T] -> [..., T / 2 + 1, 2]"};
  OpSpec irfft = rfft;
  irfft.name = "irfft";
  irfft.attributes = {{"length", AttributeKind::integer, std::nullopt}};
  irfft.infer = infer_irfft;
  irfft.reference = reference_irfft;
  irfft.gradient = grad_irfft;
  irfft.doc = {"The real signals whose transform this is; the opposite of rfft.",
               "y [..., length / 2 + 1, 2] -> [..., length]"};
  register_op(std::move(rfft));
  register_op(std::move(irfft));
}

}  // namespace vanda
