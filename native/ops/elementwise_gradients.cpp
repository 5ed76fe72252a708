#include "core/emit.hpp"
#include "ops/gradients.hpp"

namespace vanda {

namespace {

// A unary op's derivative, written as nodes of x, y = f(x) and the incoming gradient.
struct Unary {
  Unary(Graph& graph, int node, std::span<const Value> grads)
      : emit(graph), x(graph.node(node).inputs[0]), y{node, 0}, dy(grads[0]) {}
  Emit emit;
  Value x;
  Value y;
  Value dy;
};

struct Binary {
  Binary(Graph& graph, int node, std::span<const Value> grads)
      : emit(graph),
        a(graph.node(node).inputs[0]),
        b(graph.node(node).inputs[1]),
        y{node, 0},
        dy(grads[0]) {}
  std::vector<Value> result(Value da, Value db) {
    return {emit.reduce_to(da, a), emit.reduce_to(db, b)};
  }
  Emit emit;
  Value a;
  Value b;
  Value y;
  Value dy;
};

using Values = std::vector<Value>;
using Grads = std::span<const Value>;

Values grad_neg(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.neg(u.dy)};
}
Values grad_exp(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.y)};
}
Values grad_log(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.div(u.dy, u.x)};
}
Values grad_sqrt(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.div(u.emit.mul(u.dy, 0.5), u.y)};
}
Values grad_rsqrt(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  Value cube = u.emit.mul(u.y, u.emit.mul(u.y, u.y));
  return {u.emit.mul(u.emit.mul(u.dy, -0.5), cube)};
}
Values grad_square(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.mul(u.x, 2))};
}
Values grad_abs(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.op("sign", {u.x}))};
}
Values grad_tanh(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.sub(u.dy, u.emit.mul(u.dy, u.emit.op("square", {u.y})))};
}
Values grad_sigmoid(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.sub(u.y, u.emit.op("square", {u.y})))};
}
// Written with y, not x: the pre-activation can then die inside a matmul or convolution.
Values grad_relu(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  Value zero = u.emit.scalar(0, u.x);
  return {u.emit.where(u.emit.op("greater", {u.y, zero}), u.dy, zero)};
}
Values grad_leaky_relu(Graph& graph, int node, Grads grads) {
  double slope = graph.node(node).number("slope");
  Unary u(graph, node, grads);
  Value positive = u.emit.op("greater", {u.x, u.emit.scalar(0, u.x)});
  return {u.emit.where(positive, u.dy, u.emit.mul(u.dy, slope))};
}
Values grad_elu(Graph& graph, int node, Grads grads) {
  double alpha = graph.node(node).number("alpha");
  Unary u(graph, node, grads);
  Value positive = u.emit.op("greater", {u.x, u.emit.scalar(0, u.x)});
  return {u.emit.where(positive, u.dy, u.emit.mul(u.dy, u.emit.add(u.y, alpha)))};
}
Values grad_gelu(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.op("gelu_slope", {u.x}))};
}
// The slope is Phi(x) + x phi(x), with the normal distribution's Phi and phi; its own is
// phi(x) (2 - x^2).
Values grad_gelu_slope(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  Value square = u.emit.op("square", {u.x});
  Value density = u.emit.mul(u.emit.op("exp", {u.emit.mul(square, -0.5)}), 0.3989422804014327);
  return {u.emit.mul(u.dy, u.emit.mul(density, u.emit.sub(u.emit.scalar(2, u.x), square)))};
}
Values grad_silu(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  Value s = u.emit.op("sigmoid", {u.x});
  Value slope = u.emit.add(s, u.emit.mul(u.y, u.emit.sub(u.emit.scalar(1, u.x), s)));
  return {u.emit.mul(u.dy, slope)};
}
Values grad_softplus(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.op("sigmoid", {u.x}))};
}
Values grad_clamp(Graph& graph, int node, Grads grads) {
  double low = graph.node(node).number("low");
  double high = graph.node(node).number("high");
  Unary u(graph, node, grads);
  Value above = u.emit.op("greater_equal", {u.x, u.emit.scalar(low, u.x)});
  Value below = u.emit.op("less_equal", {u.x, u.emit.scalar(high, u.x)});
  Value inside = u.emit.op("logical_and", {above, below});
  return {u.emit.where(inside, u.dy, u.emit.scalar(0, u.x))};
}
Values grad_erf(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  Value bell = u.emit.op("exp", {u.emit.neg(u.emit.op("square", {u.x}))});
  return {u.emit.mul(u.dy, u.emit.mul(bell, 1.1283791670955126))};
}

