#include <algorithm>
#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

constexpr int64_t kGrainElements = 16384;

// x as [outer, size, inner] around an axis.
struct Around {
  Around(const Node& node, const Shape& shape) {
    int axis = normalize_axis(node.integer("axis"), shape.rank(), node.op->name);
    size = shape[axis];
    for (int k = 0; k < axis; ++k) outer *= shape[k];
    for (int k = axis + 1; k < shape.rank(); ++k) inner *= shape[k];
  }
  int64_t outer = 1, size = 1, inner = 1;
};

// Calls body(first element of x, first element of the line's place, width) for every block of at
// most kColumnsMax lines that lie beside each other.
template <typename Body>
void each_columns(int threads, const Around& a, Body body) {
  int64_t chunks = (a.inner + kColumnsMax - 1) / kColumnsMax;
  int64_t work = a.size * (a.inner < kColumnsMax ? a.inner : kColumnsMax);
  int64_t grain = work >= kGrainElements ? 1 : kGrainElements / (work + 1) + 1;
  parallel_for(threads, a.outer * chunks, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      int64_t first = unit % chunks * kColumnsMax;
      int64_t block = unit / chunks;
      int64_t width = a.inner - first < kColumnsMax ? a.inner - first : kColumnsMax;
      body(block * a.size * a.inner + first, block * a.inner + first, width);
    }
  });
}

void lower_arg(Lowering& lowering, int id, const Around& a) {
  const Node& node = lowering.graph().node(id);
  int minimum = node.is("argmin") ? 1 : 0;
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {source}, {target}, [=](const RunContext& context) {
    const float* x = static_cast<const float*>(context.data[source]);
    int32_t* out = static_cast<int32_t*>(context.data[target]);
    const ReductionKernels& k = kernels().reductions;
    each_columns(context.threads, a, [&](int64_t from, int64_t to, int64_t width) {
      if (a.inner == 1)
        out[to] = static_cast<int32_t>(k.arg_extreme(x + from, a.size, minimum));
      else
        k.arg_extreme_columns(out + to, x + from, a.size, a.inner, width, minimum);
    });
  });
}

void lower_cumsum(Lowering& lowering, int id, const Around& a) {
  const Node& node = lowering.graph().node(id);
  int exclusive = node.flag("exclusive") ? 1 : 0;
  int reverse = node.flag("reverse") ? 1 : 0;
  DType dtype = node.outputs[0].dtype;
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add("cumsum", {source}, {target}, [=](const RunContext& context) {
    const char* x = static_cast<const char*>(context.data[source]);
    char* out = static_cast<char*>(context.data[target]);
    const KernelTable& k = kernels();
    if (a.inner == 1 && dtype == DType::f32) {
      const float* from = static_cast<const float*>(context.data[source]);
      float* to = static_cast<float*>(context.data[target]);
      int64_t grain = (kGrainElements / (a.size + 1) / 4 + 1) * 4;
      parallel_for(context.threads, a.outer, grain, [&](int64_t begin, int64_t end, int) {
        k.reductions.scan_rows(to + begin * a.size, from + begin * a.size, end - begin, a.size,
                               exclusive, reverse);
      });
      return;
    }
    each_columns(context.threads, a, [&](int64_t from, int64_t, int64_t width) {
      size_t offset = static_cast<size_t>(from) * dtype_bytes(dtype);
      if (dtype == DType::f32) {
        k.reductions.scan(reinterpret_cast<float*>(out + offset),
                          reinterpret_cast<const float*>(x + offset), a.size, a.inner, width,
                          exclusive, reverse);
      } else {
        k.integers.scan[dtype == DType::i32 ? 0 : 1](out + offset, x + offset, a.size, a.inner,
                                                     width, exclusive, reverse);
      }
    });
  });
}

