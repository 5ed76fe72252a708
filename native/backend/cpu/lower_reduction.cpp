#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "ops/reduce.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kParallelElements = 65536;
constexpr int64_t kBlock = 4096;  // floats summed in float before going on in double

enum class Kind : uint8_t { sum, product, maximum, minimum, log_sum_exp };

// x seen as [outer, count, inner], reduced over count. Axes that do not lie together are reduced
// one run of neighbours after the other, which every kind allows.
struct Reduction {
  Kind kind;
  DType dtype;
  int64_t outer, count, inner;
  int source, target;
  std::vector<uint64_t> partial;  // a result of each thread, for few and tall columns

  size_t size() const { return dtype_bytes(dtype); }

  void run(const RunContext& context) {
    const char* x = static_cast<const char*>(context.data[source]);
    char* out = static_cast<char*>(context.data[target]);
    int threads = outer * count * inner >= kParallelElements ? context.threads : 1;
    int64_t chunks = (inner + kColumnsMax - 1) / kColumnsMax;
    if (outer == 1 && chunks < 2 * threads && count >= 2 * threads)
      share_rows(x, out, threads);
    else if (inner == 1)
      whole_rows(x, out, threads);
    else
      share_columns(x, out, threads, chunks);
  }

  void whole_rows(const char* x, char* out, int threads) const {
    int64_t grain = count >= kBlock ? 1 : kBlock / count;
    parallel_for(threads, outer, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) column(out, i, x, i * count, count, 1, 1);
    });
  }

  void share_columns(const char* x, char* out, int threads, int64_t chunks) const {
    parallel_for(threads, outer * chunks, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t unit = begin; unit < end; ++unit) {
        int64_t first = unit % chunks * kColumnsMax;
        int64_t width = inner - first < kColumnsMax ? inner - first : kColumnsMax;
        int64_t block = unit / chunks;
        column(out, block * inner + first, x, block * count * inner + first, count, inner, width);
      }
    });
  }

  // Each thread reduces some of the rows, then the results of the threads are reduced.
  void share_rows(const char* x, char* out, int threads) {
    int64_t grain = inner >= kBlock ? 1 : kBlock / inner;
    int64_t grains = (count + grain - 1) / grain;
    int64_t used = grains < threads ? grains : threads;
    char* parts = reinterpret_cast<char*>(partial.data());
    auto columns = [&](char* to, int64_t to_first, const char* from, int64_t from_first,
                       int64_t rows) {
      for (int64_t first = 0; first < inner; first += kColumnsMax) {
        int64_t width = inner - first < kColumnsMax ? inner - first : kColumnsMax;
        column(to, to_first + first, from, from_first + first, rows, inner, width);
      }
    };
    parallel_for(threads, count, grain, [&](int64_t begin, int64_t end, int thread) {
      columns(parts, thread * inner, x, begin * inner, end - begin);
    });
    columns(out, 0, parts, 0, used);
  }

  // out[out_first + j] = the reduction of x[x_first + r * stride + j] over r.
  void column(char* out, int64_t out_first, const char* x, int64_t x_first, int64_t rows,
              int64_t stride, int64_t width) const {
    char* to = out + static_cast<size_t>(out_first) * size();
    const char* from = x + static_cast<size_t>(x_first) * size();
    if (dtype != DType::f32) {
      int which = dtype == DType::i32 ? 0 : dtype == DType::i64 ? 1 : 2;
      std::memcpy(to, from, static_cast<size_t>(width) * size());
      kernels().integers.reduce[which][static_cast<int>(kind)](
          to, from + static_cast<size_t>(stride) * size(), rows - 1, stride, width);
      return;
    }
    float* result = reinterpret_cast<float*>(to);
    const float* values = reinterpret_cast<const float*>(from);
    if (stride == 1)
      result[0] = row(values, rows);
    else
      float_columns(result, values, rows, stride, width);
  }

  float row(const float* x, int64_t n) const {
    const KernelTable& k = kernels();
    switch (kind) {
      case Kind::product:
        return k.reductions.product(x, n);
      case Kind::maximum:
        return k.max(x, n);
      case Kind::minimum:
        return k.reductions.min(x, n);
      case Kind::log_sum_exp:
        return k.log_sum_exp(x, n);
      case Kind::sum:
        break;
    }
    if (n <= kBlock) return k.sum(x, n);
    double total = 0;
    for (int64_t i = 0; i < n; i += kBlock) total += k.sum(x + i, n - i < kBlock ? n - i : kBlock);
    return static_cast<float>(total);
  }

  void float_columns(float* out, const float* x, int64_t rows, int64_t stride,
                     int64_t width) const {
    const KernelTable& k = kernels();
    if (kind == Kind::sum) {
      std::memset(out, 0, static_cast<size_t>(width) * sizeof(float));
      if (stride == width && width < 16)
        k.add_rows(out, x, rows, width);
      else
        k.reductions.sum_rows(out, x, rows, stride, width);
      return;
    }
    if (kind == Kind::log_sum_exp) {
      k.reductions.log_sum_exp_columns(out, x, rows, stride, width);
      return;
    }
    std::memcpy(out, x, static_cast<size_t>(width) * sizeof(float));
    auto function = kind == Kind::product   ? k.reductions.product_rows
                    : kind == Kind::maximum ? k.reductions.max_rows
                                            : k.reductions.min_rows;
    function(out, x + stride, rows - 1, stride, width);
  }
};

