#pragma once

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

// A matrix inside a buffer: element [k][j] is at offset + k * row + j * column.
struct MatrixView {
  int64_t offset = 0, row = 0, column = 0;
  int64_t inner = 0, columns = 0;
  MatrixView transposed() const { return {offset, column, row, columns, inner}; }
};

// Floats that the panels of a matrix take.
int64_t panel_floats(int64_t inner, int64_t columns);

using PackFn = std::function<void(const float* from, float* to, int threads)>;

// A value in the form that a kernel likes, in a buffer of its own; `form` are numbers that no other
// form of it has. A variable is packed again only when it was written; equal copies are shared.
int packed_copy(Lowering& lowering, Value value, const std::vector<int64_t>& form, size_t bytes,
                PackFn pack);

// The matrix of a value packed into panels for the product kernel, as packed_copy does.
int packed_panels(Lowering& lowering, Value value, const MatrixView& view);

}  // namespace vanda::cpu
