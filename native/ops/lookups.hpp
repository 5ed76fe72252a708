#pragma once

#include <vector>

#include "core/graph.hpp"

namespace vanda {

// One operand of a `lookups` node, which the pass of that name makes of many embedding lookups that
// are concatenated along the last axis or summed: rows of a table, by indices at
// index_offset + row * index_stride of their input, or plain rows.
struct LookupPart {
  bool table = false;  // inputs: table, indices; otherwise one dense input
  int64_t width = 0;
  int64_t index_offset = 0;
  int64_t index_stride = 1;
};
std::vector<int64_t> encode_lookups(const std::vector<LookupPart>& parts);
std::vector<LookupPart> decode_lookups(const Node& node);

}  // namespace vanda
