#pragma once

#include <vector>

#include "core/graph.hpp"

namespace vanda {

// Reverse-mode differentiation that emits nodes into the same graph (so gradients of gradients
// work wherever the emitted ops have gradients themselves). `loss` must be a float scalar.
// Returns one value for each of `wrt`, of its shape; zeros where the loss does not depend on it.
std::vector<Value> gradients(Graph& graph, Value loss, const std::vector<Value>& wrt);

}  // namespace vanda
