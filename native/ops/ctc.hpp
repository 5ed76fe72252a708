#pragma once

#include <cstdint>

#include "core/graph.hpp"

namespace vanda {

// The shape of connectionist temporal classification: x [batch, steps, classes] of
// log-probabilities, labels [batch, places], and how many steps and labels of each row count.
struct CtcShape {
  int64_t batch = 0, steps = 0, classes = 0, places = 0, blank = 0;
  // States of a row of `labels`: a blank before, between and behind the labels.
  int64_t states(int64_t labels) const { return 2 * labels + 1; }
};
CtcShape ctc_shape(const Node& node, const TensorType& x, const TensorType& labels,
                   const TensorType& step_counts, const TensorType& label_counts);

}  // namespace vanda
