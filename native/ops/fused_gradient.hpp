#pragma once

#include "core/graph.hpp"

namespace vanda {

// The gradient of an op that is itself the fused gradient of another (NAME_grad): a kernel, not a
// composition of ops, so it has no second order. Throws no_gradient with a sentence that names it.
std::vector<Value> refuse_second_order(Graph& graph, int node, std::span<const Value> grads);

}  // namespace vanda
