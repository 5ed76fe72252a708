#include <atomic>
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"
#include "core/philox.hpp"
#include "ops/elementwise.hpp"

namespace vanda::cpu {

namespace {

// Rows that make a grain of about this many elements are worth a thread.
int64_t row_grain(int64_t width) { return width >= 16384 ? 1 : 16384 / (width + 1) + 1; }

int64_t integer_at(DType dtype, const void* data, int64_t i) {
  if (dtype == DType::i32) return static_cast<const int32_t*>(data)[i];
  if (dtype == DType::i64) return static_cast<const int64_t*>(data)[i];
  return static_cast<const uint8_t*>(data)[i];
}

// Kernels run in teams and cannot throw: a bad index is noted and reported after the team is done.
void report(const std::string& op, bool bad, int64_t bound) {
  if (!bad) return;
  throw Error("invalid_feed", op, "an index is outside 0.." + std::to_string(bound - 1));
}

void lower_cross_entropy(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t classes = lowering.type(node.inputs[0]).shape[1];
  int64_t rows = node.outputs[0].shape[0];
  DType dtype = lowering.type(node.inputs[1]).dtype;
  int logits = lowering.plain(node.inputs[0]);
  int labels = lowering.plain(node.inputs[1]);
  int weights = node.inputs.size() > 2 ? lowering.plain(node.inputs[2]) : -1;
  int target = lowering.define_new(Value{id, 0});
  std::vector<int> reads = {logits, labels};
  if (weights >= 0) reads.push_back(weights);
  lowering.add(node.op->name, reads, {target}, [=](const RunContext& context) {
    const float* x = static_cast<const float*>(context.data[logits]);
    const float* w = weights >= 0 ? static_cast<const float*>(context.data[weights]) : nullptr;
    float* out = static_cast<float*>(context.data[target]);
    const KernelTable& k = kernels();
    std::atomic<bool> bad{false};
    parallel_for(context.threads, rows, row_grain(classes * 8),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t r = begin; r < end; ++r) {
                     int64_t label = integer_at(dtype, context.data[labels], r);
                     if (label < 0 || label >= classes) {
                       bad = true;
                       continue;
                     }
                     float loss = k.log_sum_exp(x + r * classes, classes) - x[r * classes + label];
                     out[r] = w == nullptr ? loss : loss * w[label];
                   }
                 });
    report("softmax_cross_entropy", bad, classes);
  });
}

void lower_cross_entropy_gradient(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t rows = node.outputs[0].shape[0];
  int64_t classes = node.outputs[0].shape[1];
  DType dtype = lowering.type(node.inputs[2]).dtype;
  int gradient = lowering.plain(node.inputs[0]);
  int logits = lowering.plain(node.inputs[1]);
  int labels = lowering.plain(node.inputs[2]);
  int weights = node.inputs.size() > 3 ? lowering.plain(node.inputs[3]) : -1;
  int target = lowering.define_new(Value{id, 0});
  std::vector<int> reads = {gradient, logits, labels};
  if (weights >= 0) reads.push_back(weights);
  lowering.add(node.op->name, reads, {target}, [=](const RunContext& context) {
    const float* dy = static_cast<const float*>(context.data[gradient]);
    const float* x = static_cast<const float*>(context.data[logits]);
    const float* w = weights >= 0 ? static_cast<const float*>(context.data[weights]) : nullptr;
    float* out = static_cast<float*>(context.data[target]);
    const KernelTable& k = kernels();
    std::atomic<bool> bad{false};
    parallel_for(
        context.threads, rows, row_grain(classes * 8), [&](int64_t begin, int64_t end, int) {
          for (int64_t r = begin; r < end; ++r) {
            int64_t label = integer_at(dtype, context.data[labels], r);
            if (label < 0 || label >= classes) {
              bad = true;
              continue;
            }
            float scale = w == nullptr ? dy[r] : dy[r] * w[label];
            k.softmax(out + r * classes, x + r * classes, classes, 0);
            k.attention_scale(out + r * classes, scale, classes);
            out[r * classes + label] -= scale;
          }
        });
    report("softmax_cross_entropy", bad, classes);
  });
}

