#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "ops/reduce.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kParallelElements = 65536;
constexpr int64_t kBlock = 4096;  // floats summed in float before going on in double

// x seen as [outer, count, inner], reduced over count.
struct Reduction {
  int64_t outer, count, inner;
  bool maximum;
  int source, target;
  std::vector<float> partial;  // of each thread, for tall and narrow sums

  void run(const RunContext& context) {
    const KernelTable& k = kernels();
    const float* x = static_cast<const float*>(context.data[source]);
    float* out = static_cast<float*>(context.data[target]);
    int threads = outer * count * inner >= kParallelElements ? context.threads : 1;
    if (inner == 1 && outer == 1)
      out[0] = whole(k, x, count, threads);
    else if (inner == 1)
      rows(k, x, out, threads);
    else if (outer == 1)
      columns(k, x, out, threads);
    else
      blocks(k, x, out, threads);
  }

  float run_of(const KernelTable& k, const float* x, int64_t n) const {
    if (maximum) return k.max(x, n);
    if (n <= kBlock) return k.sum(x, n);
    double total = 0;
    for (int64_t i = 0; i < n; i += kBlock) total += k.sum(x + i, n - i < kBlock ? n - i : kBlock);
    return static_cast<float>(total);
  }

  float whole(const KernelTable& k, const float* x, int64_t n, int threads) {
    for (float& value : partial) value = 0;
    int used = 1;
    int64_t grains = (n + kBlock - 1) / kBlock;
    used = static_cast<int>(grains < threads ? grains : threads);
    parallel_for(threads, n, kBlock, [&](int64_t begin, int64_t end, int thread) {
      partial[static_cast<size_t>(thread)] = run_of(k, x + begin, end - begin);
    });
    float total = partial[0];
    for (int t = 1; t < used; ++t) {
      float next = partial[static_cast<size_t>(t)];
      if (maximum)
        total = total > next || total != total ? total : next;
      else
        total += next;
    }
    return total;
  }

  void rows(const KernelTable& k, const float* x, float* out, int threads) {
    parallel_for(threads, outer, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) out[i] = run_of(k, x + i * count, count);
    });
  }

  void start(float* acc, const float* x) const {
    for (int64_t j = 0; j < inner; ++j) acc[j] = maximum ? x[j] : 0;
  }
  void add(const KernelTable& k, float* acc, const float* x, int64_t n) const {
    if (maximum)
      k.max_rows(acc, x, n, inner);
    else
      k.add_rows(acc, x, n, inner);
  }

  void columns(const KernelTable& k, const float* x, float* out, int threads) {
    if (threads == 1 || count < threads) {
      start(out, x);
      add(k, out, x, count);
      return;
    }
    parallel_for(threads, count, 1, [&](int64_t begin, int64_t end, int thread) {
      float* acc = partial.data() + static_cast<int64_t>(thread) * inner;
      start(acc, x);
      add(k, acc, x + begin * inner, end - begin);
    });
    start(out, x);
    for (int t = 0; t < threads; ++t)
      add(k, out, partial.data() + static_cast<int64_t>(t) * inner, 1);
  }

  void blocks(const KernelTable& k, const float* x, float* out, int threads) {
    parallel_for(threads, outer, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const float* block = x + i * count * inner;
        start(out + i * inner, block);
        add(k, out + i * inner, block, count);
      }
    });
  }
};

}  // namespace

bool lower_reduction(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool maximum = node.is("max");
  if (!node.is("sum") && !maximum) return false;
  const TensorType& x = lowering.type(node.inputs[0]);
  if (x.dtype != DType::f32 || x.shape.elements() == 0) return false;
  std::vector<int> axes = reduced_axes(node, x.shape.rank());
  if (axes.empty()) return false;
  if (axes.back() - axes.front() + 1 != static_cast<int>(axes.size())) return false;
  auto kernel = std::make_shared<Reduction>();
  kernel->outer = kernel->count = kernel->inner = 1;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    int64_t& part = axis < axes.front()  ? kernel->outer
                    : axis > axes.back() ? kernel->inner
                                         : kernel->count;
    part *= x.shape[axis];
  }
  kernel->maximum = maximum;
  // Over the places of pictures, planes are reduced as they lie.
  std::optional<Planes> planes;
  if (x.shape.rank() == 4 && axes == std::vector<int>{1, 2}) {
    planes = planes_of(lowering.layout_of(node.inputs[0]), x.shape);
  }
  if (planes) {
    kernel->outer = planes->count;
    kernel->inner = planes->block;
    kernel->source = lowering.in_layout(node.inputs[0], lowering.layout_of(node.inputs[0]));
  } else {
    kernel->source = lowering.plain(node.inputs[0]);
  }
  kernel->target = lowering.define_new(Value{id, 0});
  kernel->partial.resize(static_cast<size_t>(lowering.threads()) *
                         static_cast<size_t>(kernel->inner));
  lowering.add(node.op->name, {kernel->source}, {kernel->target},
               [kernel](const RunContext& context) { kernel->run(context); });
  return true;
}

}  // namespace vanda::cpu
