#include <algorithm>

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kGrainElements = 8192;

template <typename T>
struct Placed {
  T value;
  int32_t place;
};

// Places tell equals apart, so that any sort is a stable one; a NaN is after all numbers.
template <typename T, bool descending>
bool before(const Placed<T>& a, const Placed<T>& b) {
  bool a_nan = a.value != a.value;
  bool b_nan = b.value != b.value;
  if (a_nan || b_nan) return a_nan != b_nan ? b_nan != descending : a.place < b.place;
  if (a.value == b.value) return a.place < b.place;
  return (a.value < b.value) != descending;
}

struct Lines {
  int64_t size = 1, inner = 1, count = 1;
  int64_t first(int64_t line) const { return line / inner * size * inner + line % inner; }
};

template <typename T>
void sort_line(const Lines& lines, int64_t line, bool descending, const T* x, T* values,
               int32_t* places, Placed<T>* scratch) {
  int64_t first = lines.first(line);
  for (int64_t k = 0; k < lines.size; ++k) {
    scratch[k] = {x[first + k * lines.inner], static_cast<int32_t>(k)};
  }
  if (descending)
    std::sort(scratch, scratch + lines.size, before<T, true>);
  else
    std::sort(scratch, scratch + lines.size, before<T, false>);
  for (int64_t k = 0; k < lines.size; ++k) {
    values[first + k * lines.inner] = scratch[k].value;
    places[first + k * lines.inner] = scratch[k].place;
  }
}

template <typename T>
void lower_lines(Lowering& lowering, int id, const Lines& lines) {
  const Node& node = lowering.graph().node(id);
  bool descending = node.flag("descending");
  int source = lowering.plain(node.inputs[0]);
  int values = lowering.define_new(Value{id, 0});
  int places = lowering.define_new(Value{id, 1});
  int64_t team = std::min<int64_t>(lowering.threads(), lines.count);
  int scratch = lowering.new_buffer(static_cast<size_t>(team * lines.size) * sizeof(Placed<T>));
  lowering.add("sort", {source}, {values, places, scratch}, [=](const RunContext& context) {
    int64_t grain = kGrainElements / (lines.size + 1) + 1;
    parallel_for(context.threads, lines.count, grain, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t line = begin; line < end; ++line) {
        sort_line(lines, line, descending, static_cast<const T*>(context.data[source]),
                  static_cast<T*>(context.data[values]),
                  static_cast<int32_t*>(context.data[places]),
                  static_cast<Placed<T>*>(context.data[scratch]) + thread * lines.size);
      }
    });
  });
}

}  // namespace

bool lower_sort(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.is("sort")) return false;
  const TensorType& type = node.outputs[0];
  if (type.shape.elements() == 0 || type.shape.elements() > INT32_MAX) return false;
  int axis = normalize_axis(node.integer("axis"), type.shape.rank(), "sort");
  Lines lines;
  lines.size = type.shape[axis];
  for (int k = axis + 1; k < type.shape.rank(); ++k) lines.inner *= type.shape[k];
  lines.count = type.shape.elements() / lines.size;
  if (type.dtype == DType::f32)
    lower_lines<float>(lowering, id, lines);
  else if (type.dtype == DType::i32)
    lower_lines<int32_t>(lowering, id, lines);
  else if (type.dtype == DType::i64)
    lower_lines<int64_t>(lowering, id, lines);
  else if (type.dtype == DType::u8)
    lower_lines<uint8_t>(lowering, id, lines);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
