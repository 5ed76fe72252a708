#include "ops/elementwise.hpp"

#include <array>
#include <cmath>

#include "core/error.hpp"
#include "ops/gradients.hpp"

namespace vanda {

namespace {

const std::vector<ScalarInfo>& scalars() {
  static const std::vector<ScalarInfo> table = {
      {Scalar::neg, "neg", 1, {}, "-x."},
      {Scalar::exp, "exp", 1, {}, "e to the power of x."},
      {Scalar::log, "log", 1, {}, "The natural logarithm."},
      {Scalar::sqrt, "sqrt", 1, {}, "The square root."},
      {Scalar::rsqrt, "rsqrt", 1, {}, "1 / sqrt(x)."},
      {Scalar::square, "square", 1, {}, "x * x."},
      {Scalar::abs, "abs", 1, {}, "|x|."},
      {Scalar::sign, "sign", 1, {}, "-1, 0 or 1."},
      {Scalar::tanh, "tanh", 1, {}, "The hyperbolic tangent."},
      {Scalar::sigmoid, "sigmoid", 1, {}, "1 / (1 + exp(-x))."},
      {Scalar::relu, "relu", 1, {}, "max(x, 0)."},
      {Scalar::leaky_relu, "leaky_relu", 1, {"slope"}, "x, or slope * x below 0."},
      {Scalar::elu, "elu", 1, {"alpha"}, "x, or alpha * (exp(x) - 1) below 0."},
      {Scalar::gelu, "gelu", 1, {}, "x times the normal distribution's cumulative function at x."},
      {Scalar::silu, "silu", 1, {}, "x * sigmoid(x)."},
      {Scalar::softplus, "softplus", 1, {}, "log(1 + exp(x)), safe for large values."},
      {Scalar::clamp, "clamp", 1, {"low", "high"}, "x, but not below low nor above high."},
      {Scalar::erf, "erf", 1, {}, "The error function."},
      {Scalar::floor, "floor", 1, {}, "The greatest whole number that is not above x."},
      {Scalar::logical_not, "logical_not", 1, {}, "True where x is false."},
      {Scalar::identity, "stop_gradient", 1, {}, "x itself, through which no gradient flows."},
      {Scalar::add, "add", 2, {}, "a + b."},
      {Scalar::sub, "sub", 2, {}, "a - b."},
      {Scalar::mul, "mul", 2, {}, "a * b."},
      {Scalar::div, "div", 2, {}, "a / b; integers are cut towards zero, and x / 0 is 0."},
      {Scalar::pow, "pow", 2, {}, "a to the power of b."},
      {Scalar::maximum, "maximum", 2, {}, "The greater of a and b."},
      {Scalar::minimum, "minimum", 2, {}, "The smaller of a and b."},
      {Scalar::equal, "equal", 2, {}, "True where a = b."},
      {Scalar::not_equal, "not_equal", 2, {}, "True where a and b differ."},
      {Scalar::less, "less", 2, {}, "True where a < b."},
      {Scalar::less_equal, "less_equal", 2, {}, "True where a <= b."},
      {Scalar::greater, "greater", 2, {}, "True where a > b."},
      {Scalar::greater_equal, "greater_equal", 2, {}, "True where a >= b."},
      {Scalar::logical_and, "logical_and", 2, {}, "True where a and b are."},
      {Scalar::logical_or, "logical_or", 2, {}, "True where a or b is."},
      {Scalar::where, "where", 3, {}, "a where the condition is true, b elsewhere."},
      {Scalar::gelu_slope, "gelu_slope", 1, {}, "The derivative of gelu at x."},
      {Scalar::floor_mod,
       "floor_mod",
       2,
       {},
       "a - floor(a / b) * b: the remainder with the sign of b; for integers, 0 where b is 0."},
      {Scalar::logical_xor,
       "logical_xor",
       2,
       {},
       "True where one of a and b is and the other is not."},
      {Scalar::reciprocal, "reciprocal", 1, {}, "1 / x."},
      {Scalar::log1p, "log1p", 1, {}, "log(1 + x), exact near 0."},
      {Scalar::expm1, "expm1", 1, {}, "exp(x) - 1, exact near 0."},
      {Scalar::sin, "sin", 1, {}, "The sine of an angle in radians of any size."},
      {Scalar::cos, "cos", 1, {}, "The cosine of an angle in radians of any size."},
      {Scalar::tan, "tan", 1, {}, "The tangent of an angle in radians of any size."},
      {Scalar::ceil, "ceil", 1, {}, "The smallest whole number that is not below x."},
      {Scalar::round, "round", 1, {}, "The nearest whole number; halves go to the even one."},
      {Scalar::trunc, "trunc", 1, {}, "x without what is behind the point."},
      {Scalar::relu6, "relu6", 1, {}, "min(max(x, 0), 6)."},
      {Scalar::gelu_tanh, "gelu_tanh", 1, {}, "The approximation of gelu by tanh."},
      {Scalar::hard_sigmoid, "hard_sigmoid", 1, {}, "relu6(x + 3) / 6."},
      {Scalar::hard_swish, "hard_swish", 1, {}, "x * relu6(x + 3) / 6."},
      {Scalar::is_nan, "is_nan", 1, {}, "True where x is not a number."},
      {Scalar::is_finite, "is_finite", 1, {}, "True where x is neither infinite nor NaN."},
      {Scalar::round_bf16,
       "round_bf16",
       1,
       {},
       "The nearest number of bfloat16, halves to the even one; the gradient passes straight "
       "through."},
  };
  return table;
}

bool is_compare(Scalar code) { return code >= Scalar::equal && code <= Scalar::greater_equal; }
bool is_logical(Scalar code) {
  return code == Scalar::logical_and || code == Scalar::logical_or || code == Scalar::logical_not ||
         code == Scalar::logical_xor;
}
bool is_test(Scalar code) { return code == Scalar::is_nan || code == Scalar::is_finite; }
// Piecewise constant: what lets no gradient through.
bool is_flat(Scalar code) {
  switch (code) {
    case Scalar::identity:
    case Scalar::sign:
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::round:
    case Scalar::trunc:
      return true;
    default:
      return is_compare(code) || is_logical(code) || is_test(code);
  }
}
// What integers may do as well as floats.
bool takes_integers(Scalar code) {
  switch (code) {
    case Scalar::neg:
    case Scalar::square:
    case Scalar::abs:
    case Scalar::sign:
    case Scalar::identity:
    case Scalar::add:
    case Scalar::sub:
    case Scalar::mul:
    case Scalar::div:
    case Scalar::maximum:
    case Scalar::minimum:
    case Scalar::where:
    case Scalar::floor_mod:
      return true;
    default:
      return is_compare(code);
  }
}

DType result_dtype(const ScalarInfo& info, std::span<const TensorType> inputs) {
  size_t first = info.code == Scalar::where ? 1 : 0;
  DType dtype = inputs[first].dtype;
  for (size_t i = first; i < inputs.size(); ++i) {
    if (inputs[i].dtype != dtype) {
      throw Error("dtype_mismatch", info.op,
                  "the inputs are " + std::string(dtype_name(dtype)) + " and " +
                      std::string(dtype_name(inputs[i].dtype)) + "; cast one of them");
    }
  }
  if (info.code == Scalar::where) {
    if (inputs[0].dtype != DType::boolean) {
      throw Error("dtype_mismatch", info.op, "the condition must be bool");
    }
    return dtype;
  }
  if (info.code == Scalar::identity) return dtype;
  if (is_logical(info.code)) {
    if (dtype != DType::boolean) throw Error("dtype_mismatch", info.op, "takes bool inputs");
    return DType::boolean;
  }
  if (is_compare(info.code)) return DType::boolean;
  if (!is_float(dtype) && !(takes_integers(info.code) && is_integer(dtype))) {
    throw Error("dtype_mismatch", info.op,
                "does not take " + std::string(dtype_name(dtype)) + "; cast to f32 first");
  }
  if (is_test(info.code)) return DType::boolean;
  return dtype;
}

std::vector<TensorType> infer(const Node& node, std::span<const TensorType> inputs) {
  const ScalarInfo& info = *scalar_of_op(node.op->name);
  Shape shape = inputs[0].shape;
  for (size_t i = 1; i < inputs.size(); ++i) shape = broadcast(shape, inputs[i].shape, info.op);
  return {TensorType{result_dtype(info, inputs), std::move(shape)}};
}

void reference(const Node& node, std::span<const ConstView> inputs, std::span<const View> outputs) {
  const ScalarInfo& info = *scalar_of_op(node.op->name);
  std::array<double, 2> parameters{};
  for (size_t i = 0; i < info.parameters.size(); ++i) {
    parameters[i] = node.number(info.parameters[i]);
  }
  std::vector<BroadcastIndex> index;
  for (const ConstView& input : inputs)
    index.emplace_back(input.type->shape, outputs[0].type->shape);
  bool integers = is_integer(inputs.back().type->dtype);
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    std::array<double, 3> x{};
    std::array<int64_t, 3> n{};
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (integers)
        n[k] = inputs[k].at_integer(index[k](i));
      else
        x[k] = inputs[k].at(index[k](i));
    }
    if (integers)
      outputs[0].set_integer(i, integer_reference(info.code, n.data()));
    else
      outputs[0].set(i, scalar_reference(info.code, x.data(), parameters.data()));
  }
}

