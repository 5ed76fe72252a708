#include <cstring>

#include "backend/cpu/concat_parts.hpp"
#include "backend/cpu/kernels/kernels.hpp"
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
    } else if (element == 4) {
      copy_steps<uint32_t>(source, target, a, b, n, step_a, step_b);
    } else if (element == 8) {
      copy_steps<uint64_t>(source, target, a, b, n, step_a, step_b);
    } else {
      copy_steps<uint8_t>(source, target, a, b, n, step_a, step_b);
    }
  }

  template <typename T>
  static void copy_steps(const void* source, void* target, int64_t a, int64_t b, int64_t n,
                         int64_t step_a, int64_t step_b) {
    const T* from = static_cast<const T*>(source) + a;
    T* to = static_cast<T*>(target) + b;
    for (int64_t i = 0; i < n; ++i) to[i * step_b] = from[i * step_a];
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

// An axis of a transposed tensor: its size, and how far apart its elements lie before and after.
struct Axis {
  int64_t size, from, to;
};

// The axes of the result without those of one element; neighbours that stay together are joined.
std::vector<Axis> transposed_axes(const Node& node, const Shape& before, const Shape& after) {
  std::vector<int64_t> from = before.strides();
  std::vector<Axis> axes;
  const std::vector<int64_t>& permutation = node.integers("permutation");
  for (size_t i = 0; i < permutation.size(); ++i) {
    int64_t size = after[static_cast<int>(i)];
    int64_t stride = from[static_cast<size_t>(permutation[i])];
    if (size == 1) continue;
    if (!axes.empty() && axes.back().from == stride * size) {
      axes.back().size *= size;
      axes.back().from = stride;
    } else {
      axes.push_back({size, stride, 0});
    }
  }
  int64_t to = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    axes[i].to = to;
    to *= axes[i].size;
  }
  return axes;
}

// Many matrices to transpose: the axis that is innermost before and the one that is so after make
// the matrix, the rest say where each of them lies.
struct Transposes {
  Axis rows, columns;  // of the matrix before: columns lie side by side
  std::vector<Axis> rest;
  size_t element = 4;
  int64_t strip = 1;  // columns that one piece of work takes

  void run(const char* source, char* target, int threads) const {
    const MovementKernels& k = kernels().movement;
    TransposeFn function = element == 1 ? k.transpose1 : element == 4 ? k.transpose4 : k.transpose8;
    int64_t strips = (columns.size + strip - 1) / strip;
    int64_t matrices = 1;
    for (const Axis& axis : rest) matrices *= axis.size;
    int64_t grain = 16384 / (rows.size * strip) + 1;
    parallel_for(threads, matrices * strips, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t unit = begin; unit < end; ++unit) {
        int64_t first = unit % strips * strip;
        int64_t number = unit / strips;
        int64_t a = first;
        int64_t b = first * columns.to;
        for (size_t i = rest.size(); i-- > 0;) {
          a += number % rest[i].size * rest[i].from;
          b += number % rest[i].size * rest[i].to;
          number /= rest[i].size;
        }
        int64_t width = columns.size - first < strip ? columns.size - first : strip;
        function(target + static_cast<size_t>(b) * element,
                 source + static_cast<size_t>(a) * element, rows.size, width, rows.from,
                 columns.to);
      }
    });
  }
};

void lower_transpose(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  std::vector<Axis> axes = transposed_axes(node, lowering.type(node.inputs[0]).shape, out.shape);
  int source = lowering.plain(node.inputs[0]);
  if (axes.size() < 2) {
    lowering.define(Value{id, 0}, source);
    return;
  }
  int target = lowering.define_new(Value{id, 0});
  if (axes.back().from == 1) {
    StridedCopy copy;
    copy.element = dtype_bytes(out.dtype);
    for (const Axis& axis : axes) {
      copy.dims.push_back(axis.size);
      copy.from.push_back(axis.from);
      copy.to.push_back(axis.to);
    }
    add_copy(lowering, "transpose", source, target, std::move(copy));
    return;
  }
  Transposes work;
  work.element = dtype_bytes(out.dtype);
  work.rows = axes.back();
  axes.pop_back();
  for (const Axis& axis : axes) {
    if (axis.from == 1)
      work.columns = axis;
    else
      work.rest.push_back(axis);
  }
  work.strip = work.columns.size < 64 ? work.columns.size : 64;
  lowering.add("transpose", {source}, {target}, [=](const RunContext& context) {
    work.run(static_cast<const char*>(context.data[source]),
             static_cast<char*>(context.data[target]), context.threads);
  });
}

