#include <atomic>
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"
#include "ops/elementwise.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kGrainElements = 16384;

int64_t grain_of(int64_t elements) { return kGrainElements / (elements + 1) + 1; }

int64_t index_at(DType dtype, const void* data, int64_t i) {
  if (dtype == DType::i32) return static_cast<const int32_t*>(data)[i];
  if (dtype == DType::i64) return static_cast<const int64_t*>(data)[i];
  return static_cast<const uint8_t*>(data)[i];
}

// Kernels run in teams and cannot throw: a bad index is noted and reported after the team is done.
void report(const std::string& op, bool bad, int64_t size) {
  if (!bad) return;
  throw Error("invalid_feed", op, "an index is outside 0.." + std::to_string(size - 1));
}

// x as [outer, size, inner] around an axis, and `count` indices in the place of the axis.
struct Indexed {
  std::string op;
  DType dtype;
  int64_t outer = 1, size = 1, inner = 1, count = 1;
  size_t element = 4;

  Indexed(const Node& node, const TensorType& whole, const TensorType& indices)
      : op(node.op->name), dtype(indices.dtype), element(dtype_bytes(whole.dtype)) {
    int axis = normalize_axis(node.integer("axis"), whole.shape.rank(), op);
    size = whole.shape[axis];
    for (int k = 0; k < axis; ++k) outer *= whole.shape[k];
    for (int k = axis + 1; k < whole.shape.rank(); ++k) inner *= whole.shape[k];
    bool along = node.is("take_along_axis") || node.is("add_along_axis");
    count = along ? indices.shape[axis] : indices.shape.elements();
  }
};

template <typename T>
void copy_slices(const Indexed& a, const T* from, T* out, const void* indices, int64_t begin,
                 int64_t end, std::atomic<bool>& bad) {
  for (int64_t i = begin; i < end; ++i) {
    int64_t index = index_at(a.dtype, indices, i % a.count);
    if (index < 0 || index >= a.size) {
      bad = true;
      continue;
    }
    const T* slice = from + (i / a.count * a.size + index) * a.inner;
    if (a.inner == 1)
      out[i] = *slice;
    else
      std::memcpy(out + i * a.inner, slice, static_cast<size_t>(a.inner) * sizeof(T));
  }
}

template <typename T>
void copy_along(const Indexed& a, const T* from, T* out, const void* indices, int64_t begin,
                int64_t end, std::atomic<bool>& bad) {
  for (int64_t row = begin; row < end; ++row) {
    const T* block = from + row / a.count * a.size * a.inner;
    for (int64_t k = 0; k < a.inner; ++k) {
      int64_t index = index_at(a.dtype, indices, row * a.inner + k);
      if (index < 0 || index >= a.size)
        bad = true;
      else
        out[row * a.inner + k] = block[index * a.inner + k];
    }
  }
}

// Calls body with pointers of the element's size.
template <typename Body>
void by_size(size_t element, const void* from, void* out, Body body) {
  if (element == 1)
    body(static_cast<const uint8_t*>(from), static_cast<uint8_t*>(out));
  else if (element == 4)
    body(static_cast<const uint32_t*>(from), static_cast<uint32_t*>(out));
  else
    body(static_cast<const uint64_t*>(from), static_cast<uint64_t*>(out));
}

void lower_take(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool along = node.is("take_along_axis");
  Indexed a(node, lowering.type(node.inputs[0]), lowering.type(node.inputs[1]));
  int source = lowering.plain(node.inputs[0]);
  int indices = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(a.op, {source, indices}, {target}, [=](const RunContext& context) {
    std::atomic<bool> bad{false};
    by_size(a.element, context.data[source], context.data[target], [&](auto* from, auto* out) {
      parallel_for(context.threads, a.outer * a.count, grain_of(a.inner),
                   [&](int64_t begin, int64_t end, int) {
                     const void* list = context.data[indices];
                     if (along)
                       copy_along(a, from, out, list, begin, end, bad);
                     else
                       copy_slices(a, from, out, list, begin, end, bad);
                   });
    });
    report(a.op, bad, a.size);
  });
}

// Each thread owns whole blocks of the result, so the order of additions into a place is that of
// the indices, whatever the number of threads.
void lower_add(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool along = node.is("add_along_axis");
  Indexed a(node, node.outputs[0], lowering.type(node.inputs[1]));
  int source = lowering.plain(node.inputs[0]);
  int indices = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(a.op, {source, indices}, {target}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[source]);
    float* out = static_cast<float*>(context.data[target]);
    const void* list = context.data[indices];
    TileFn add = kernels().tile[static_cast<int>(Scalar::add)];
    std::atomic<bool> bad{false};
    auto block = [&](int64_t o) {
      float* place = out + o * a.size * a.inner;
      std::memset(place, 0, static_cast<size_t>(a.size * a.inner) * sizeof(float));
      for (int64_t i = 0; i < a.count; ++i) {
        const float* values = from + (o * a.count + i) * a.inner;
        if (!along) {
          int64_t index = index_at(a.dtype, list, i);
          if (index < 0 || index >= a.size)
            bad = true;
          else
            add(place + index * a.inner, place + index * a.inner, values, nullptr, nullptr,
                a.inner);
          continue;
        }
        for (int64_t k = 0; k < a.inner; ++k) {
          int64_t index = index_at(a.dtype, list, (o * a.count + i) * a.inner + k);
          if (index < 0 || index >= a.size)
            bad = true;
          else
            place[index * a.inner + k] += values[k];
        }
      }
    };
    parallel_for(context.threads, a.outer, grain_of((a.size + a.count) * a.inner),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t o = begin; o < end; ++o) block(o);
                 });
    report(a.op, bad, a.size);
  });
}

void lower_one_hot(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t depth = node.integer("depth");
  int64_t count = lowering.type(node.inputs[0]).shape.elements();
  DType dtype = lowering.type(node.inputs[0]).dtype;
  int indices = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("one_hot", {indices}, {target}, [=](const RunContext& context) {
    float* out = static_cast<float*>(context.data[target]);
    parallel_for(context.threads, count, grain_of(depth), [&](int64_t begin, int64_t end, int) {
      std::memset(out + begin * depth, 0, static_cast<size_t>((end - begin) * depth) * 4);
      for (int64_t i = begin; i < end; ++i) {
        int64_t index = index_at(dtype, context.data[indices], i);
        if (index >= 0 && index < depth) out[i * depth + index] = 1;
      }
    });
  });
}

}  // namespace

bool lower_indexing(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.inputs.empty() || node.outputs.empty()) return false;
  if (node.outputs[0].shape.elements() == 0) return false;
  for (Value input : node.inputs) {
    if (lowering.type(input).shape.elements() == 0) return false;
  }
  bool floats = node.outputs[0].dtype == DType::f32;
  if (node.is("take") || node.is("take_along_axis"))
    lower_take(lowering, id);
  else if (floats && (node.is("take_add") || node.is("add_along_axis")))
    lower_add(lowering, id);
  else if (node.is("one_hot"))
    lower_one_hot(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
