#include <cmath>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

int64_t row_grain(int64_t width) { return width >= 16384 ? 1 : 16384 / (width + 1) + 1; }

// One sum for each thread, added up in the order of the threads, so that a run repeats itself.
struct ThreadSums {
  std::vector<float> values;
  int64_t width = 0;

  ThreadSums(int threads, int64_t width)
      : values(static_cast<size_t>(threads) * static_cast<size_t>(width)), width(width) {}
  float* of(int thread) { return values.data() + static_cast<int64_t>(thread) * width; }
  void clear() { values.assign(values.size(), 0); }
  void total(float* out) {
    for (int64_t j = 0; j < width; ++j) out[j] = 0;
    kernels().add_rows(out, values.data(), static_cast<int64_t>(values.size()) / width, width);
  }
};

struct Buffers {
  std::vector<int> in, out;
};

Buffers buffers_of(Lowering& lowering, int id) {
  Buffers buffers;
  const Node& node = lowering.graph().node(id);
  for (Value input : node.inputs) buffers.in.push_back(lowering.plain(input));
  for (int i = 0; i < 3; ++i) buffers.out.push_back(lowering.define_new(Value{id, i}));
  return buffers;
}

const float* read(const RunContext& context, int buffer) {
  return static_cast<const float*>(context.data[buffer]);
}
float* write(const RunContext& context, int buffer) {
  return static_cast<float*>(context.data[buffer]);
}

void lower_forward(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t width = node.outputs[0].shape[node.outputs[0].shape.rank() - 1];
  int64_t rows = node.outputs[0].shape.elements() / width;
  float epsilon = static_cast<float>(node.number("epsilon"));
  Buffers b = buffers_of(lowering, id);
  lowering.add("layer_norm", b.in, b.out, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    parallel_for(context.threads, rows, row_grain(width), [&](int64_t begin, int64_t end, int) {
      k.layer_norm(write(context, b.out[0]) + begin * width, write(context, b.out[1]) + begin,
                   write(context, b.out[2]) + begin, read(context, b.in[0]) + begin * width,
                   read(context, b.in[1]), read(context, b.in[2]), epsilon, end - begin, width);
    });
  });
}

void lower_gradient(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t width = node.outputs[0].shape[node.outputs[0].shape.rank() - 1];
  int64_t rows = node.outputs[0].shape.elements() / width;
  Buffers b = buffers_of(lowering, id);
  auto sums = std::make_shared<ThreadSums>(lowering.threads(), 2 * width);
  auto both = std::make_shared<std::vector<float>>(2 * width);
  lowering.add("layer_norm_grad", b.in, b.out, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    sums->clear();
    parallel_for(context.threads, rows, row_grain(width),
                 [&](int64_t begin, int64_t end, int thread) {
                   float* own = sums->of(thread);
                   k.layer_norm_grad(write(context, b.out[0]) + begin * width, own, own + width,
                                     read(context, b.in[0]) + begin * width,
                                     read(context, b.in[1]) + begin * width, read(context, b.in[2]),
                                     read(context, b.in[3]) + begin,
                                     read(context, b.in[4]) + begin, end - begin, width);
                 });
    sums->total(both->data());
    std::copy_n(both->data(), width, write(context, b.out[1]));
    std::copy_n(both->data() + width, width, write(context, b.out[2]));
  });
}

// x seen as [samples, places, groups, width].
struct Groups {
  int64_t samples, places, groups, width;
  int64_t channels() const { return groups * width; }
  int64_t sample() const { return places * groups * width; }
  double count() const { return static_cast<double>(places * width); }
};

Groups groups_of(const Node& node) {
  const Shape& x = node.outputs[0].shape;
  int64_t channels = x[x.rank() - 1];
  int64_t groups = node.integer("groups");
  return {x[0], x.elements() / (x[0] * channels), groups, channels / groups};
}

// Spreads the mean of each group's columns over them.
void spread_means(const Groups& g, float* columns) {
  for (int64_t group = 0; group < g.groups; ++group) {
    double total = 0;
    float* own = columns + group * g.width;
    for (int64_t j = 0; j < g.width; ++j) total += own[j];
    for (int64_t j = 0; j < g.width; ++j) own[j] = static_cast<float>(total / g.count());
  }
}

