#include <cmath>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

// x as pieces of columns [rows, width] that lie in one run of memory: the planes of a blocked layout,
// whose columns are some of the channels, or some rows of row-major memory, whose columns are all.
struct Pieces {
  int64_t count, rows, rows_total, width, blocks;
  std::optional<Layout> layout;  // none: row-major, whatever the rank

  int64_t channels() const { return width * blocks; }
  int64_t offset(int64_t piece) const { return piece * rows * width; }
  int64_t channel(int64_t piece) const { return piece % blocks * width; }
  // Of one piece: the last of row-major memory may be shorter.
  int64_t rows_of(int64_t piece) const {
    return blocks > 1 || (piece + 1) * rows <= rows_total ? rows : rows_total - piece * rows;
  }
  double count_of_channel() const { return static_cast<double>(rows_total); }
};

constexpr int64_t kPieceFloats = 8192;

Pieces pieces_of(Lowering& lowering, Value x) {
  const Shape& s = lowering.type(x).shape;
  int64_t channels = s[s.rank() - 1];
  int64_t total = s.elements() / channels;
  if (s.rank() == 4 && !lowering.is_plain(x)) {
    Layout layout = lowering.layout_of(x);
    std::optional<Planes> planes = planes_of(layout, s);
    if (planes && planes->block != channels) {
      return {planes->count, s[1] * s[2], total, planes->block, channels / planes->block, layout};
    }
  }
  int64_t rows = std::max<int64_t>(1, kPieceFloats / channels);
  return {(total + rows - 1) / rows, rows, total, channels, 1, std::nullopt};
}

int read_buffer(Lowering& lowering, const Pieces& pieces, Value value) {
  return pieces.layout ? lowering.in_layout(value, *pieces.layout) : lowering.plain(value);
}
int write_buffer(Lowering& lowering, const Pieces& pieces, Value value) {
  return pieces.layout ? lowering.define_new(value, *pieces.layout) : lowering.define_new(value);
}

template <typename Body>
void each_piece(const RunContext& context, const Pieces& pieces, Body body) {
  int64_t grain = 16384 / (pieces.rows * pieces.width + 1) + 1;
  parallel_for(context.threads, pieces.count, grain, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t p = begin; p < end; ++p) body(p, thread);
  });
}

const float* read(const RunContext& context, int buffer) {
  return static_cast<const float*>(context.data[buffer]);
}
float* write(const RunContext& context, int buffer) {
  return static_cast<float*>(context.data[buffer]);
}

// Two sums a channel, kept by each thread in double and added up in the order of the threads.
struct ChannelSums {
  int64_t channels;
  std::vector<double> first, second;
  std::vector<float> scratch;  // of each thread, three floats a column

  ChannelSums(const Pieces& pieces, int threads)
      : channels(pieces.channels()),
        first(static_cast<size_t>(threads * channels)),
        second(first.size()),
        scratch(static_cast<size_t>(threads * pieces.width * 3)) {}
  void clear() {
    first.assign(first.size(), 0);
    second.assign(second.size(), 0);
  }
  void join() {
    for (size_t i = static_cast<size_t>(channels); i < first.size(); ++i) {
      first[i % static_cast<size_t>(channels)] += first[i];
      second[i % static_cast<size_t>(channels)] += second[i];
    }
  }
};

void add_moments(Lowering& lowering, const Pieces& pieces, int source, int mean, int variance) {
  auto sums = std::make_shared<ChannelSums>(pieces, lowering.threads());
  lowering.add("batch_norm_moments", {source}, {mean, variance}, [=](const RunContext& context) {
    sums->clear();
    each_piece(context, pieces, [&](int64_t p, int thread) {
      float* centre = sums->scratch.data() + thread * pieces.width * 3;
      float* rest = centre + pieces.width;
      float* square = rest + pieces.width;
      int64_t rows = pieces.rows_of(p);
      kernels().norm_moments(centre, rest, square, read(context, source) + pieces.offset(p), rows,
                             pieces.width);
      int64_t base = thread * sums->channels + pieces.channel(p);
      double count = static_cast<double>(rows);
      double share = 1 / count;
      for (int64_t j = 0; j < pieces.width; ++j) {
        double exact = centre[j] + rest[j] * share;
        size_t at = static_cast<size_t>(base + j);
        sums->first[at] += exact * count;
        sums->second[at] += square[j] - rest[j] * (rest[j] * share) + exact * exact * count;
      }
    });
    sums->join();
    for (int64_t c = 0; c < sums->channels; ++c) {
      size_t at = static_cast<size_t>(c);
      double centre = sums->first[at] / pieces.count_of_channel();
      double spread = sums->second[at] / pieces.count_of_channel() - centre * centre;
      write(context, mean)[c] = static_cast<float>(centre);
      write(context, variance)[c] = static_cast<float>(spread < 0 ? 0 : spread);
    }
  });
}

