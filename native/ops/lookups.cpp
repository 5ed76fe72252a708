#include "ops/lookups.hpp"

#include "core/error.hpp"
#include "ops/register.hpp"
#include "ops/update.hpp"

namespace vanda {

namespace {

constexpr size_t kNumbers = 4;

// lookups(parts...) -> `shape`, whose last dim is the sum of the widths, or their common width.
std::vector<TensorType> infer_lookups(const Node& node, std::span<const TensorType> inputs) {
  Shape shape(node.integers("shape"));
  bool sum = node.flag("sum");
  int64_t columns = shape[shape.rank() - 1];
  int64_t rows = columns == 0 ? 0 : shape.elements() / columns;
  int64_t total = 0;
  size_t next = 0;
  bool fits = rows > 0;
  for (const LookupPart& part : decode_lookups(node)) {
    size_t takes = part.table ? 2 : 1;
    if (next + takes > inputs.size() || part.width < 1) throw Error("internal", "lookups", "parts");
    const TensorType& data = inputs[next];
    fits = fits && data.dtype == DType::f32;
    if (part.table) {
      const TensorType& indices = inputs[next + 1];
      int64_t last = part.index_offset + (rows - 1) * part.index_stride;
      fits = fits && data.shape[0] * part.width == data.shape.elements() &&
             part.index_offset >= 0 && part.index_stride >= 0 && last < indices.shape.elements();
    } else {
      fits = fits && data.shape.elements() == rows * part.width;
    }
    total = sum ? part.width : total + part.width;
    next += takes;
  }
  if (!fits || next != inputs.size() || total != columns) {
    throw Error("internal", "lookups", "the parts do not make up " + shape.text());
  }
  return {TensorType{DType::f32, std::move(shape)}};
}

// sparse_square_sum(values, indices [, weights], ...) -> the sum of the squares of the table that a
// scatter of all parts would give.
std::vector<TensorType> infer_square_sum(const Node& node, std::span<const TensorType> inputs) {
  require_parts(node, inputs, 0, node.integer("width"));
  return {TensorType{DType::f32, Shape{}}};
}

}  // namespace

std::vector<int64_t> encode_lookups(const std::vector<LookupPart>& parts) {
  std::vector<int64_t> numbers;
  for (const LookupPart& part : parts) {
    numbers.insert(numbers.end(),
                   {part.table ? 1 : 0, part.width, part.index_offset, part.index_stride});
  }
  return numbers;
}

std::vector<LookupPart> decode_lookups(const Node& node) {
  const std::vector<int64_t>& numbers = node.integers("parts");
  std::vector<LookupPart> parts;
  for (size_t i = 0; i + kNumbers <= numbers.size(); i += kNumbers) {
    const int64_t* n = numbers.data() + i;
    parts.push_back({n[0] != 0, n[1], n[2], n[3]});
  }
  return parts;
}

void register_lookups() {
  OpSpec lookups;
  lookups.name = "lookups";
  lookups.op_class = OpClass::internal;
  lookups.inputs_min = 1;
  lookups.inputs_max = 8192;
  lookups.attributes = {{"shape", AttributeKind::integers, std::nullopt},
                        {"parts", AttributeKind::integers, std::nullopt},
                        {"sum", AttributeKind::boolean, false}};
  lookups.infer = infer_lookups;
  register_op(std::move(lookups));

  OpSpec squares;
  squares.name = "sparse_square_sum";
  squares.op_class = OpClass::internal;
  squares.inputs_min = 2;
  squares.inputs_max = 4096;
  squares.attributes = {{"rows", AttributeKind::integer, std::nullopt},
                        {"width", AttributeKind::integer, std::nullopt},
                        {"parts", AttributeKind::integers, std::nullopt}};
  squares.infer = infer_square_sum;
  register_op(std::move(squares));
}

}  // namespace vanda
