#pragma once

#include "core/op_spec.hpp"
#include "ops/elementwise.hpp"

namespace vanda {

// Null for what has no gradient of its own (comparisons and the like stop it silently).
GradientFn elementwise_gradient(Scalar code);
std::vector<Value> cast_gradient(Graph& graph, int node, std::span<const Value> grads);

}  // namespace vanda
