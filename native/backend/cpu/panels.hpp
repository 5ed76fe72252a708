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

// The matrix of a value packed into panels for the product kernel, in a buffer of its own. A
// variable is packed again only when it was written; equal packings are shared.
int packed_panels(Lowering& lowering, Value value, const MatrixView& view);

}  // namespace vanda::cpu
