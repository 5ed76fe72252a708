#pragma once

#include <vector>

#include "core/graph.hpp"

namespace vanda {

// Reverse-mode differentiation that emits nodes into the same graph (so gradients of gradients
// work wherever the emitted ops have gradients themselves). `loss` must be a float scalar.
// Returns one value for each of `wrt`, of its shape; zeros where the loss does not depend on it.
std::vector<Value> gradients(Graph& graph, Value loss, const std::vector<Value>& wrt);

// The same from several values of any shape at once: `grads` are what comes to `outputs` (kNoValue
// where nothing does). Only nodes behind the id `floor` are passed, so `wrt` may cut a graph off.
// Gives kNoValue where nothing arrives.
std::vector<Value> pull_back(Graph& graph, const std::vector<Value>& outputs,
                             const std::vector<Value>& grads, const std::vector<Value>& wrt,
                             int floor);

}  // namespace vanda
