#include <cmath>
#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/panels.hpp"
#include "ops/attention.hpp"

namespace vanda::cpu {

namespace {

// Scores are made in tiles of this many queries by keys, which stay in the second-level cache.
constexpr int64_t kQueries = 64;
constexpr int64_t kKeys = 128;
// Multiply-adds below which one thread does all of it.
constexpr double kSharedWork = 5e5;

struct Attention {
  AttentionShape shape;
  int q = -1, k = -1, v = -1, mask = -1, out = -1, norms = -1;
  int64_t share = 0;  // floats of scratch of each thread
  std::vector<float> scratch;

  int threads_for(int threads) const {
    double work = static_cast<double>(shape.batch * shape.heads * shape.queries) *
                  static_cast<double>(shape.keys * (shape.depth + shape.value_depth));
    return work < kSharedWork ? 1 : threads;
  }
  void prepare(int threads, int64_t floats) {
    share = floats;
    scratch.resize(static_cast<size_t>(share * threads));
  }
  // Keys that queries below `end` may look at.
  int64_t keys_before(int64_t end) const {
    return shape.causal && end < shape.keys ? end : shape.keys;
  }
  // Sets the scores of [i, i + rows) by [j, j + columns) that nobody may see to -inf.
  void hide(const RunContext& context, int64_t n, int64_t i, int64_t rows, int64_t j,
            int64_t columns, float* scores) const {
    if (shape.causal && j + columns > i + 1) {
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = i + r + 1 - j < 0 ? 0 : i + r + 1 - j; c < columns; ++c) {
          scores[r * kKeys + c] = -INFINITY;
        }
      }
    }
    if (mask < 0) return;
    const uint8_t* seen =
        static_cast<const uint8_t*>(context.data[mask]) + n * shape.mask_batch + j;
    for (int64_t r = 0; r < rows; ++r) {
      const uint8_t* row = seen + (i + r) * shape.mask_row;
      for (int64_t c = 0; c < columns; ++c) {
        if (row[c] == 0) scores[r * kKeys + c] = -INFINITY;
      }
    }
  }
};

float* floats(const RunContext& context, int buffer) {
  return static_cast<float*>(context.data[buffer]);
}

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

struct Forward : Attention {
  static int64_t scratch_floats(const AttentionShape& s) {
    return kQueries * kKeys + kQueries * s.value_depth + panel_floats(s.depth, kKeys) +
           panel_floats(kKeys, s.value_depth);
  }

  void run(const RunContext& context) {
    int64_t tiles = (shape.queries + kQueries - 1) / kQueries;
    parallel_for(threads_for(context.threads), shape.batch * shape.heads * tiles, 1,
                 [&](int64_t begin, int64_t end, int thread) {
                   for (int64_t item = begin; item < end; ++item) {
                     int64_t head = item / tiles;
                     run_tile(context, head / shape.heads, head % shape.heads,
                              item % tiles * kQueries, scratch.data() + share * thread);
                   }
                 });
  }

  void run_tile(const RunContext& context, int64_t n, int64_t h, int64_t i, float* own) const {
    const KernelTable& kernel = kernels();
    int64_t depth = shape.depth, width = shape.value_depth;
    int64_t rows = least(kQueries, shape.queries - i);
    float* scores = own;
    float* sums = scores + kQueries * kKeys;
    float* keys = sums + kQueries * width;
    float* values = keys + panel_floats(depth, kKeys);
    float top[kQueries], total[kQueries];
    for (int64_t r = 0; r < rows; ++r) {
      top[r] = -3.4028235e38f;
      total[r] = 0;
    }
    int64_t end = keys_before(i + rows);
    for (int64_t j = 0; j < end; j += kKeys) {
      int64_t columns = least(kKeys, end - j);
      kernel.pack_panels(keys, floats(context, k) + shape.k.at(n, h, j), 1, shape.k.row, depth,
                         columns);
      kernel.pack_panels(values, floats(context, v) + shape.v.at(n, h, j), shape.v.row, 1, columns,
                         width);
      kernel.product(scores, kKeys, floats(context, q) + shape.q.at(n, h, i), shape.q.row, 1, keys,
                     rows, depth, columns, 0);
      hide(context, n, i, rows, j, columns, scores);
      for (int64_t r = 0; r < rows; ++r) {
        float factor = kernel.softmax_tile(scores + r * kKeys, static_cast<float>(shape.scale),
                                           &top[r], &total[r], columns);
        if (j > 0) kernel.attention_scale(sums + r * width, factor, width);
      }
      kernel.product(sums, width, scores, kKeys, 1, values, rows, columns, width, j > 0);
    }
    for (int64_t r = 0; r < rows; ++r) {
      kernel.attention_scale(sums + r * width, total[r] == 0 ? 0 : 1 / total[r], width);
      std::memcpy(floats(context, out) + shape.out.at(n, h, i + r), sums + r * width,
                  static_cast<size_t>(width) * sizeof(float));
      if (norms < 0) continue;
      floats(context, norms)[(n * shape.heads + h) * shape.queries + i + r] =
          kernel.softmax_norm(top[r], total[r]);
    }
  }
};

