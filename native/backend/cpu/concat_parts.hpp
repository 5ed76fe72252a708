#pragma once

#include <optional>

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

// Where a kernel may write a value straight into the concatenation that alone reads it: rows of
// channels, `row` floats apart, the first one at `offset`.
struct ConcatPart {
  int buffer;
  int64_t offset, row;
};

// Answers where a value of pictures [N, H, W, C] goes, and defines it there; none where it has to
// stand by itself.
std::optional<ConcatPart> place_in_concat(Lowering& lowering, Value value);
// The buffer of a concatenation, whoever comes first.
int concat_buffer(Lowering& lowering, int id);

}  // namespace vanda::cpu
