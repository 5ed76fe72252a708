#pragma once

#include "core/graph.hpp"

namespace vanda {

// The nearest number of bfloat16 (eight significant bits, the exponents of f32), halves to the even
// one; denormal ones are kept, and what rounds to 2^128 or beyond is infinite. NaN stays NaN.
double round_to_bf16(double x);

// Whether a value holds numbers of bfloat16 alone, whatever it is computed from: what round_bf16
// makes, as a node or at the end of a fused program, in any shape.
bool is_bf16(const Graph& graph, Value value);

}  // namespace vanda
