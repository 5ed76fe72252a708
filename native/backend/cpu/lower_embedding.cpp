#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"
#include "core/philox.hpp"
#include "ops/elementwise.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kGrainFloats = 16384;

int64_t index_at(DType dtype, const void* data, int64_t i) {
  return dtype == DType::i32 ? static_cast<const int32_t*>(data)[i]
                             : static_cast<const int64_t*>(data)[i];
}

void report(const std::string& op, bool bad, int64_t rows) {
  if (!bad) return;
  throw Error("invalid_feed", op, "an index is outside 0.." + std::to_string(rows - 1));
}

int64_t grain_of(int64_t floats) { return kGrainFloats / (floats + 1) + 1; }

// What the ops on bags share.
struct Bags {
  int64_t bags, length, width, rows, padding;
  DType dtype;
  int indices;
  int weights = -1;

  Bags(Lowering& lowering, const Node& node, size_t index_input, int64_t rows, int64_t width)
      : width(width), rows(rows), padding(node.integer("padding")) {
    const TensorType& type = lowering.type(node.inputs[index_input]);
    length = type.shape[type.shape.rank() - 1];
    bags = type.shape.elements() / length;
    dtype = type.dtype;
    indices = lowering.plain(node.inputs[index_input]);
    if (node.inputs.size() > 2 && !node.is("bag_dot")) weights = lowering.plain(node.inputs[2]);
  }
  std::vector<int> reads(std::initializer_list<int> others) const {
    std::vector<int> all(others);
    all.push_back(indices);
    if (weights >= 0) all.push_back(weights);
    return all;
  }
  float weight(const RunContext& context, int64_t position) const {
    return weights < 0 ? 1 : static_cast<const float*>(context.data[weights])[position];
  }
  // The row of a position; -1 at padding, and at a bad index, which is noted.
  int64_t row(const RunContext& context, int64_t position, std::atomic<bool>& bad) const {
    int64_t row = index_at(dtype, context.data[indices], position);
    if (row == padding) return -1;
    if (row >= 0 && row < rows) return row;
    bad = true;
    return -1;
  }
};

void lower_bag_sum(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const Shape& shape = lowering.type(node.inputs[0]).shape;
  Bags bags(lowering, node, 1, shape[0], shape[1]);
  int table = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("bag_sum", bags.reads({table}), {target}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[table]);
    float* out = static_cast<float*>(context.data[target]);
    std::atomic<bool> bad{false};
    parallel_for(context.threads, bags.bags, grain_of(bags.length * bags.width),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t bag = begin; bag < end; ++bag) {
                     float* sum = out + bag * bags.width;
                     std::memset(sum, 0, static_cast<size_t>(bags.width) * sizeof(float));
                     for (int64_t k = 0; k < bags.length; ++k) {
                       int64_t position = bag * bags.length + k;
                       int64_t row = bags.row(context, position, bad);
                       if (row < 0) continue;
                       kernels().row_add(sum, from + row * bags.width,
                                         bags.weight(context, position), bags.width);
                     }
                   }
                 });
    report("bag_sum", bad, bags.rows);
  });
}

// Each thread fills a share of the table's rows, reading all indices: sums depend on nothing else.
void lower_scatter_bag(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const Shape& out_shape = node.outputs[0].shape;
  Bags bags(lowering, node, 1, out_shape[0], out_shape[1]);
  int values = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("scatter_bag", bags.reads({values}), {target}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[values]);
    float* out = static_cast<float*>(context.data[target]);
    std::atomic<bool> bad{false};
    parallel_for(context.threads, bags.rows, grain_of(bags.width),
                 [&](int64_t begin, int64_t end, int) {
                   size_t bytes = static_cast<size_t>((end - begin) * bags.width) * sizeof(float);
                   std::memset(out + begin * bags.width, 0, bytes);
                   for (int64_t p = 0; p < bags.bags * bags.length; ++p) {
                     int64_t row = bags.row(context, p, bad);
                     if (row < begin || row >= end) continue;
                     kernels().row_add(out + row * bags.width,
                                       from + p / bags.length * bags.width,
                                       bags.weight(context, p), bags.width);
                   }
                 });
    report("scatter_bag", bad, bags.rows);
  });
}

void lower_bag_dot(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const Shape& shape = lowering.type(node.inputs[1]).shape;
  Bags bags(lowering, node, 2, shape[0], shape[1]);
  int values = lowering.plain(node.inputs[0]);
  int table = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("bag_dot", bags.reads({values, table}), {target}, [=](const RunContext& context) {
    const float* rows = static_cast<const float*>(context.data[values]);
    const float* from = static_cast<const float*>(context.data[table]);
    float* out = static_cast<float*>(context.data[target]);
    std::atomic<bool> bad{false};
    parallel_for(context.threads, bags.bags * bags.length, grain_of(bags.width),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t p = begin; p < end; ++p) {
                     int64_t row = bags.row(context, p, bad);
                     out[p] = row < 0 ? 0
                                      : kernels().dot(rows + p / bags.length * bags.width,
                                                      from + row * bags.width, bags.width);
                   }
                 });
    report("bag_dot", bad, bags.rows);
  });
}

