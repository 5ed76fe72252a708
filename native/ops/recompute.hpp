#pragma once

#include <vector>

#include "core/graph.hpp"

namespace vanda {

// Closes a block: what was appended from the node `first` on and `outputs` need. Gives a node whose
// outputs are `outputs`; a gradient that comes to it computes the block again from what the block
// read, so that nothing inside lives from the forward to the backward pass (Chen et al., 2016,
// "Training deep nets with sublinear memory cost"). Random numbers are functions of seed, salt and
// step, so they are the same ones again. Throws invalid_graph where an output is not of the block.
int close_recomputed(Graph& graph, int first, const std::vector<Value>& outputs);

}  // namespace vanda
