#pragma once

#include "core/graph.hpp"

namespace vanda {

// A variable's first value, from its node's initializer, seed and name: the same bits for the same
// seed and name on every machine. Glorot and Bengio, 2010; He et al., 2015; LeCun et al., 1998;
// orthogonal after Saxe et al., 2014. The normal ones of glorot, he and lecun are cut at two
// deviations and widened to the wanted variance, as Keras does it.
Tensor initial_value(const Node& variable);
// The same into memory that is there, zeroed.
void fill_initial_value(const Node& variable, const View& view);

}  // namespace vanda