// Straight through, as through a cast.
Values grad_round_bf16(Graph&, int, Grads grads) { return {grads[0]}; }

Values grad_reciprocal(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.neg(u.emit.mul(u.dy, u.emit.op("square", {u.y})))};
}
Values grad_log1p(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.div(u.dy, u.emit.add(u.x, 1))};
}
Values grad_expm1(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.add(u.y, 1))};
}
Values grad_sin(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.op("cos", {u.x}))};
}
Values grad_cos(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.neg(u.emit.mul(u.dy, u.emit.op("sin", {u.x})))};
}
Values grad_tan(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {u.emit.mul(u.dy, u.emit.add(u.emit.op("square", {u.y}), 1))};
}
// dy where y lies strictly between two values, 0 where it has run into one of them.
Value where_inside(Unary& u, double low, double high, Value slope) {
  Value above = u.emit.op("greater", {u.y, u.emit.scalar(low, u.y)});
  Value below = u.emit.op("less", {u.y, u.emit.scalar(high, u.y)});
  return u.emit.where(u.emit.op("logical_and", {above, below}), slope, u.emit.scalar(0, u.x));
}
Values grad_relu6(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {where_inside(u, 0, 6, u.dy)};
}
Values grad_hard_sigmoid(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  return {where_inside(u, 0, 1, u.emit.mul(u.dy, 1.0 / 6))};
}
Values grad_hard_swish(Graph& graph, int node, Grads grads) {
  Unary u(graph, node, grads);
  Value zero = u.emit.scalar(0, u.x);
  Value slope = u.emit.add(u.emit.mul(u.x, 1.0 / 3), 0.5);
  Value above = u.emit.op("greater_equal", {u.x, u.emit.scalar(3, u.x)});
  Value below = u.emit.op("less_equal", {u.x, u.emit.scalar(-3, u.x)});
  Value inner = u.emit.where(above, u.dy, u.emit.mul(u.dy, slope));
  return {u.emit.where(below, zero, inner)};
}
// With u = c (x + a x^3) and t = tanh(u): (1 + t) / 2 + x (1 - t^2) u' / 2.
Values grad_gelu_tanh(Graph& graph, int node, Grads grads) {
  constexpr double kScale = 0.7978845608028654, kCube = 0.044715;
  Unary u(graph, node, grads);
  Value square = u.emit.op("square", {u.x});
  Value inner = u.emit.mul(u.x, u.emit.add(u.emit.mul(square, kScale * kCube), kScale));
  Value t = u.emit.op("tanh", {inner});
  Value steep = u.emit.add(u.emit.mul(square, 1.5 * kScale * kCube), 0.5 * kScale);
  Value bell = u.emit.sub(u.emit.scalar(1, u.x), u.emit.op("square", {t}));
  Value slope =
      u.emit.add(u.emit.mul(u.emit.add(t, 1), 0.5), u.emit.mul(u.x, u.emit.mul(bell, steep)));
  return {u.emit.mul(u.dy, slope)};
}