void lower_bag_sizes(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Bags bags(lowering, node, 0, 0, 1);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("bag_sizes", bags.reads({}), {target}, [=](const RunContext& context) {
    float* out = static_cast<float*>(context.data[target]);
    const void* indices = context.data[bags.indices];
    for (int64_t bag = 0; bag < bags.bags; ++bag) {
      int64_t size = 0;
      for (int64_t k = 0; k < bags.length; ++k) {
        size += index_at(bags.dtype, indices, bag * bags.length + k) != bags.padding ? 1 : 0;
      }
      out[bag] = static_cast<float>(size > 0 ? size : 1);
    }
  });
}

// segment_sum and segment_spread: rows of the long side [M, width] and of the short one [N, width].
void lower_segments(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool sum = node.is("segment_sum");
  const Shape& long_shape = sum ? lowering.type(node.inputs[0]).shape : node.outputs[0].shape;
  int64_t rows = long_shape[0];
  int64_t width = rows == 0 ? 0 : long_shape.elements() / rows;
  int64_t segments = lowering.type(node.inputs[1]).shape[0];
  DType dtype = lowering.type(node.inputs[1]).dtype;
  int source = lowering.plain(node.inputs[0]);
  int offsets = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  std::string op = node.op->name;
  lowering.add(op, {source, offsets}, {target}, [=](const RunContext& context) {
    const float* x = static_cast<const float*>(context.data[source]);
    float* out = static_cast<float*>(context.data[target]);
    auto begin_of = [&](int64_t n) {
      return n < segments ? index_at(dtype, context.data[offsets], n) : rows;
    };
    bool good = begin_of(0) == 0;
    for (int64_t n = 0; good && n < segments; ++n) {
      good = begin_of(n + 1) >= begin_of(n) && begin_of(n + 1) <= rows;
    }
    if (!good) {
      throw Error("invalid_feed", op,
                  "the offsets must begin at 0, never fall and end within " +
                      std::to_string(rows) + " rows");
    }
    size_t bytes = static_cast<size_t>(width) * sizeof(float);
    int64_t grain = grain_of(rows / segments * width);
    parallel_for(context.threads, segments, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t n = begin; n < end; ++n) {
        if (sum) std::memset(out + n * width, 0, bytes);
        for (int64_t row = begin_of(n); row < begin_of(n + 1); ++row) {
          if (sum)
            kernels().row_add(out + n * width, x + row * width, 1, width);
          else
            std::memcpy(out + row * width, x + n * width, bytes);
        }
      }
    });
  });
}

// The buffers and sizes of negative_sampling and of its gradient, whose inputs begin one later.
struct Sampling {
  int in, out, centre, context, negatives;
  DType centre_type, context_type, negatives_type;
  int64_t in_rows, out_rows, width, examples, count;

  Sampling(Lowering& lowering, const Node& node, size_t first) {
    auto type = [&](size_t i) { return lowering.type(node.inputs[first + i]); };
    auto plain = [&](size_t i) { return lowering.plain(node.inputs[first + i]); };
    in = plain(0);
    out = plain(1);
    centre = plain(2);
    context = plain(3);
    negatives = plain(4);
    centre_type = type(2).dtype;
    context_type = type(3).dtype;
    negatives_type = type(4).dtype;
    in_rows = type(0).shape[0];
    out_rows = type(1).shape[0];
    width = type(0).shape[1];
    examples = type(2).shape[0];
    count = type(4).shape[1];
  }
  std::vector<int> reads() const { return {in, out, centre, context, negatives}; }
  int64_t grain() const { return grain_of(width * (count + 1)); }

  int64_t target(const RunContext& run, int64_t n, int64_t k) const {
    return k == 0 ? index_at(context_type, run.data[context], n)
                  : index_at(negatives_type, run.data[negatives], n * count + k - 1);
  }
  // body(k, row of outputs, dot) for the targets of example n that count; false at a bad index.
  template <typename Body>
  bool each(const RunContext& run, int64_t n, const float*& centre_row, Body body) const {
    int64_t row = index_at(centre_type, run.data[centre], n);
    int64_t positive = target(run, n, 0);
    if (row < 0 || row >= in_rows || positive < 0 || positive >= out_rows) return false;
    centre_row = static_cast<const float*>(run.data[in]) + row * width;
    for (int64_t k = 0; k <= count; ++k) {
      int64_t other = target(run, n, k);
      if (other < 0 || other >= out_rows) return false;
      if (k > 0 && other == positive) continue;
      const float* row_out = static_cast<const float*>(run.data[out]) + other * width;
      body(k, row_out, kernels().dot(centre_row, row_out, width));
    }
    return true;
  }
};

