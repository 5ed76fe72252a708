#pragma once

#include "core/graph.hpp"

namespace vanda {

// Integers are copied as integers, so that large ones keep every bit.
void copy_element(const View& to, int64_t i, const ConstView& from, int64_t j);

// The flat index in `whole` of element `flat` of `part`, which lies at `begin` in it with every
// step-th element of each axis; no steps are steps of one.
int64_t part_index(const Shape& part, const Shape& whole, const std::vector<int64_t>& begin,
                   const std::vector<int64_t>& step, int64_t flat);

}  // namespace vanda
