#pragma once

#include <vector>

#include "backend/cpu/lowering.hpp"
#include "ops/update.hpp"

namespace vanda::cpu {

// One scatter of a sparse gradient with its buffers; positions are counted through all parts.
struct BoundPart {
  SparsePart part;
  int values = -1;
  int indices = -1;
  int weights = -1;
  DType dtype = DType::i32;
  int64_t first = 0;
};

struct BoundParts {
  std::vector<BoundPart> parts;
  int64_t rows = 0;   // of the table
  int64_t width = 0;  // floats of one row
  int64_t positions = 0;

  std::vector<int> buffers() const;
  // Equal texts: the same rows in the same order, whatever the values.
  std::string index_key() const;
};

// Binds the parts of a node whose values begin at the input `first`.
BoundParts bind_parts(Lowering& lowering, const Node& node, size_t first, int64_t rows,
                      int64_t width);

// The positions of a sparse gradient, by row: each row once, in the order in which rows are met, and
// its positions in their order. Sums over them depend on nothing but the batch. Several threads may
// share the work: each takes the rows of its own partition (sixteen neighbours go together, so that
// no two threads write to one cache line). Allocates only in reserve().
class RowGroups {
 public:
  static constexpr uint32_t kEnd = 0xffffffff;

  void reserve(int64_t positions);
  // False when an index is outside the table; such positions are left out.
  bool build(const RunContext& context, const BoundParts& parts, int partition, int partitions);

  int64_t count() const { return count_; }
  const uint32_t* rows() const { return rows_.data(); }
  // Sums the values of groups begin .. begin + n, each times `scale`, into n rows of `out`.
  void sum(const RunContext& context, const BoundParts& parts, int64_t begin, int64_t n,
           float scale, float* out) const;

 private:
  template <typename T>
  bool add_part(const T* indices, const BoundPart& bound, int64_t rows, int partition,
                int partitions);

  std::vector<uint32_t> table_;  // hash table of group + 1
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> heads_;
  std::vector<uint32_t> tails_;
  std::vector<uint32_t> next_;  // of each position
  uint32_t mask_ = 0;
  int64_t count_ = 0;
};

// How many threads a gradient of so many positions is worth.
inline int partitions_of(int64_t positions, int threads) {
  int64_t worth = positions / 2048;
  return static_cast<int>(worth < 1 ? 1 : worth < threads ? worth : threads);
}

}  // namespace vanda::cpu
