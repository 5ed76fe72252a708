#pragma once

#include "core/graph.hpp"

namespace vanda {

// Where the inputs of lstm, gru and their gradients stand; -1 where one was not given.
struct RecurrentInputs {
  int x = 0, w = 1, u = 2;  // [N, T, I], [I, G * H], [H, G * H]; G = 4 (lstm) or 3 (gru)
  int bias = -1;            // [4 * H] (lstm), [2, 3 * H] (gru): forward only
  int h0 = -1, c0 = -1;     // [N, H]
  int mask = -1;            // bool [N, T]
  int y = -1, gates = -1, cells = -1;  // what the forward op kept: gradient only
  int dy = -1, dh = -1, dc = -1;       // gradient only
  int count = 0;
};

struct RecurrentShape {
  bool lstm = true;
  bool reverse = false;
  int64_t batch = 0, steps = 0, inputs = 0, units = 0;
  // Columns of the weights.
  int64_t columns() const { return (lstm ? 4 : 3) * units; }
  // The place in time of the s-th step.
  int64_t time(int64_t s) const { return reverse ? steps - 1 - s : s; }
};

RecurrentInputs recurrent_inputs(const Node& node);
RecurrentShape recurrent_shape(const Node& node, const TensorType& x, const TensorType& u);

// The plain meaning of the ops, one element at a time.
void recurrent_reference(const Node& node, std::span<const ConstView> inputs,
                         std::span<const View> outputs);
void recurrent_grad_reference(const Node& node, std::span<const ConstView> inputs,
                              std::span<const View> outputs);

}  // namespace vanda
