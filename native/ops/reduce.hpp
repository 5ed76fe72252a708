#pragma once

#include "core/graph.hpp"

namespace vanda {

// The axes of a sum, mean or max node as sorted, non-negative numbers; empty means all of them.
std::vector<int> reduced_axes(const Node& node, int rank);

}  // namespace vanda