// y = x factor + rest, by channel. The gradient makes the same numbers again.
struct Coefficients {
  std::vector<float> factor, rest, inverse;

  explicit Coefficients(int64_t channels)
      : factor(static_cast<size_t>(channels)), rest(factor.size()), inverse(factor.size()) {}
  void set(const float* mean, const float* variance, const float* scale, const float* shift,
           float epsilon) {
    for (size_t c = 0; c < factor.size(); ++c) {
      inverse[c] = 1 / std::sqrt(variance[c] + epsilon);
      factor[c] = scale[c] * inverse[c];
      rest[c] = (shift == nullptr ? 0 : shift[c]) - mean[c] * factor[c];
    }
  }
};

struct ApplyBuffers {
  int source, mean, variance, scale, shift, residual, target;
};

void add_apply(Lowering& lowering, const Pieces& pieces, const ApplyBuffers& b, double epsilon,
               bool relu) {
  auto coefficients = std::make_shared<Coefficients>(pieces.channels());
  std::vector<int> reads = {b.source, b.mean, b.variance, b.scale, b.shift};
  if (b.residual >= 0) reads.push_back(b.residual);
  std::string label = std::string("batch_norm_apply") + (b.residual >= 0 ? "+add" : "") +
                      (relu ? "+relu" : "");
  Step& step = lowering.add(label, reads, {b.target}, [=](const RunContext& context) {
    coefficients->set(read(context, b.mean), read(context, b.variance), read(context, b.scale),
                      read(context, b.shift), static_cast<float>(epsilon));
    each_piece(context, pieces, [&](int64_t p, int) {
      int64_t at = pieces.offset(p);
      kernels().norm_apply(write(context, b.target) + at, read(context, b.source) + at,
                           b.residual < 0 ? nullptr : read(context, b.residual) + at,
                           coefficients->factor.data() + pieces.channel(p),
                           coefficients->rest.data() + pieces.channel(p), relu ? 1 : 0,
                           pieces.rows_of(p), pieces.width);
    });
  });
  step.in_place = b.residual >= 0 ? b.residual : b.source;
}

void lower_train(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Pieces pieces = pieces_of(lowering, node.inputs[0]);
  ApplyBuffers b{};
  b.source = read_buffer(lowering, pieces, node.inputs[0]);
  b.mean = lowering.define_new(Value{id, 1});
  b.variance = lowering.define_new(Value{id, 2});
  add_moments(lowering, pieces, b.source, b.mean, b.variance);
  b.scale = lowering.plain(node.inputs[1]);
  b.shift = lowering.plain(node.inputs[2]);
  b.residual = -1;
  b.target = write_buffer(lowering, pieces, Value{id, 0});
  add_apply(lowering, pieces, b, node.number("epsilon"), false);
}

void lower_moments(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Pieces pieces = pieces_of(lowering, node.inputs[0]);
  int source = read_buffer(lowering, pieces, node.inputs[0]);
  int mean = lowering.define_new(Value{id, 0});
  add_moments(lowering, pieces, source, mean, lowering.define_new(Value{id, 1}));
}

void lower_apply(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Pieces pieces = pieces_of(lowering, node.inputs[0]);
  ApplyBuffers b{};
  b.source = read_buffer(lowering, pieces, node.inputs[0]);
  b.mean = lowering.plain(node.inputs[1]);
  b.variance = lowering.plain(node.inputs[2]);
  b.scale = lowering.plain(node.inputs[3]);
  b.shift = lowering.plain(node.inputs[4]);
  b.residual = node.inputs.size() == 6 ? read_buffer(lowering, pieces, node.inputs[5]) : -1;
  b.target = write_buffer(lowering, pieces, Value{id, 0});
  add_apply(lowering, pieces, b, node.number("epsilon"), node.text("activation") == "relu");
}

struct GradientBuffers {
  int gradient, source, scale, mean, variance, shift;  // shift: -1 where no relu followed
  int target, scale_gradient, shift_gradient;
};

