#include <cstring>

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

// A rectangular copy between two row-major tensors: `dims` elements at the given strides, the last
// dim in one piece when both strides there are one.
struct StridedCopy {
  std::vector<int64_t> dims, from, to;
  int64_t from_offset = 0;
  int64_t to_offset = 0;
  size_t element = 4;

  void run(const char* source, char* target, int threads) const {
    size_t last = dims.size() - 1;
    int64_t inner = dims[last];
    int64_t rows = 1;
    for (size_t axis = 0; axis < last; ++axis) rows *= dims[axis];
    int64_t grain = 32768 / (inner + 1) + 1;
    parallel_for(threads, rows, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t rest = row;
        int64_t a = from_offset;
        int64_t b = to_offset;
        for (size_t axis = last; axis-- > 0;) {
          a += rest % dims[axis] * from[axis];
          b += rest % dims[axis] * to[axis];
          rest /= dims[axis];
        }
        copy_row(source, target, a, b, inner, from[last], to[last]);
      }
    });
  }

  void copy_row(const char* source, char* target, int64_t a, int64_t b, int64_t n, int64_t step_a,
                int64_t step_b) const {
    if (step_a == 1 && step_b == 1) {
      std::memcpy(target + static_cast<size_t>(b) * element,
                  source + static_cast<size_t>(a) * element, static_cast<size_t>(n) * element);
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(target + static_cast<size_t>(b + i * step_b) * element,
                  source + static_cast<size_t>(a + i * step_a) * element, element);
    }
  }
};

int64_t offset_of(const std::vector<int64_t>& begin, const std::vector<int64_t>& strides) {
  int64_t offset = 0;
  for (size_t i = 0; i < begin.size(); ++i) offset += begin[i] * strides[i];
  return offset;
}

void add_copy(Lowering& lowering, const char* label, int source, int target, StridedCopy copy) {
  lowering.add(label, {source}, {target}, [=](const RunContext& context) {
    copy.run(static_cast<const char*>(context.data[source]),
             static_cast<char*>(context.data[target]), context.threads);
  });
}

StridedCopy copy_of(const Shape& part, DType dtype) {
  StridedCopy copy;
  copy.dims = part.dims();
  copy.element = dtype_bytes(dtype);
  return copy;
}

void lower_transpose(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  StridedCopy copy = copy_of(out.shape, out.dtype);
  std::vector<int64_t> strides = lowering.type(node.inputs[0]).shape.strides();
  for (int64_t axis : node.integers("permutation"))
    copy.from.push_back(strides[static_cast<size_t>(axis)]);
  copy.to = out.shape.strides();
  int source = lowering.plain(node.inputs[0]);
  add_copy(lowering, "transpose", source, lowering.define_new(Value{id, 0}), std::move(copy));
}

void lower_slice(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  StridedCopy copy = copy_of(out.shape, out.dtype);
  copy.from = lowering.type(node.inputs[0]).shape.strides();
  copy.to = out.shape.strides();
  copy.from_offset = offset_of(node.integers("begin"), copy.from);
  int source = lowering.plain(node.inputs[0]);
  add_copy(lowering, "slice", source, lowering.define_new(Value{id, 0}), std::move(copy));
}

void lower_pad(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  StridedCopy copy = copy_of(lowering.type(node.inputs[0]).shape, out.dtype);
  copy.from = lowering.type(node.inputs[0]).shape.strides();
  copy.to = out.shape.strides();
  copy.to_offset = offset_of(node.integers("begin"), copy.to);
  size_t bytes = out.bytes();
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("pad_to", {source}, {target}, [=](const RunContext& context) {
    std::memset(context.data[target], 0, bytes);
    copy.run(static_cast<const char*>(context.data[source]),
             static_cast<char*>(context.data[target]), context.threads);
  });
}

void lower_concat(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  int axis = normalize_axis(node.integer("axis"), out.shape.rank(), "concat");
  int64_t position = 0;
  std::vector<int> sources;
  std::vector<StridedCopy> copies;
  for (Value input : node.inputs) {
    const Shape& part = lowering.type(input).shape;
    StridedCopy copy = copy_of(part, out.dtype);
    copy.from = part.strides();
    copy.to = out.shape.strides();
    copy.to_offset = position * copy.to[static_cast<size_t>(axis)];
    position += part[axis];
    sources.push_back(lowering.plain(input));
    copies.push_back(std::move(copy));
  }
  int target = lowering.define_new(Value{id, 0});
  lowering.add("concat", sources, {target}, [=](const RunContext& context) {
    for (size_t i = 0; i < sources.size(); ++i) {
      copies[i].run(static_cast<const char*>(context.data[sources[i]]),
                    static_cast<char*>(context.data[target]), context.threads);
    }
  });
}

}  // namespace

bool lower_movement(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.inputs.empty() || node.outputs.size() != 1) return false;
  if (node.outputs[0].shape.rank() == 0 || node.outputs[0].shape.elements() == 0) return false;
  for (Value input : node.inputs) {
    if (lowering.type(input).shape.elements() == 0) return false;
  }
  if (node.is("transpose"))
    lower_transpose(lowering, id);
  else if (node.is("slice"))
    lower_slice(lowering, id);
  else if (node.is("pad_to"))
    lower_pad(lowering, id);
  else if (node.is("concat"))
    lower_concat(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
