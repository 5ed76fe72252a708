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

// From the moments of each column of one sample to those of its groups: mean and 1 / deviation.
void join_groups(const Groups& g, const float* centre, const float* rest, const float* squares,
                 double epsilon, float* mean, float* inverse) {
  double places = static_cast<double>(g.places);
  for (int64_t group = 0; group < g.groups; ++group) {
    double sum = 0;
    double square = 0;
    for (int64_t c = group * g.width; c < (group + 1) * g.width; ++c) {
      sum += centre[c] + rest[c] / places;
    }
    double middle = sum / static_cast<double>(g.width);
    for (int64_t c = group * g.width; c < (group + 1) * g.width; ++c) {
      double distance = centre[c] + rest[c] / places - middle;
      square += squares[c] - rest[c] * rest[c] / places + places * distance * distance;
    }
    mean[group] = static_cast<float>(middle);
    inverse[group] = static_cast<float>(1 / std::sqrt(square / g.count() + epsilon));
  }
}

void lower_group_forward(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Groups g = groups_of(node);
  double epsilon = node.number("epsilon");
  Buffers b = buffers_of(lowering, id);
  int64_t channels = g.channels();
  auto scratch = std::make_shared<ThreadSums>(lowering.threads(), 3 * channels);
  lowering.add("group_norm", b.in, b.out, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    const float* scale = read(context, b.in[1]);
    const float* shift = read(context, b.in[2]);
    auto body = [&](int64_t begin, int64_t end, int thread) {
      float* centre = scratch->of(thread);
      float* rest = centre + channels;
      float* squares = rest + channels;
      for (int64_t n = begin; n < end; ++n) {
        const float* x = read(context, b.in[0]) + n * g.sample();
        float* mean = write(context, b.out[1]) + n * g.groups;
        float* inverse = write(context, b.out[2]) + n * g.groups;
        k.norm_moments(centre, rest, squares, x, g.places, channels);
        join_groups(g, centre, rest, squares, epsilon, mean, inverse);
        for (int64_t c = 0; c < channels; ++c) {
          squares[c] = inverse[c / g.width] * scale[c];
          rest[c] = shift[c] - mean[c / g.width] * squares[c];
        }
        k.norm_apply(write(context, b.out[0]) + n * g.sample(), x, nullptr, squares, rest, 0,
                     g.places, channels);
      }
    };
    parallel_for(context.threads, g.samples, row_grain(g.sample()), body);
  });
}

// One sample's dx from the sums of dy and of dy (x - mean) of each column; see the gradient of batch
// normalisation, of which this is the same with the sums taken over a group.
struct GroupBlend {
  std::vector<float> columns;
  int64_t channels;
  explicit GroupBlend(int64_t channels)
      : columns(static_cast<size_t>(6 * channels)), channels(channels) {}
  float* at(int64_t i) { return columns.data() + i * channels; }

  NormBlend blend(const Groups& g, const float* scale, const float* inverse) {
    float *sums = at(0), *dots = at(1), *mean = at(2), *a = at(3), *slope = at(4), *rest = at(5);
    for (int64_t group = 0; group < g.groups; ++group) {
      double rate = inverse[group];
      double sum = 0;
      double dot = 0;
      for (int64_t c = group * g.width; c < (group + 1) * g.width; ++c) {
        sum += double{scale[c]} * sums[c];
        dot += double{scale[c]} * dots[c];
      }
      for (int64_t c = group * g.width; c < (group + 1) * g.width; ++c) {
        a[c] = static_cast<float>(rate * scale[c]);
        slope[c] = static_cast<float>(-rate * rate * rate * dot / g.count());
        rest[c] = static_cast<float>(-rate * sum / g.count() - mean[c] * double{slope[c]});
      }
    }
    return {a, slope, rest, nullptr, nullptr};
  }
};

void lower_group_gradient(Lowering& lowering, int id) {
  Groups g = groups_of(lowering.graph().node(id));
  Buffers b = buffers_of(lowering, id);
  int64_t channels = g.channels();
  auto sums = std::make_shared<ThreadSums>(lowering.threads(), 2 * channels);
  auto both = std::make_shared<std::vector<float>>(2 * channels);
  std::vector<GroupBlend> one(static_cast<size_t>(lowering.threads()), GroupBlend(channels));
  auto blends = std::make_shared<std::vector<GroupBlend>>(std::move(one));
  lowering.add("group_norm_grad", b.in, b.out, [=](const RunContext& context) {
    const KernelTable& k = kernels();
    sums->clear();
    auto body = [&](int64_t begin, int64_t end, int thread) {
      GroupBlend& own = (*blends)[static_cast<size_t>(thread)];
      for (int64_t n = begin; n < end; ++n) {
        const float* dy = read(context, b.in[0]) + n * g.sample();
        const float* x = read(context, b.in[1]) + n * g.sample();
        const float* inverse = read(context, b.in[4]) + n * g.groups;
        for (int64_t c = 0; c < channels; ++c) {
          own.at(2)[c] = read(context, b.in[3])[n * g.groups + c / g.width];
        }
        k.norm_sums(own.at(0), own.at(1), dy, x, own.at(2), nullptr, nullptr, g.places, channels);
        for (int64_t c = 0; c < channels; ++c) {
          sums->of(thread)[c] += own.at(1)[c] * inverse[c / g.width];
          sums->of(thread)[channels + c] += own.at(0)[c];
        }
        NormBlend blend = own.blend(g, read(context, b.in[2]), inverse);
        k.norm_blend(write(context, b.out[0]) + n * g.sample(), dy, x, &blend, g.places, channels);
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
