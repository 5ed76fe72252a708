#include "ops/bf16.hpp"

#include <algorithm>
#include <cmath>

#include "ops/elementwise.hpp"

namespace vanda {

double round_to_bf16(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  int last = std::max(exponent - 8, -133);  // of the last bit that is kept
  double rounded = std::ldexp(std::nearbyint(std::ldexp(x, -last)), last);
  return std::fabs(rounded) < std::ldexp(1.0, 128) ? rounded : std::copysign(INFINITY, x);
}

bool is_bf16(const Graph& graph, Value value) {
  while (graph.node(value).is("reshape")) value = graph.node(value).inputs[0];
  const Node& node = graph.node(value);
  if (!node.is("fused")) return node.is("round_bf16");
  const FusedProgram& program = *node.program;
  int inputs = program.inputs + static_cast<int>(program.constants.size());
  int instruction = program.results[static_cast<size_t>(value.output)] - inputs;
  return instruction >= 0 &&
         program.code[static_cast<size_t>(instruction)].code == Scalar::round_bf16;
}

}  // namespace vanda
