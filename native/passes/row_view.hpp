#pragma once

#include "core/graph.hpp"

namespace vanda {

// A value seen as rows of `width` elements that lie apart in another one: row r begins at the
// element offset + r * stride of `source`. What only renames or cuts out columns (reshape, a slice
// of the last axis) is looked through, so that it need not run at all.
struct RowView {
  Value source;
  int64_t offset = 0;
  int64_t stride = 0;
};
RowView view_rows(const Graph& graph, Value value, int64_t width);

}  // namespace vanda
