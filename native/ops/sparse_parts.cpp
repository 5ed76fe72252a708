#include "core/error.hpp"
#include "ops/update.hpp"

namespace vanda {

namespace {
constexpr size_t kNumbers = 8;
}

std::vector<int64_t> encode_parts(const std::vector<SparsePart>& parts) {
  std::vector<int64_t> numbers;
  for (const SparsePart& part : parts) {
    numbers.insert(numbers.end(),
                   {part.count, part.value_offset, part.value_stride, part.repeat,
                    part.index_offset, part.index_stride, part.padding, part.weighted ? 1 : 0});
  }
  return numbers;
}

std::vector<SparsePart> decode_parts(const Node& node) {
  const std::vector<int64_t>& numbers = node.integers("parts");
  std::vector<SparsePart> parts;
  for (size_t i = 0; i + kNumbers <= numbers.size(); i += kNumbers) {
    const int64_t* n = numbers.data() + i;
    parts.push_back({n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7] != 0});
  }
  return parts;
}

void require_parts(const Node& node, std::span<const TensorType> inputs, size_t first,
                   int64_t width) {
  size_t next = first;
  auto refuse = [&](const std::string& why) { throw Error("internal", node.op->name, why); };
  auto take = [&]() -> const TensorType& {
    if (next >= inputs.size()) refuse("an input of a part is missing");
    return inputs[next++];
  };
  for (const SparsePart& part : decode_parts(node)) {
    const TensorType& values = take();
    const TensorType& indices = take();
    bool sane = part.count >= 1 && part.repeat >= 1 && part.value_offset >= 0 &&
                part.value_stride >= 0 && part.index_offset >= 0 && part.index_stride >= 0;
    if (!sane) refuse("a part is out of range");
    int64_t last_value = part.value_offset + (part.count - 1) / part.repeat * part.value_stride;
    int64_t last_index = part.index_offset + (part.count - 1) * part.index_stride;
    if (values.dtype != DType::f32 || last_value + width > values.shape.elements() ||
        last_index >= indices.shape.elements()) {
      refuse("a part reaches outside its inputs");
    }
    if (part.weighted && take().shape.elements() != part.count) refuse("weights do not fit");
  }
  if (next != inputs.size() || next == first) refuse("parts and inputs do not agree");
}

}  // namespace vanda
