#include <memory>

#include "backend/cpu/broadcast.hpp"
#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "ops/elementwise.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kTile = 1024;
constexpr int64_t kParallelElements = 65536;

// One elementwise op on i32 or i64: fused programs compute in float, where integers would lose
// bits, so integers run op by op, each in tiles that stay in the first-level cache.
struct IntegerKernel {
  IntegerTileFn function = nullptr;
  std::vector<BroadcastReader> readers;
  std::vector<int> sources;
  std::vector<size_t> sizes;  // of an element of each operand
  size_t out_size = 4;
  int64_t elements = 0;
  int target = -1;
  std::vector<std::vector<uint64_t>> scratch;  // a tile for each operand, by thread

  void run(const RunContext& context) {
    int threads = elements >= kParallelElements ? context.threads : 1;
    parallel_for(threads, elements, kTile, [&](int64_t begin, int64_t end, int thread) {
      run_tiles(context, begin, end, scratch[static_cast<size_t>(thread)].data());
    });
  }

  void run_tiles(const RunContext& context, int64_t begin, int64_t end, uint64_t* own) {
    char* out = static_cast<char*>(context.data[target]);
    const void* operand[3] = {nullptr, nullptr, nullptr};
    int64_t widest = end - begin < kTile ? end - begin : kTile;
    for (size_t i = 0; i < readers.size(); ++i) {
      if (!readers[i].scalar()) continue;
      readers[i].copy(own + i * kTile, context.data[sources[i]], 0, widest);
      operand[i] = own + i * kTile;
    }
    for (int64_t at = begin; at < end; at += kTile) {
      int64_t n = end - at < kTile ? end - at : kTile;
      for (size_t i = 0; i < readers.size(); ++i) {
        if (readers[i].scalar()) continue;
        const char* base = static_cast<const char*>(context.data[sources[i]]);
        if (readers[i].contiguous()) {
          operand[i] = base + static_cast<size_t>(at) * sizes[i];
        } else {
          readers[i].copy(own + i * kTile, base, at, n);
          operand[i] = own + i * kTile;
        }
      }
      function(out + static_cast<size_t>(at) * out_size, operand[0], operand[1], operand[2], n);
    }
  }
};

IntegerTileFn function_of(const Node& node, DType dtype) {
  const auto& tiles = kernels().integers.tile[dtype == DType::i32 ? 0 : 1];
  if (node.is("expand")) return tiles[static_cast<int>(Scalar::identity)];
  const ScalarInfo* info = scalar_of_op(node.op->name);
  return info == nullptr ? nullptr : tiles[static_cast<int>(info->code)];
}

bool lower_cast(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  DType from = lowering.type(node.inputs[0]).dtype;
  DType to = node.outputs[0].dtype;
  if (from == DType::f64 || to == DType::f64) return false;
  IntegerCastFn cast = kernels().integers.cast[static_cast<int>(from)][static_cast<int>(to)];
  if (cast == nullptr) return false;
  int64_t elements = node.outputs[0].shape.elements();
  size_t from_size = dtype_bytes(from);
  size_t to_size = dtype_bytes(to);
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("cast", {source}, {target}, [=](const RunContext& context) {
    int threads = elements >= kParallelElements ? context.threads : 1;
    const char* in = static_cast<const char*>(context.data[source]);
    char* out = static_cast<char*>(context.data[target]);
    parallel_for(threads, elements, kTile, [&](int64_t begin, int64_t end, int) {
      cast(out + static_cast<size_t>(begin) * to_size, in + static_cast<size_t>(begin) * from_size,
           end - begin);
    });
  });
  return true;
}

}  // namespace

bool lower_integers(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.inputs.empty() || node.outputs.size() != 1) return false;
  if (node.outputs[0].shape.elements() == 0) return false;
  if (node.is("cast")) return lower_cast(lowering, id);
  DType dtype = lowering.type(node.inputs.back()).dtype;
  if (!is_integer(dtype)) return false;
  if (node.op->op_class != OpClass::elementwise && !node.is("expand")) return false;
  auto kernel = std::make_shared<IntegerKernel>();
  kernel->function = function_of(node, dtype);
  if (kernel->function == nullptr) return false;
  const TensorType& out = node.outputs[0];
  for (Value input : node.inputs) {
    const TensorType& type = lowering.type(input);
    kernel->readers.emplace_back(type, out.shape);
    kernel->sources.push_back(lowering.plain(input));
    kernel->sizes.push_back(dtype_bytes(type.dtype));
  }
  kernel->out_size = dtype_bytes(out.dtype);
  kernel->elements = out.shape.elements();
  kernel->scratch.assign(static_cast<size_t>(lowering.threads()),
                         std::vector<uint64_t>(node.inputs.size() * kTile));
  kernel->target = lowering.define_new(Value{id, 0});
  lowering.add("integer " + node.op->name, kernel->sources, {kernel->target},
               [kernel](const RunContext& context) { kernel->run(context); });
  return true;
}

}  // namespace vanda::cpu
