#pragma once

#include "core/emit.hpp"

namespace vanda {

// Elementwise operations on the result of other elementwise operations: signs that cancel, scalars
// that join, operations that change nothing the second time. Only what holds for every float,
// infinities and NaN included, up to rounding: so x - x stays, and so does exp(log(x)). Gives the
// shorter form, or a value of node -1; it may have another shape than the node, where an operand
// was broadcast.
Value simplify_chain(Emit& emit, const Node& node, const std::vector<Value>& inputs);

}  // namespace vanda
