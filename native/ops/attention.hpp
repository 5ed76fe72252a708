#pragma once

#include "core/graph.hpp"

namespace vanda {

// How the heads of one tensor lie in memory: element d of row t of head h of batch n is at
// offset + n * batch + h * head + t * row + d.
struct HeadLayout {
  int64_t offset = 0, batch = 0, head = 0, row = 0;
  int64_t at(int64_t n, int64_t h, int64_t t) const {
    return offset + n * batch + h * head + t * row;
  }
};

struct AttentionShape {
  int64_t batch = 0, heads = 0, queries = 0, keys = 0;
  int64_t depth = 0, value_depth = 0;  // of one head
  HeadLayout q, k, v, out;
  double scale = 1;
  bool causal = false;
  // The mask's byte of query i and key j is at n * mask_batch + i * mask_row + j.
  int64_t mask_batch = 0, mask_row = 0;
};

// Where the inputs stand; k and v are q when the three are packed in one; -1: none.
struct AttentionInputs {
  int q = 0, k = 0, v = 0, mask = -1;
  int out = -1, norms = -1, gradient = -1;  // attention_grad only
  int count = 0;
};

AttentionInputs attention_inputs(const Node& node);
// Throws what a user should read when the types do not go together.
AttentionShape attention_shape(const Node& node, std::span<const TensorType> inputs);

void attention_reference(const Node& node, std::span<const ConstView> inputs,
                         std::span<const View> outputs);
void attention_grad_reference(const Node& node, std::span<const ConstView> inputs,
                              std::span<const View> outputs);

}  // namespace vanda