void lower_gather(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const TensorType& table_type = lowering.type(node.inputs[0]);
  int64_t rows = table_type.shape[0];
  size_t width = rows == 0 ? 0 : table_type.bytes() / static_cast<size_t>(rows);
  int64_t count = lowering.type(node.inputs[1]).shape.elements();
  DType dtype = lowering.type(node.inputs[1]).dtype;
  int table = lowering.plain(node.inputs[0]);
  int indices = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("gather", {table, indices}, {target}, [=](const RunContext& context) {
    const char* from = static_cast<const char*>(context.data[table]);
    char* out = static_cast<char*>(context.data[target]);
    std::atomic<bool> bad{false};
    int64_t grain = row_grain(static_cast<int64_t>(width));
    parallel_for(context.threads, count, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t row = integer_at(dtype, context.data[indices], i);
        if (row < 0 || row >= rows) {
          bad = true;
          continue;
        }
        std::memcpy(out + static_cast<size_t>(i) * width, from + static_cast<size_t>(row) * width,
                    width);
      }
    });
    report("gather", bad, rows);
  });
}

// Each thread owns a range of rows of the table and reads all indices, so the order of additions
// into a row is that of the batch, whatever the number of threads.
void lower_scatter(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t rows = node.outputs[0].shape[0];
  int64_t width = rows == 0 ? 0 : node.outputs[0].shape.elements() / rows;
  int64_t count = lowering.type(node.inputs[1]).shape.elements();
  DType dtype = lowering.type(node.inputs[1]).dtype;
  int values = lowering.plain(node.inputs[0]);
  int indices = lowering.plain(node.inputs[1]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("scatter_add", {values, indices}, {target}, [=](const RunContext& context) {
    const float* from = static_cast<const float*>(context.data[values]);
    float* out = static_cast<float*>(context.data[target]);
    const KernelTable& k = kernels();
    TileFn add = k.tile[static_cast<int>(Scalar::add)];
    std::atomic<bool> bad{false};
    int64_t grain = row_grain(width);
    parallel_for(context.threads, rows, grain, [&](int64_t begin, int64_t end, int) {
      std::memset(out + begin * width, 0, static_cast<size_t>((end - begin) * width) * 4);
      for (int64_t i = 0; i < count; ++i) {
        int64_t row = integer_at(dtype, context.data[indices], i);
        if (row < 0 || row >= rows) bad = true;
        if (row < begin || row >= end) continue;
        float* slot = out + row * width;
        add(slot, slot, from + i * width, nullptr, nullptr, width);
      }
    });
    report("scatter_add", bad, rows);
  });
}

void lower_dropout(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  double rate = node.number("rate");
  auto threshold = static_cast<uint32_t>(rate * 4294967296.0);
  float scale = static_cast<float>(1.0 / (1.0 - rate));
  int64_t elements = node.outputs[0].shape.elements();
  // The key mixes seed and salt; the step sits in the counter.
  uint64_t salt = static_cast<uint64_t>(node.integer("salt"));
  std::array<uint32_t, 4> mixed =
      philox(philox_key(static_cast<uint64_t>(node.integer("seed"))),
             {static_cast<uint32_t>(salt), static_cast<uint32_t>(salt >> 32), 0x64726f70, 0});
  std::array<uint32_t, 2> key = {mixed[0], mixed[1]};
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  Step& step = lowering.add("dropout", {source}, {target}, [=](const RunContext& context) {
    const float* x = static_cast<const float*>(context.data[source]);
    float* out = static_cast<float*>(context.data[target]);
    uint32_t words[2] = {static_cast<uint32_t>(context.step),
                         static_cast<uint32_t>(context.step >> 32)};
    parallel_for(context.threads, elements, 16384, [&](int64_t begin, int64_t end, int) {
      kernels().dropout(out, x, begin, end - begin, key.data(), words, threshold, scale);
    });
  });
  step.in_place = source;
}

}  // namespace

bool lower_rows(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.inputs.empty() || node.outputs.size() != 1) return false;
  bool floats = node.outputs[0].dtype == DType::f32;
  if (node.outputs[0].shape.elements() == 0) return false;
  if (node.is("gather")) {
    lower_gather(lowering, id);
    return true;
  }
  if (!floats) return false;
  if (node.is("softmax_cross_entropy"))
    lower_cross_entropy(lowering, id);
  else if (node.is("softmax_cross_entropy_grad"))
    lower_cross_entropy_gradient(lowering, id);
  else if (node.is("scatter_add"))
    lower_scatter(lowering, id);
  else if (node.is("dropout"))
    lower_dropout(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