void lower_softmax(Lowering& lowering, int id, const Around& a) {
  const Node& node = lowering.graph().node(id);
  int logarithm = node.is("log_softmax") ? 1 : 0;
  int source = lowering.plain(node.inputs[0]);
  int target = lowering.define_new(Value{id, 0});
  lowering.add(node.op->name, {source}, {target}, [=](const RunContext& context) {
    const float* x = static_cast<const float*>(context.data[source]);
    float* out = static_cast<float*>(context.data[target]);
    const KernelTable& k = kernels();
    each_columns(context.threads, a, [&](int64_t from, int64_t, int64_t width) {
      if (a.inner == 1)
        k.softmax(out + from, x + from, a.size, logarithm);
      else
        k.reductions.softmax_columns(out + from, x + from, a.size, a.inner, width, logarithm);
    });
  });
}

struct Ranked {
  float value;
  int32_t place;
};
// NaN before all, then the greater, then the first.
bool before(const Ranked& a, const Ranked& b) {
  bool a_nan = a.value != a.value;
  bool b_nan = b.value != b.value;
  if (a_nan || b_nan) return a_nan != b_nan ? a_nan : a.place < b.place;
  return a.value > b.value || (a.value == b.value && a.place < b.place);
}

// The best k so far as a heap with the worst of them in front: most elements are turned away many
// at a time.
void top_of_row(const float* x, int64_t width, int64_t k, Ranked* best) {
  for (int64_t i = 0; i < k; ++i) best[i] = {x[i], static_cast<int32_t>(i)};
  std::make_heap(best, best + k, before);
  const auto next_above = kernels().reductions.next_above;
  for (int64_t i = k; i < width; ++i) {
    // An element equal to the worst comes after it and is none of the best.
    float worst = best[0].value;
    if (worst == worst) i = next_above(x, i, width, worst);
    if (i == width) break;
    Ranked next{x[i], static_cast<int32_t>(i)};
    if (!before(next, best[0])) continue;
    std::pop_heap(best, best + k, before);
    best[k - 1] = next;
    std::push_heap(best, best + k, before);
  }
  std::sort_heap(best, best + k, before);
}

void lower_top_k(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const Shape& shape = lowering.type(node.inputs[0]).shape;
  int64_t width = shape[shape.rank() - 1];
  int64_t rows = shape.elements() / width;
  int64_t k = node.integer("k");
  int source = lowering.plain(node.inputs[0]);
  int values = lowering.define_new(Value{id, 0});
  int places = lowering.define_new(Value{id, 1});
  auto scratch = std::make_shared<std::vector<Ranked>>(static_cast<size_t>(lowering.threads()) *
                                                       static_cast<size_t>(k));
  lowering.add("top_k", {source}, {values, places}, [=](const RunContext& context) {
    const float* x = static_cast<const float*>(context.data[source]);
    float* value = static_cast<float*>(context.data[values]);
    int32_t* place = static_cast<int32_t*>(context.data[places]);
    int64_t grain = kGrainElements / (width + 1) + 1;
    parallel_for(context.threads, rows, grain, [&](int64_t begin, int64_t end, int thread) {
      Ranked* best = scratch->data() + thread * k;
      for (int64_t row = begin; row < end; ++row) {
        top_of_row(x + row * width, width, k, best);
        for (int64_t i = 0; i < k; ++i) {
          value[row * k + i] = best[i].value;
          place[row * k + i] = best[i].place;
        }
      }
    });
  });
}

}  // namespace

bool lower_order(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.inputs.empty() || node.outputs.empty()) return false;
  if (node.outputs[0].shape.elements() == 0) return false;
  const TensorType& x = lowering.type(node.inputs[0]);
  bool floats = x.dtype == DType::f32;
  if (floats && (node.is("argmax") || node.is("argmin")))
    lower_arg(lowering, id, Around(node, x.shape));
  else if ((floats || is_integer(x.dtype)) && node.is("cumsum"))
    lower_cumsum(lowering, id, Around(node, x.shape));
  else if (floats && (node.is("softmax") || node.is("log_softmax")))
    lower_softmax(lowering, id, Around(node, x.shape));
  else if (floats && node.is("top_k"))
    lower_top_k(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