void lower_group_forward(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Groups g = groups_of(node);
  double epsilon = node.number("epsilon");
  Buffers b = buffers_of(lowering, id);
  auto scratch = std::make_shared<ThreadSums>(lowering.threads(), 2 * g.channels());
  lowering.add("group_norm", b.in, b.out, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    const float* scale = read(context, b.in[1]);
    const float* shift = read(context, b.in[2]);
    auto body = [&](int64_t begin, int64_t end, int thread) {
      float* mean = scratch->of(thread);
      float* square = mean + g.channels();
      for (int64_t n = begin; n < end; ++n) {
        const float* x = read(context, b.in[0]) + n * g.sample();
        std::fill_n(mean, 2 * g.channels(), 0.0f);
        k.add_rows(mean, x, g.places, g.channels());
        spread_means(g, mean);
        k.add_squares(square, x, mean, g.places, g.channels());
        spread_means(g, square);
        for (int64_t c = 0; c < g.channels(); ++c) {
          float inverse = static_cast<float>(1 / std::sqrt(square[c] + epsilon));
          if (c % g.width == 0) {
            write(context, b.out[1])[n * g.groups + c / g.width] = mean[c];
            write(context, b.out[2])[n * g.groups + c / g.width] = inverse;
          }
          square[c] = inverse * scale[c];
          mean[c] = shift[c] - mean[c] * square[c];
        }
        k.affine_rows(write(context, b.out[0]) + n * g.sample(), x, square, mean, g.places,
                      g.channels());
      }
    };
    parallel_for(context.threads, g.samples, row_grain(g.sample()), body);
  });
}

void lower_group_gradient(Lowering& lowering, int id) {
  Groups g = groups_of(lowering.graph().node(id));
  Buffers b = buffers_of(lowering, id);
  int64_t channels = g.channels();
  auto sums = std::make_shared<ThreadSums>(lowering.threads(), 2 * channels);
  auto scratch = std::make_shared<ThreadSums>(lowering.threads(), 6 * channels);
  auto both = std::make_shared<std::vector<float>>(2 * channels);
  lowering.add("group_norm_grad", b.in, b.out, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    const float* scale = read(context, b.in[2]);
    sums->clear();
    auto body = [&](int64_t begin, int64_t end, int thread) {
      float* total = scratch->of(thread);
      float* dot = total + channels;
      float* mean = dot + channels;
      float* a = mean + channels;
      float* slope = a + channels;
      float* rest = slope + channels;
      for (int64_t n = begin; n < end; ++n) {
        const float* dy = read(context, b.in[0]) + n * g.sample();
        const float* x = read(context, b.in[1]) + n * g.sample();
        const float* inverse = read(context, b.in[4]) + n * g.groups;
        std::fill_n(total, 2 * channels, 0.0f);
        for (int64_t c = 0; c < channels; ++c)
          mean[c] = read(context, b.in[3])[n * g.groups + c / g.width];
        k.add_products(total, dot, dy, x, mean, g.places, channels);
        for (int64_t c = 0; c < channels; ++c) {
          float rate = inverse[c / g.width];
          sums->of(thread)[c] += dot[c] * rate;
          sums->of(thread)[channels + c] += total[c];
          a[c] = rate * scale[c];
          total[c] *= scale[c];
          dot[c] *= a[c];
        }
        spread_means(g, total);
        spread_means(g, dot);
        for (int64_t c = 0; c < channels; ++c) {
          float rate = inverse[c / g.width];
          slope[c] = -rate * rate * dot[c];
          rest[c] = -rate * total[c] - mean[c] * slope[c];
        }
        k.blend_rows(write(context, b.out[0]) + n * g.sample(), dy, x, a, slope, rest, g.places,
                     channels);
      }
    };
    parallel_for(context.threads, g.samples, row_grain(g.sample()), body);
    sums->total(both->data());
    std::copy_n(both->data(), channels, write(context, b.out[1]));
    std::copy_n(both->data() + channels, channels, write(context, b.out[2]));
  });
}

}  // namespace

bool lower_layer_norm(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.outputs[0].shape.elements() == 0) return false;
  if (node.is("layer_norm"))
    lower_forward(lowering, id);
  else if (node.is("layer_norm_grad"))
    lower_gradient(lowering, id);
  else if (node.is("group_norm"))
    lower_group_forward(lowering, id);
  else if (node.is("group_norm_grad"))
    lower_group_gradient(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
