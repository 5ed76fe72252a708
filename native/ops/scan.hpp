#pragma once

#include "ops/bodies.hpp"

namespace vanda {

// scan([count], states..., sequences [T, ...]..., shared...) runs a body T times, on the states, on
// element t of each sequence and on what is shared; the body gives the states for the next step and
// more results, which are laid side by side:
//   body(states..., elements..., shared...) -> [go], states..., results...
//   scan -> states after the last step..., results [T, ...]..., states before each step [T,
//   ...]...,
//           [count]
// `reverse` goes from the last element to the first. `counted`: an i32 scalar says how many steps
// there are, at most T, the first ones of the sequence. `conditional`: the body also says whether
// its step still counts; the first one that does not ends the scan, and the last output says how
// many did.
struct ScanShape {
  ScanShape(const Node& node, size_t input_count);
  size_t states, sequences, shared;
  bool reverse, counted, conditional;
  int64_t length;      // 0: that of the sequences
  size_t first;        // input of the states
  size_t results = 0;  // known with the body

  size_t body_inputs() const { return states + sequences + shared; }
  size_t first_state() const { return conditional ? 1 : 0; }  // output of the body
  size_t first_result() const { return states; }              // outputs of the node
  size_t first_history() const { return states + results; }
  size_t count_output() const { return 2 * states + results; }
};

// How many steps a scan over such inputs has; kDynamic where that is still open.
int64_t scan_length(const Node& node, const ScanShape& shape, std::span<const TensorType> inputs);
// What the body is fed: elements of sequences in the place of sequences.
std::vector<TensorType> scan_body_inputs(const ScanShape& shape,
                                         std::span<const TensorType> inputs);

}  // namespace vanda