// With S = sum dy, D = sum dy (x - mean) and N rows, r = 1 / deviation:
// dx = scale r (dy - S / N - (x - mean) r^2 D / N) = dy a + x b + c.
void run_gradient(const RunContext& context, const Pieces& pieces, const GradientBuffers& b,
                  float epsilon, ChannelSums& sums, Coefficients& coefficients,
                  std::vector<float>& blend) {
  const KernelTable& k = kernels();
  const float* mean = read(context, b.mean);
  const float* scale = read(context, b.scale);
  coefficients.set(mean, read(context, b.variance), scale,
                   b.shift < 0 ? nullptr : read(context, b.shift), epsilon);
  const float* factor = b.shift < 0 ? nullptr : coefficients.factor.data();
  const float* rest = b.shift < 0 ? nullptr : coefficients.rest.data();
  auto from = [](const float* columns, int64_t channel) {
    return columns == nullptr ? nullptr : columns + channel;
  };
  sums.clear();
  each_piece(context, pieces, [&](int64_t p, int thread) {
    float* sum = sums.scratch.data() + thread * pieces.width * 3;
    float* dot = sum + pieces.width;
    int64_t c = pieces.channel(p);
    k.norm_sums(sum, dot, read(context, b.gradient) + pieces.offset(p),
                read(context, b.source) + pieces.offset(p), mean + c, from(factor, c),
                from(rest, c), pieces.rows_of(p), pieces.width);
    for (int64_t j = 0; j < pieces.width; ++j) {
      size_t at = static_cast<size_t>(thread * sums.channels + c + j);
      sums.first[at] += sum[j];
      sums.second[at] += dot[j];
    }
  });
  sums.join();
  size_t channels = static_cast<size_t>(sums.channels);
  for (size_t c = 0; c < channels; ++c) {
    double inverse = coefficients.inverse[c];
    double a = scale[c] * inverse;
    double slope = -a * inverse * inverse * sums.second[c] / pieces.count_of_channel();
    blend[c] = static_cast<float>(a);
    blend[channels + c] = static_cast<float>(slope);
    blend[2 * channels + c] =
        static_cast<float>(-a * sums.first[c] / pieces.count_of_channel() - mean[c] * slope);
    write(context, b.scale_gradient)[c] = static_cast<float>(sums.second[c] * inverse);
    write(context, b.shift_gradient)[c] = static_cast<float>(sums.first[c]);
  }
  each_piece(context, pieces, [&](int64_t p, int) {
    int64_t c = pieces.channel(p);
    const float* own = blend.data() + c;
    NormBlend columns{own, own + channels, own + 2 * channels, from(factor, c), from(rest, c)};
    k.norm_blend(write(context, b.target) + pieces.offset(p),
                 read(context, b.gradient) + pieces.offset(p),
                 read(context, b.source) + pieces.offset(p), &columns, pieces.rows_of(p),
                 pieces.width);
  });
}

void lower_gradient(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  Pieces pieces = pieces_of(lowering, node.inputs[1]);
  GradientBuffers b{};
  b.gradient = read_buffer(lowering, pieces, node.inputs[0]);
  b.source = read_buffer(lowering, pieces, node.inputs[1]);
  b.scale = lowering.plain(node.inputs[2]);
  b.mean = lowering.plain(node.inputs[3]);
  b.variance = lowering.plain(node.inputs[4]);
  b.shift = node.inputs.size() == 6 ? lowering.plain(node.inputs[5]) : -1;
  b.target = write_buffer(lowering, pieces, Value{id, 0});
  b.scale_gradient = lowering.define_new(Value{id, 1});
  b.shift_gradient = lowering.define_new(Value{id, 2});
  float epsilon = static_cast<float>(node.number("epsilon"));
  auto sums = std::make_shared<ChannelSums>(pieces, lowering.threads());
  auto coefficients = std::make_shared<Coefficients>(pieces.channels());
  auto blend = std::make_shared<std::vector<float>>(3 * static_cast<size_t>(pieces.channels()));
  std::vector<int> reads = {b.gradient, b.source, b.scale, b.mean, b.variance};
  if (b.shift >= 0) reads.push_back(b.shift);
  lowering.add(b.shift < 0 ? "batch_norm_grad" : "relu_grad+batch_norm_grad", reads,
               {b.target, b.scale_gradient, b.shift_gradient}, [=](const RunContext& context) {
                 run_gradient(context, pieces, b, epsilon, *sums, *coefficients, *blend);
               });
}

}  // namespace

bool lower_normalization(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.inputs.empty() || lowering.type(node.inputs[0]).shape.elements() == 0) return false;
  if (node.is("batch_norm_train"))
    lower_train(lowering, id);
  else if (node.is("batch_norm_moments"))
    lower_moments(lowering, id);
  else if (node.is("batch_norm_apply"))
    lower_apply(lowering, id);
  else if (node.is("batch_norm_grad"))
    lower_gradient(lowering, id);
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
