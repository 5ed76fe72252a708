#pragma once

#include <map>
#include <vector>

#include "core/graph.hpp"

namespace vanda {

// Emits what depends on a replaced value, among the nodes that `wanted` needs, once more with the
// replacements in their places; gives the new forms of `wanted`. What depends on none is shared.
std::vector<Value> emit_again(Graph& graph, const std::map<Value, Value>& replaced,
                              const std::vector<Value>& wanted);

}  // namespace vanda