void lower_sampling(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Sampling sampling(lowering, node, 0);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("negative_sampling", sampling.reads(), {target}, [=](const RunContext& context) {
    float* out = static_cast<float*>(context.data[target]);
    std::atomic<bool> bad{false};
    parallel_for(context.threads, sampling.examples, sampling.grain(),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t n = begin; n < end; ++n) {
                     const float* centre = nullptr;
                     float loss = 0;
                     bool good =
                         sampling.each(context, n, centre, [&](int64_t k, const float*, float dot) {
                           float z = k == 0 ? -dot : dot;
                           float part;
                           kernels().tile[static_cast<int>(Scalar::softplus)](
                               &part, &z, nullptr, nullptr, nullptr, 1);
                           loss += part;
                         });
                     if (!good) bad = true;
                     out[n] = loss;
                   }
                 });
    report("negative_sampling", bad, std::min(sampling.in_rows, sampling.out_rows));
  });
}

void lower_sampling_gradient(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Sampling sampling(lowering, node, 1);
  int gradient = lowering.plain(node.inputs[0]);
  int centres = lowering.define_new(Value{id, 0});
  int rows = lowering.define_new(Value{id, 1});
  int targets = lowering.define_new(Value{id, 2});
  std::vector<int> reads = sampling.reads();
  reads.push_back(gradient);
  lowering.add("negative_sampling_grad", reads, {centres, rows, targets},
               [=](const RunContext& context) {
    const float* dy = static_cast<const float*>(context.data[gradient]);
    float* out_centres = static_cast<float*>(context.data[centres]);
    float* out_rows = static_cast<float*>(context.data[rows]);
    int32_t* out_targets = static_cast<int32_t*>(context.data[targets]);
    int64_t width = sampling.width;
    int64_t each = sampling.count + 1;
    std::atomic<bool> bad{false};
    parallel_for(context.threads, sampling.examples, sampling.grain(),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t n = begin; n < end; ++n) {
                     float* sum = out_centres + n * width;
                     float* own = out_rows + n * each * width;
                     std::memset(sum, 0, static_cast<size_t>(width) * sizeof(float));
                     std::memset(own, 0, static_cast<size_t>(each * width) * sizeof(float));
                     for (int64_t k = 0; k < each; ++k) {
                       out_targets[n * each + k] =
                           static_cast<int32_t>(sampling.target(context, n, k));
                     }
                     const float* centre = nullptr;
                     bool good = sampling.each(
                         context, n, centre, [&](int64_t k, const float* row, float dot) {
                           float share;
                           kernels().tile[static_cast<int>(Scalar::sigmoid)](
                               &share, &dot, nullptr, nullptr, nullptr, 1);
                           float slope = dy[n] * (share - (k == 0 ? 1.0f : 0.0f));
                           kernels().row_add(sum, row, slope, width);
                           kernels().row_set(own + k * width, centre, slope, width);
                         });
                     if (!good) bad = true;
                   }
                 });
    report("negative_sampling", bad, std::min(sampling.in_rows, sampling.out_rows));
  });
}

void lower_noise(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t elements = node.outputs[0].shape.elements();
  int64_t columns = lowering.type(node.inputs[1]).shape[0];
  uint64_t salt = static_cast<uint64_t>(node.integer("salt"));
  std::array<uint32_t, 4> mixed =
      philox(philox_key(static_cast<uint64_t>(node.integer("seed"))),
             {static_cast<uint32_t>(salt), static_cast<uint32_t>(salt >> 32), 0x6e6f6973, 0});
  int threshold = lowering.plain(node.inputs[1]);
  int alias = lowering.plain(node.inputs[2]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("sample_noise", {threshold, alias}, {target}, [=](const RunContext& context) {
    const float* keep = static_cast<const float*>(context.data[threshold]);
    const int32_t* other = static_cast<const int32_t*>(context.data[alias]);
    int32_t* out = static_cast<int32_t*>(context.data[target]);
    parallel_for(context.threads, elements, 4096, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        std::array<uint32_t, 4> random = philox(
            {mixed[0], mixed[1]},
            {static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32),
             static_cast<uint32_t>(context.step), static_cast<uint32_t>(context.step >> 32)});
        uint64_t column = (uint64_t{random[0]} * static_cast<uint64_t>(columns)) >> 32;
        bool kept = unit_float(random[1]) < keep[column];
        out[i] = kept ? static_cast<int32_t>(column) : other[column];
      }
    });
  });
}

}  // namespace

bool lower_embedding(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  for (const TensorType& type : node.outputs) {
    if (type.dtype == DType::f64 || type.shape.elements() == 0) return false;
  }
  for (Value input : node.inputs) {
    if (lowering.type(input).shape.elements() == 0) return false;
  }
  if (node.is("bag_sum"))
    lower_bag_sum(lowering, id);
  else if (node.is("scatter_bag") && lowering.type(node.inputs[1]).shape.elements() > 0)
    lower_scatter_bag(lowering, id);
  else if (node.is("bag_dot"))
    lower_bag_dot(lowering, id);
  else if (node.is("bag_sizes"))
    lower_bag_sizes(lowering, id);
  else if (node.is("segment_sum") || node.is("segment_spread"))
    lower_segments(lowering, id);
  else if (node.is("negative_sampling"))
    lower_sampling(lowering, id);
  else if (node.is("negative_sampling_grad"))
    lower_sampling_gradient(lowering, id);
  else if (node.is("sample_noise"))
    lower_noise(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