// A head at a time; the scores are made again from q, k and the norms, tile by tile.
struct Backward : Attention {
  int gradient = -1, dq = -1, dk = -1, dv = -1;

  static int64_t scratch_floats(const AttentionShape& s) {
    return 2 * kQueries * kKeys + s.queries + panel_floats(s.depth, kKeys) +
           panel_floats(kKeys, s.depth) + panel_floats(s.value_depth, kKeys) +
           panel_floats(kQueries, s.depth) + panel_floats(kQueries, s.value_depth);
  }

  struct Scratch {
    float *scores, *d_scores, *deltas;
    float *keys, *keys_across, *values_across, *queries, *gradients;  // panels
  };
  Scratch cut(float* own) const {
    Scratch s{};
    auto take = [&own](int64_t count) {
      float* begin = own;
      own += count;
      return begin;
    };
    s.scores = take(kQueries * kKeys);
    s.d_scores = take(kQueries * kKeys);
    s.deltas = take(shape.queries);
    s.keys = take(panel_floats(kKeys, shape.depth));
    s.keys_across = take(panel_floats(shape.depth, kKeys));
    s.values_across = take(panel_floats(shape.value_depth, kKeys));
    s.queries = take(panel_floats(kQueries, shape.depth));
    s.gradients = take(panel_floats(kQueries, shape.value_depth));
    return s;
  }

  void run(const RunContext& context) {
    parallel_for(threads_for(context.threads), shape.batch * shape.heads, 1,
                 [&](int64_t begin, int64_t end, int thread) {
                   Scratch own = cut(scratch.data() + share * thread);
                   for (int64_t head = begin; head < end; ++head) {
                     run_head(context, head / shape.heads, head % shape.heads, own);
                   }
                 });
  }

  void run_head(const RunContext& context, int64_t n, int64_t h, const Scratch& own) const {
    const KernelTable& kernel = kernels();
    for (int64_t i = 0; i < shape.queries; ++i) {
      int64_t at = shape.out.at(n, h, i);
      own.deltas[i] = kernel.attention_dot(floats(context, gradient) + at, floats(context, out) + at,
                                 shape.value_depth);
    }
    for (int64_t j = 0; j < shape.keys; j += kKeys) {
      int64_t columns = least(kKeys, shape.keys - j);
      const float* keys = floats(context, k) + shape.k.at(n, h, j);
      kernel.pack_panels(own.keys, keys, shape.k.row, 1, columns, shape.depth);
      kernel.pack_panels(own.keys_across, keys, 1, shape.k.row, shape.depth, columns);
      kernel.pack_panels(own.values_across, floats(context, v) + shape.v.at(n, h, j), 1,
                         shape.v.row, shape.value_depth, columns);
      // Queries before the first key of the tile cannot see it when looking back only.
      int64_t first = shape.causal ? j / kQueries * kQueries : 0;
      for (int64_t i = first; i < shape.queries; i += kQueries) {
        run_tile(context, n, h, i, j, i > first, own);
      }
      if (first >= shape.queries) clear(context, n, h, j, columns);
    }
  }

