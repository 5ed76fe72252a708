#pragma once

#include <vector>

#include "core/graph.hpp"

namespace vanda {

// The rules by which an optimizer changes a variable, each with its state ("slots") in variables of
// the same shape. A rule is two ops of the graph:
//   apply_RULE(variable, slots..., gradient, rate [, step])
//   sparse_RULE(variable, slots..., rate [, step] [, scale], values, indices [, weights], ...)
// The second is what the sparse update pass makes of the first where the gradient is a scatter of
// few rows: it reads and writes these rows only.
enum class UpdateKind : uint8_t { sgd, momentum, adagrad, rmsprop, adam, ftrl, adamax, lion };
constexpr int kUpdateKinds = 8;
constexpr int kSlotsMax = 3;

struct UpdateRule {
  UpdateKind kind;
  const char* name;
  bool counts_steps;  // the number of the update (0 first) is its last scalar
  std::vector<AttributeSpec> attributes;
  int (*slots)(const Node& node);
  // Whether an element whose gradient is zero stays as it is, so that leaving it out is exact.
  bool (*rests)(const Node& node);
  OpDoc doc;
};

// Of an apply_ or a sparse_ node; null for any other.
const UpdateRule* update_rule(const Node& node);
bool is_sparse_update(const Node& node);

// Where the inputs of an update are.
struct UpdateInputs {
  int slots = 0;      // the slots are inputs 1 .. slots
  int gradient = -1;  // dense only
  int rate = 0;
  int step = -1;
  int scale = -1;  // sparse only: what the summed rows are multiplied by, where the node says so
  int parts = -1;  // sparse only: the first of the values
};
UpdateInputs update_inputs(const Node& node);

// One scatter of a sparse gradient. Position p of `count` adds, to the row of the variable that
// indices[index_offset + p * index_stride] names, the row of values that begins at the element
// value_offset + (p / repeat) * value_stride, times weights[p] where there are weights. An index
// that equals `padding` is left out.
struct SparsePart {
  int64_t count = 0;
  int64_t value_offset = 0;
  int64_t value_stride = 0;
  int64_t repeat = 1;
  int64_t index_offset = 0;
  int64_t index_stride = 1;
  int64_t padding = kNoPadding;
  bool weighted = false;

  static constexpr int64_t kNoPadding = INT64_MIN;
};
// The attribute `parts` of ops that read sparse gradients.
std::vector<int64_t> encode_parts(const std::vector<SparsePart>& parts);
std::vector<SparsePart> decode_parts(const Node& node);
// Checks that every part stays inside its inputs, which begin at `first`; `width` is of one row.
void require_parts(const Node& node, std::span<const TensorType> inputs, size_t first,
                   int64_t width);

}  // namespace vanda
