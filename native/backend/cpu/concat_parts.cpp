#include "backend/cpu/concat_parts.hpp"

#include <algorithm>

#include "core/shape.hpp"

namespace vanda::cpu {

int concat_buffer(Lowering& lowering, int id) {
  auto [found, fresh] = lowering.concat_buffers.emplace(id, -1);
  if (fresh) found->second = lowering.new_buffer(lowering.graph().node(id).outputs[0].bytes());
  return found->second;
}

std::optional<ConcatPart> place_in_concat(Lowering& lowering, Value value) {
  if (lowering.is_output(value) || lowering.readers(value).size() != 1) return std::nullopt;
  int id = lowering.readers(value)[0];
  const Node& concat = lowering.graph().node(id);
  if (!concat.is("concat") || concat.outputs[0].dtype != DType::f32) return std::nullopt;
  const Shape& whole = concat.outputs[0].shape;
  if (whole.rank() != 4 || normalize_axis(concat.integer("axis"), 4, "concat") != 3) {
    return std::nullopt;
  }
  for (Value input : concat.inputs) {
    if (lowering.type(input).shape.elements() == 0) return std::nullopt;
  }
  ConcatPart part{concat_buffer(lowering, id), 0, whole[3]};
  for (Value input : concat.inputs) {
    if (input == value) break;
    part.offset += lowering.type(input).shape[3];
  }
  lowering.in_concat.insert(value);
  size_t offset = static_cast<size_t>(part.offset) * sizeof(float);
  size_t bytes = concat.outputs[0].bytes() - offset;
  lowering.define(value, lowering.view_of(part.buffer, offset, bytes));
  return part;
}

}  // namespace vanda::cpu