Values grad_add(Graph& graph, int node, Grads grads) {
  Binary b(graph, node, grads);
  return b.result(b.dy, b.dy);
}
Values grad_sub(Graph& graph, int node, Grads grads) {
  Binary b(graph, node, grads);
  return b.result(b.dy, b.emit.neg(b.dy));
}
Values grad_mul(Graph& graph, int node, Grads grads) {
  Binary b(graph, node, grads);
  return b.result(b.emit.mul(b.dy, b.b), b.emit.mul(b.dy, b.a));
}
Values grad_div(Graph& graph, int node, Grads grads) {
  Binary b(graph, node, grads);
  Value da = b.emit.div(b.dy, b.b);
  return b.result(da, b.emit.neg(b.emit.mul(da, b.y)));
}
Values grad_pow(Graph& graph, int node, Grads grads) {
  Binary b(graph, node, grads);
  Value one_less = b.emit.sub(b.b, b.emit.scalar(1, b.b));
  Value da = b.emit.mul(b.dy, b.emit.mul(b.b, b.emit.op("pow", {b.a, one_less})));
  // The logarithm is only taken where the base is positive; elsewhere y does not move with b.
  Value zero = b.emit.scalar(0, b.a);
  Value positive = b.emit.op("greater", {b.a, zero});
  Value base = b.emit.where(positive, b.a, b.emit.scalar(1, b.a));
  Value db = b.emit.mul(b.dy, b.emit.mul(b.y, b.emit.op("log", {base})));
  return b.result(da, db);
}
// The quotient's whole part does not move with a or b.
Values grad_floor_mod(Graph& graph, int node, Grads grads) {
  Binary b(graph, node, grads);
  Value whole = b.emit.op("floor", {b.emit.div(b.a, b.b)});
  return b.result(b.dy, b.emit.neg(b.emit.mul(b.dy, whole)));
}
// Ties give the whole gradient to the first input.
Values grad_extremum(Graph& graph, int node, Grads grads) {
  bool maximum = graph.node(node).is("maximum");
  Binary b(graph, node, grads);
  Value first = b.emit.op(maximum ? "greater_equal" : "less_equal", {b.a, b.b});
  Value zero = b.emit.scalar(0, b.a);
  return b.result(b.emit.where(first, b.dy, zero), b.emit.where(first, zero, b.dy));
}
Values grad_where(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> inputs = graph.node(node).inputs;
  Value zero = emit.scalar(0, inputs[1]);
  Value da = emit.where(inputs[0], grads[0], zero);
  Value db = emit.where(inputs[0], zero, grads[0]);
  return {kNoValue, emit.reduce_to(da, inputs[1]), emit.reduce_to(db, inputs[2])};
}

}  // namespace

GradientFn elementwise_gradient(Scalar code) {
  switch (code) {
    case Scalar::neg:
      return grad_neg;
    case Scalar::exp:
      return grad_exp;
    case Scalar::log:
      return grad_log;
    case Scalar::sqrt:
      return grad_sqrt;
    case Scalar::rsqrt:
      return grad_rsqrt;
    case Scalar::square:
      return grad_square;
    case Scalar::abs:
      return grad_abs;
    case Scalar::tanh:
      return grad_tanh;
    case Scalar::sigmoid:
      return grad_sigmoid;
    case Scalar::relu:
      return grad_relu;
    case Scalar::leaky_relu:
      return grad_leaky_relu;
    case Scalar::elu:
      return grad_elu;
    case Scalar::gelu:
      return grad_gelu;
    case Scalar::gelu_slope:
      return grad_gelu_slope;
    case Scalar::silu:
      return grad_silu;
    case Scalar::softplus:
      return grad_softplus;
    case Scalar::clamp:
      return grad_clamp;
    case Scalar::erf:
      return grad_erf;
    case Scalar::round_bf16:
      return grad_round_bf16;
    case Scalar::reciprocal:
      return grad_reciprocal;
    case Scalar::log1p:
      return grad_log1p;
    case Scalar::expm1:
      return grad_expm1;
    case Scalar::sin:
      return grad_sin;
    case Scalar::cos:
      return grad_cos;
    case Scalar::tan:
      return grad_tan;
    case Scalar::relu6:
      return grad_relu6;
    case Scalar::hard_sigmoid:
      return grad_hard_sigmoid;
    case Scalar::hard_swish:
      return grad_hard_swish;
    case Scalar::gelu_tanh:
      return grad_gelu_tanh;
    case Scalar::floor_mod:
      return grad_floor_mod;
    case Scalar::add:
      return grad_add;
    case Scalar::sub:
      return grad_sub;
    case Scalar::mul:
      return grad_mul;
    case Scalar::div:
      return grad_div;
    case Scalar::pow:
      return grad_pow;
    case Scalar::maximum:
    case Scalar::minimum:
      return grad_extremum;
    case Scalar::where:
      return grad_where;
    default:
      return nullptr;
  }
}

std::vector<Value> cast_gradient(Graph& graph, int node, std::span<const Value> grads) {
  DType from = graph.type(graph.node(node).inputs[0]).dtype;
  if (!is_float(from)) return {kNoValue};
  return {Emit(graph).cast(grads[0], from)};
}

}  // namespace vanda