  void run_tile(const RunContext& context, int64_t n, int64_t h, int64_t i, int64_t j, bool more,
                const Scratch& own) const {
    const KernelTable& kernel = kernels();
    int64_t depth = shape.depth, width = shape.value_depth;
    int64_t rows = least(kQueries, shape.queries - i);
    int64_t columns = least(kKeys, shape.keys - j);
    const float* queries = floats(context, q) + shape.q.at(n, h, i);
    const float* arrives = floats(context, gradient) + shape.out.at(n, h, i);
    kernel.pack_panels(own.queries, queries, shape.q.row, 1, rows, depth);
    kernel.pack_panels(own.gradients, arrives, shape.out.row, 1, rows, width);
    kernel.product(own.scores, kKeys, queries, shape.q.row, 1, own.keys_across, rows, depth,
                   columns, 0);
    hide(context, n, i, rows, j, columns, own.scores);
    kernel.product(own.d_scores, kKeys, arrives, shape.out.row, 1, own.values_across, rows, width,
                   columns, 0);
    const float* norm = floats(context, norms) + (n * shape.heads + h) * shape.queries + i;
    for (int64_t r = 0; r < rows; ++r) {
      kernel.attention_row_grad(own.scores + r * kKeys, own.d_scores + r * kKeys,
                                static_cast<float>(shape.scale), norm[r], own.deltas[i + r],
                                columns);
    }
    kernel.product(floats(context, dv) + shape.v.at(n, h, j), shape.v.row, own.scores, 1, kKeys,
                   own.gradients, columns, rows, width, more);
    kernel.product(floats(context, dk) + shape.k.at(n, h, j), shape.k.row, own.d_scores, 1, kKeys,
                   own.queries, columns, rows, depth, more);
    kernel.product(floats(context, dq) + shape.q.at(n, h, i), shape.q.row, own.d_scores, kKeys, 1,
                   own.keys, rows, columns, depth, j > 0);
  }

  // Keys that no query sees.
  void clear(const RunContext& context, int64_t n, int64_t h, int64_t j, int64_t columns) const {
    for (int64_t c = j; c < j + columns; ++c) {
      std::memset(floats(context, dk) + shape.k.at(n, h, c), 0,
                  static_cast<size_t>(shape.depth) * sizeof(float));
      std::memset(floats(context, dv) + shape.v.at(n, h, c), 0,
                  static_cast<size_t>(shape.value_depth) * sizeof(float));
    }
  }
};

template <typename Kernel>
std::shared_ptr<Kernel> kernel_of(Lowering& lowering, const Node& node, std::vector<int>& reads) {
  auto kernel = std::make_shared<Kernel>();
  std::vector<TensorType> types;
  for (Value input : node.inputs) {
    types.push_back(lowering.type(input));
    reads.push_back(lowering.plain(input));
  }
  kernel->shape = attention_shape(node, types);
  AttentionInputs at = attention_inputs(node);
  auto buffer = [&](int index) { return index < 0 ? -1 : reads[static_cast<size_t>(index)]; };
  kernel->q = buffer(at.q);
  kernel->k = buffer(at.k);
  kernel->v = buffer(at.v);
  kernel->mask = buffer(at.mask);
  kernel->out = buffer(at.out);
  kernel->norms = buffer(at.norms);
  kernel->prepare(lowering.threads(), Kernel::scratch_floats(kernel->shape));
  return kernel;
}

void lower_forward(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  std::vector<int> reads;
  auto kernel = kernel_of<Forward>(lowering, node, reads);
  kernel->out = lowering.define_new(Value{id, 0});
  std::vector<int> writes = {kernel->out};
  if (lowering.is_read(Value{id, 1})) {
    kernel->norms = lowering.define_new(Value{id, 1});
    writes.push_back(kernel->norms);
  }
  lowering.add("attention", reads, writes,
               [kernel](const RunContext& context) { kernel->run(context); });
}

void lower_gradient(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  std::vector<int> reads;
  auto kernel = kernel_of<Backward>(lowering, node, reads);
  kernel->gradient = reads[static_cast<size_t>(attention_inputs(node).gradient)];
  std::vector<int> writes;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    writes.push_back(lowering.define_new(Value{id, static_cast<int>(i)}));
  }
  kernel->dq = writes.front();
  kernel->dk = writes.size() == 3 ? writes[1] : writes.front();
  kernel->dv = writes.back();
  lowering.add("attention_grad", reads, writes,
               [kernel](const RunContext& context) { kernel->run(context); });
}

}  // namespace

bool lower_attention(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("attention"))
    lower_forward(lowering, id);
  else if (node.is("attention_grad"))
    lower_gradient(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