std::vector<TensorType> infer_cast(const Node& node, std::span<const TensorType> inputs) {
  std::optional<DType> dtype = dtype_from_name(node.text("dtype"));
  if (!dtype) {
    throw Error("invalid_attribute", "cast", "there is no dtype '" + node.text("dtype") + "'");
  }
  return {TensorType{*dtype, inputs[0].shape}};
}

void reference_cast(const Node&, std::span<const ConstView> inputs, std::span<const View> outputs) {
  bool integers = !is_float(inputs[0].type->dtype);
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    if (integers)
      outputs[0].set_integer(i, inputs[0].at_integer(i));
    else
      outputs[0].set(i, inputs[0].at(i));
  }
}

void reference_fused(const Node& node, std::span<const ConstView> inputs,
                     std::span<const View> outputs) {
  const FusedProgram& program = *node.program;
  std::vector<BroadcastIndex> index;
  for (const ConstView& input : inputs)
    index.emplace_back(input.type->shape, outputs[0].type->shape);
  std::vector<double> registers;
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    registers.clear();
    for (size_t k = 0; k < inputs.size(); ++k) registers.push_back(inputs[k].at(index[k](i)));
    registers.insert(registers.end(), program.constants.begin(), program.constants.end());
    for (const FusedInstruction& step : program.code) {
      double x[3] = {0, 0, 0};
      if (step.a >= 0) x[0] = registers[static_cast<size_t>(step.a)];
      if (step.b >= 0) x[1] = registers[static_cast<size_t>(step.b)];
      if (step.c >= 0) x[2] = registers[static_cast<size_t>(step.c)];
      registers.push_back(scalar_reference(step.code, x, step.parameters));
    }
    for (size_t k = 0; k < outputs.size(); ++k) {
      outputs[k].set(i, registers[static_cast<size_t>(program.results[k])]);
    }
  }
}

