#include "backend/cpu/row_groups.hpp"

#include <bit>
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"

namespace vanda::cpu {

std::vector<int> BoundParts::buffers() const {
  std::vector<int> all;
  for (const BoundPart& bound : parts) {
    all.push_back(bound.values);
    all.push_back(bound.indices);
    if (bound.weights >= 0) all.push_back(bound.weights);
  }
  return all;
}

std::string BoundParts::index_key() const {
  std::string key = std::to_string(rows);
  for (const BoundPart& bound : parts) {
    const SparsePart& p = bound.part;
    for (int64_t number : {int64_t{bound.indices}, p.count, p.index_offset, p.index_stride,
                           p.padding}) {
      key += "," + std::to_string(number);
    }
  }
  return key;
}

BoundParts bind_parts(Lowering& lowering, const Node& node, size_t first, int64_t rows,
                      int64_t width) {
  BoundParts bound;
  bound.rows = rows;
  bound.width = width;
  size_t next = first;
  for (const SparsePart& part : decode_parts(node)) {
    BoundPart entry;
    entry.part = part;
    entry.first = bound.positions;
    entry.values = lowering.plain(node.inputs[next++]);
    entry.dtype = lowering.type(node.inputs[next]).dtype;
    entry.indices = lowering.plain(node.inputs[next++]);
    if (part.weighted) entry.weights = lowering.plain(node.inputs[next++]);
    bound.positions += part.count;
    bound.parts.push_back(entry);
  }
  return bound;
}

void RowGroups::reserve(int64_t positions) {
  size_t count = static_cast<size_t>(positions);
  if (next_.size() >= count) return;
  for (auto* list : {&rows_, &heads_, &tails_, &next_}) list->resize(count);
  table_.resize(std::bit_ceil(count * 2));
}

namespace {
uint32_t hashed(uint32_t value) {
  uint32_t hash = value * 0x9E3779B1u;
  return hash ^ (hash >> 15);
}
}  // namespace

template <typename T>
bool RowGroups::add_part(const T* indices, const BoundPart& bound, int64_t rows, int partition,
                         int partitions) {
  const SparsePart& part = bound.part;
  bool good = true;
  const T* at = indices + part.index_offset;
  for (int64_t p = 0; p < part.count; ++p, at += part.index_stride) {
    int64_t index = static_cast<int64_t>(*at);
    if (index == part.padding) continue;
    if (index < 0 || index >= rows) {
      good = false;
      continue;
    }
    uint32_t row = static_cast<uint32_t>(index);
    if (partitions > 1) {
      uint64_t share = uint64_t{hashed(row >> 4)} * static_cast<uint64_t>(partitions);
      if (static_cast<int>(share >> 32) != partition) continue;
    }
    uint32_t position = static_cast<uint32_t>(bound.first + p);
    next_[position] = kEnd;
    uint32_t slot = hashed(row) & mask_;
    while (table_[slot] != 0 && rows_[table_[slot] - 1] != row) slot = (slot + 1) & mask_;
    if (table_[slot] == 0) {
      rows_[static_cast<size_t>(count_)] = row;
      heads_[static_cast<size_t>(count_)] = position;
      tails_[static_cast<size_t>(count_)] = position;
      table_[slot] = static_cast<uint32_t>(++count_);
    } else {
      uint32_t group = table_[slot] - 1;
      next_[tails_[group]] = position;
      tails_[group] = position;
    }
  }
  return good;
}

bool RowGroups::build(const RunContext& context, const BoundParts& parts, int partition,
                      int partitions) {
  count_ = 0;
  size_t size = std::bit_ceil(static_cast<size_t>(parts.positions) * 2);
  mask_ = static_cast<uint32_t>(size - 1);
  std::memset(table_.data(), 0, size * sizeof(uint32_t));
  bool good = true;
  for (const BoundPart& bound : parts.parts) {
    const void* data = context.data[bound.indices];
    if (bound.dtype == DType::i32)
      good &= add_part(static_cast<const int32_t*>(data), bound, parts.rows, partition, partitions);
    else if (bound.dtype == DType::i64)
      good &= add_part(static_cast<const int64_t*>(data), bound, parts.rows, partition, partitions);
    else
      good &= add_part(static_cast<const uint8_t*>(data), bound, parts.rows, partition, partitions);
  }
  return good;
}

void RowGroups::sum(const RunContext& context, const BoundParts& parts, int64_t begin, int64_t n,
                    float scale, float* out) const {
  const KernelTable& k = kernels();
  int64_t width = parts.width;
  const BoundPart& only = parts.parts[0];
  if (parts.parts.size() == 1 && only.weights < 0 && only.part.repeat == 1) {
    const float* x =
        static_cast<const float*>(context.data[only.values]) + only.part.value_offset;
    k.sum_chains(out, x, only.part.value_stride, heads_.data() + begin, next_.data(), scale, n,
                 width);
    return;
  }
  // Which part a position belongs to, its row of values, and its weight.
  auto source = [&](uint32_t position, float& weight) {
    size_t i = 0;
    while (i + 1 < parts.parts.size() && position >= parts.parts[i + 1].first) ++i;
    const BoundPart& bound = parts.parts[i];
    int64_t p = position - bound.first;
    weight = scale;
    if (bound.weights >= 0) weight *= static_cast<const float*>(context.data[bound.weights])[p];
    int64_t row = bound.part.repeat == 1 ? p : p / bound.part.repeat;
    return static_cast<const float*>(context.data[bound.values]) + bound.part.value_offset +
           row * bound.part.value_stride;
  };
  for (int64_t i = 0; i < n; ++i, out += width) {
    float weight;
    uint32_t position = heads_[static_cast<size_t>(begin + i)];
    const float* x = source(position, weight);
    if (width == 1)
      *out = weight * *x;
    else
      k.row_set(out, x, weight, width);
    for (position = next_[position]; position != kEnd; position = next_[position]) {
      x = source(position, weight);
      if (width == 1)
        *out += weight * *x;
      else
        k.row_add(out, x, weight, width);
    }
  }
}

}  // namespace vanda::cpu