std::optional<Kind> kind_of(const Node& node) {
  if (node.is("sum")) return Kind::sum;
  if (node.is("prod")) return Kind::product;
  if (node.is("max") || node.is("any")) return Kind::maximum;
  if (node.is("min") || node.is("all")) return Kind::minimum;
  if (node.is("log_sum_exp")) return Kind::log_sum_exp;
  return std::nullopt;
}

// A dim of the input: neighbours of one kind are joined, and ones dropped.
struct Run {
  int64_t size;
  bool reduced;
};

std::vector<Run> runs_of(const Node& node, const Shape& shape) {
  std::vector<bool> reduced(static_cast<size_t>(shape.rank()), false);
  for (int axis : reduced_axes(node, shape.rank())) reduced[static_cast<size_t>(axis)] = true;
  std::vector<Run> runs;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    bool here = reduced[static_cast<size_t>(axis)];
    if (shape[axis] == 1) continue;
    if (!runs.empty() && runs.back().reduced == here)
      runs.back().size *= shape[axis];
    else
      runs.push_back({shape[axis], here});
  }
  return runs;
}

}  // namespace

bool lower_reduction(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  std::optional<Kind> kind = kind_of(node);
  if (!kind) return false;
  const TensorType& x = lowering.type(node.inputs[0]);
  if (x.dtype == DType::f64 || x.shape.elements() == 0) return false;
  std::vector<Run> runs = runs_of(node, x.shape);
  auto last_reduced = [&] {
    size_t at = runs.size();
    while (at > 0 && !runs[at - 1].reduced) --at;
    return at;  // one past it; 0 when there is none
  };
  if (last_reduced() == 0) {
    lowering.define(Value{id, 0}, lowering.plain(node.inputs[0]));
    return true;
  }
  // Over the places of pictures, planes are reduced as they lie.
  std::optional<Planes> planes;
  if (x.dtype == DType::f32 && x.shape.rank() == 4 &&
      reduced_axes(node, 4) == std::vector<int>{1, 2}) {
    planes = planes_of(lowering.layout_of(node.inputs[0]), x.shape);
  }
  if (planes)
    runs = {{planes->count, false}, {x.shape[1] * x.shape[2], true}, {planes->block, false}};
  int source = planes ? lowering.in_layout(node.inputs[0], lowering.layout_of(node.inputs[0]))
                      : lowering.plain(node.inputs[0]);
  while (size_t at = last_reduced()) {
    auto step = std::make_shared<Reduction>();
    step->kind = *kind;
    step->dtype = x.dtype;
    step->outer = step->inner = 1;
    step->count = runs[at - 1].size;
    for (size_t i = 0; i + 1 < at; ++i) step->outer *= runs[i].size;
    for (size_t i = at; i < runs.size(); ++i) step->inner *= runs[i].size;
    runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at) - 1);
    size_t bytes = static_cast<size_t>(step->outer * step->inner) * dtype_bytes(x.dtype);
    step->source = source;
    step->target =
        last_reduced() == 0 ? lowering.define_new(Value{id, 0}) : lowering.new_buffer(bytes);
    step->partial.resize(static_cast<size_t>(lowering.threads()) *
                         static_cast<size_t>(step->inner * 8 + 7) / 8);
    lowering.add(node.op->name, {step->source}, {step->target},
                 [step](const RunContext& context) { step->run(context); });
    source = step->target;
  }
  return true;
}

}  // namespace vanda::cpu
