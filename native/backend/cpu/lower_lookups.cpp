#include <atomic>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"
#include "ops/lookups.hpp"

namespace vanda::cpu {

namespace {

// Rows that are filled together: their lines of the output stay in the first-level cache while one
// table after the other is read.
constexpr int64_t kRowBlock = 32;
constexpr int64_t kParallelFloats = 32768;
// What one lookup costs beside the floats that it copies, in floats: a miss of the cache.
constexpr int64_t kLookupFloats = 16;

// Many embedding lookups side by side, or summed, as one step.
struct Lookups {
  struct Part {
    LookupPart shape;
    int data = -1;
    int indices = -1;
    DType dtype = DType::i32;
    int64_t rows = 0;
    int64_t column = 0;
  };
  std::vector<Part> parts;
  bool sum = false;
  int64_t rows = 0;
  int64_t columns = 0;
  int target = -1;

  void run(const RunContext& context) const {
    float* out = static_cast<float*>(context.data[target]);
    std::atomic<bool> bad{false};
    int64_t cost = rows * (columns + kLookupFloats * static_cast<int64_t>(parts.size()));
    int threads = cost >= kParallelFloats ? context.threads : 1;
    parallel_for(threads, rows, kRowBlock, [&](int64_t begin, int64_t end, int) {
      for (int64_t block = begin; block < end; block += kRowBlock) {
        int64_t stop = block + kRowBlock < end ? block + kRowBlock : end;
        for (size_t i = 0; i < parts.size(); ++i) {
          if (i + 1 < parts.size()) call_rows(context, parts[i + 1], block, stop);
          if (!fill(context, parts[i], out, block, stop, sum && i > 0)) bad = true;
        }
      }
    });
    if (bad) throw Error("invalid_feed", "gather", "an index is outside its table");
  }

  bool fill(const RunContext& context, const Part& part, float* out, int64_t begin, int64_t end,
            bool add) const {
    const float* data = static_cast<const float*>(context.data[part.data]);
    int64_t width = part.shape.width;
    if (!part.shape.table) {
      for (int64_t r = begin; r < end; ++r)
        put(out + r * columns + part.column, data + r * width, width, add);
      return true;
    }
    const void* indices = context.data[part.indices];
    if (part.dtype == DType::i32)
      return look_up(static_cast<const int32_t*>(indices), part, data, out, begin, end, add);
    if (part.dtype == DType::i64)
      return look_up(static_cast<const int64_t*>(indices), part, data, out, begin, end, add);
    return look_up(static_cast<const uint8_t*>(indices), part, data, out, begin, end, add);
  }

  // Calls the rows of the next table into the cache while those of this one are copied.
  static void call_rows(const RunContext& context, const Part& part, int64_t begin, int64_t end) {
    if (!part.shape.table || part.dtype != DType::i32) return;
    const float* data = static_cast<const float*>(context.data[part.data]);
    const int32_t* indices =
        static_cast<const int32_t*>(context.data[part.indices]) + part.shape.index_offset;
    for (int64_t r = begin; r < end; ++r) {
      // A bad index is found when its row is read.
      uint32_t row = static_cast<uint32_t>(indices[r * part.shape.index_stride]);
      if (static_cast<int64_t>(row) < part.rows)
        __builtin_prefetch(data + static_cast<int64_t>(row) * part.shape.width);
    }
  }

  template <typename T>
  bool look_up(const T* indices, const Part& part, const float* data, float* out, int64_t begin,
               int64_t end, bool add) const {
    int64_t width = part.shape.width;
    bool good = true;
    for (int64_t r = begin; r < end; ++r) {
      int64_t row = static_cast<int64_t>(
          indices[part.shape.index_offset + r * part.shape.index_stride]);
      if (row < 0 || row >= part.rows) {
        good = false;
        continue;
      }
      put(out + r * columns + part.column, data + row * width, width, add);
    }
    return good;
  }

  static void put(float* out, const float* x, int64_t width, bool add) {
    if (width == 1)
      *out = add ? *out + *x : *x;
    else if (add)
      kernels().row_add(out, x, 1, width);
    else if (width == 16)
      __builtin_memcpy(out, x, 16 * sizeof(float));
    else
      __builtin_memcpy(out, x, static_cast<size_t>(width) * sizeof(float));
  }
};

}  // namespace

bool lower_lookups(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (!node.is("lookups")) return false;
  auto lookups = std::make_shared<Lookups>();
  std::vector<int> reads;
  size_t next = 0;
  int64_t column = 0;
  lookups->sum = node.flag("sum");
  for (const LookupPart& shape : decode_lookups(node)) {
    Lookups::Part part;
    part.shape = shape;
    part.rows = lowering.type(node.inputs[next]).shape[0];
    reads.push_back(part.data = lowering.plain(node.inputs[next++]));
    if (shape.table) {
      part.dtype = lowering.type(node.inputs[next]).dtype;
      reads.push_back(part.indices = lowering.plain(node.inputs[next++]));
    }
    part.column = lookups->sum ? 0 : column;
    column += shape.width;
    lookups->parts.push_back(part);
  }
  const Shape& out = node.outputs[0].shape;
  lookups->columns = out[out.rank() - 1];
  lookups->rows = out.elements() / lookups->columns;
  lookups->target = lowering.define_new(Value{id, 0});
  lowering.add("lookups x" + std::to_string(lookups->parts.size()), reads, {lookups->target},
               [lookups](const RunContext& context) { lookups->run(context); });
  return true;
}

}  // namespace vanda::cpu
