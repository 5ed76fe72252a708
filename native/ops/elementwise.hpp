#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/graph.hpp"

namespace vanda {

// Every scalar function that elementwise ops and fused programs are made of.
enum class Scalar : uint8_t {
  neg,
  exp,
  log,
  sqrt,
  rsqrt,
  square,
  abs,
  sign,
  tanh,
  sigmoid,
  relu,
  leaky_relu,
  elu,
  gelu,
  silu,
  softplus,
  clamp,
  erf,
  floor,
  logical_not,
  identity,
  to_bool,
  to_u8,
  add,
  sub,
  mul,
  div,
  pow,
  maximum,
  minimum,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  where,
  gelu_slope,
  floor_mod,
  logical_xor,
  reciprocal,
  log1p,
  expm1,
  sin,
  cos,
  tan,
  ceil,
  round,
  trunc,
  relu6,
  gelu_tanh,
  hard_sigmoid,
  hard_swish,
  is_nan,
  is_finite,
  round_bf16,
};

struct ScalarInfo {
  Scalar code;
  const char* op;  // the graph op that it belongs to
  int arity;
  std::vector<const char*> parameters;  // number attributes, at most two
  const char* doc;                      // for the reference page
};

std::span<const ScalarInfo> scalar_table();
const ScalarInfo* scalar_of_op(const std::string& op);

// The plain meaning of each code, in double precision: what kernels are tested against.
double scalar_reference(Scalar code, const double* x, const double* parameters);
// The same on integers, which wrap around; 0 for codes that integers have no meaning for.
int64_t integer_reference(Scalar code, const int64_t* x);

// For each element of the output, the index of the element of an input that broadcasts to it.
class BroadcastIndex {
 public:
  BroadcastIndex(const Shape& input, const Shape& output);
  int64_t operator()(int64_t flat) const;

 private:
  std::vector<int64_t> dims_;
  std::vector<int64_t> strides_;
};

struct FusedInstruction {
  Scalar code;
  int a = -1;
  int b = -1;
  int c = -1;
  double parameters[2] = {0, 0};
};

// Straight-line code over registers: first the inputs, then the constants, then one register for
// each instruction. Everything is computed in float, one element of each result at a time: all
// results have one shape.
struct FusedProgram {
  int inputs = 0;
  std::vector<double> constants;
  std::vector<FusedInstruction> code;
  std::vector<int> results;  // registers; the first one is that of the last instruction
};

void register_elementwise();

}  // namespace vanda