std::vector<int64_t> stepped(std::vector<int64_t> strides, const std::vector<int64_t>& step) {
  for (size_t i = 0; i < step.size(); ++i) strides[i] *= step[i];
  return strides;
}

// A part lies in one piece when nothing is left out behind the first axis that has more than one
// element in it.
bool in_one_piece(const Shape& part, const Shape& whole, const std::vector<int64_t>& step) {
  for (size_t i = 0; i < step.size(); ++i) {
    if (step[i] != 1 && part[static_cast<int>(i)] > 1) return false;
  }
  int axis = 0;
  while (axis < part.rank() && part[axis] == 1) ++axis;
  for (++axis; axis < part.rank(); ++axis) {
    if (part[axis] != whole[axis]) return false;
  }
  return true;
}

void lower_slice(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  const Shape& whole = lowering.type(node.inputs[0]).shape;
  int source = lowering.plain(node.inputs[0]);
  int64_t offset = offset_of(node.integers("begin"), whole.strides());
  if (in_one_piece(out.shape, whole, node.integers("step"))) {
    size_t bytes = static_cast<size_t>(offset) * dtype_bytes(out.dtype);
    lowering.define(Value{id, 0}, lowering.view_of(source, bytes, out.bytes()));
    return;
  }
  StridedCopy copy = copy_of(out.shape, out.dtype);
  copy.from = stepped(whole.strides(), node.integers("step"));
  copy.to = out.shape.strides();
  copy.from_offset = offset;
  add_copy(lowering, "slice", source, lowering.define_new(Value{id, 0}), std::move(copy));
}

void fill(void* target, DType dtype, double value, int64_t elements) {
  if (value == 0) {
    std::memset(target, 0, static_cast<size_t>(elements) * dtype_bytes(dtype));
    return;
  }
  TensorType type{dtype, Shape{elements}};
  View view{&type, target};
  view.set(0, value);
  // Doubling what is there already fills any dtype with the speed of memory.
  size_t element = dtype_bytes(dtype);
  size_t bytes = static_cast<size_t>(elements) * element;
  char* base = static_cast<char*>(target);
  for (size_t done = element; done < bytes; done *= 2) {
    std::memcpy(base + done, base, done < bytes - done ? done : bytes - done);
  }
}

// pad and pad_to: a part laid into a ground of one value.
void lower_pad(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& out = node.outputs[0];
  bool border = node.is("pad");
  const std::vector<int64_t>& begin = node.integers(border ? "before" : "begin");
  double value = border ? node.number("value") : 0;
  StridedCopy copy = copy_of(lowering.type(node.inputs[0]).shape, out.dtype);
  copy.from = lowering.type(node.inputs[0]).shape.strides();
  copy.to_offset = offset_of(begin, out.shape.strides());
  copy.to = border ? out.shape.strides() : stepped(out.shape.strides(), node.integers("step"));
  DType dtype = out.dtype;
  int64_t elements = out.shape.elements();
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {source}, {target}, [=](const RunContext& context) {
    fill(context.data[target], dtype, value, elements);
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
    if (lowering.in_concat.contains(input)) continue;
    sources.push_back(lowering.plain(input));
    copies.push_back(std::move(copy));
  }
  int target = concat_buffer(lowering, id);
  lowering.define(Value{id, 0}, target);
  if (sources.empty()) return;
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
  else if (node.is("pad_to") || node.is("pad"))
    lower_pad(lowering, id);
  else if (node.is("concat"))
    lower_concat(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