OpDoc doc_of(const ScalarInfo& info) {
  OpDoc doc{info.doc, "", "f32", "own"};
  doc.shapes = info.arity == 1   ? "x -> the shape of x"
               : info.arity == 2 ? "a, b broadcast -> their common shape"
                                 : "condition, a, b broadcast -> their common shape";
  if (is_logical(info.code)) doc.dtypes = "bool";
  if (info.code == Scalar::where || info.code == Scalar::identity || is_compare(info.code)) {
    doc.dtypes = "any";
  } else if (takes_integers(info.code)) {
    doc.dtypes = "f32, i32, i64";
  }
  return doc;
}

double fallback_parameter(const std::string& name) {
  return name == "slope" ? 0.01 : name == "alpha" ? 1.0 : 0.0;
}

}  // namespace

std::span<const ScalarInfo> scalar_table() { return scalars(); }

const ScalarInfo* scalar_of_op(const std::string& op) {
  for (const ScalarInfo& info : scalars()) {
    if (op == info.op) return &info;
  }
  return nullptr;
}

BroadcastIndex::BroadcastIndex(const Shape& input, const Shape& output)
    : dims_(output.dims()), strides_(output.dims().size(), 0) {
  std::vector<int64_t> own = input.strides();
  int offset = output.rank() - input.rank();
  for (int axis = 0; axis < input.rank(); ++axis) {
    if (input[axis] != 1) {
      strides_[static_cast<size_t>(axis + offset)] = own[static_cast<size_t>(axis)];
    }
  }
}

int64_t BroadcastIndex::operator()(int64_t flat) const {
  int64_t index = 0;
  for (size_t axis = dims_.size(); axis-- > 0;) {
    index += flat % dims_[axis] * strides_[axis];
    flat /= dims_[axis];
  }
  return index;
}

void register_elementwise() {
  for (const ScalarInfo& info : scalars()) {
    OpSpec spec;
    spec.name = info.op;
    spec.op_class = OpClass::elementwise;
    spec.inputs_min = spec.inputs_max = info.arity;
    for (const char* parameter : info.parameters) {
      std::optional<Attribute> fallback;
      if (info.code != Scalar::clamp) fallback = fallback_parameter(parameter);
      spec.attributes.push_back({parameter, AttributeKind::number, fallback});
    }
    spec.doc = doc_of(info);
    spec.infer = infer;
    spec.reference = reference;
    spec.gradient = elementwise_gradient(info.code);
    spec.zero_gradient = is_flat(info.code);
    register_op(std::move(spec));
  }
  OpSpec cast;
  cast.name = "cast";
  cast.op_class = OpClass::elementwise;
  cast.inputs_min = cast.inputs_max = 1;
  cast.attributes = {{"dtype", AttributeKind::text, std::nullopt}};
  cast.doc = {"The same numbers in another dtype; floats are cut towards zero and saturate.",
              "x -> the shape of x", "any"};
  cast.infer = infer_cast;
  cast.reference = reference_cast;
  cast.gradient = cast_gradient;
  register_op(std::move(cast));
  OpSpec fused;
  fused.name = "fused";
  fused.op_class = OpClass::internal;
  fused.inputs_min = 0;
  fused.inputs_max = 64;
  fused.reference = reference_fused;
  register_op(std::move(fused));
}

}  // namespace vanda
