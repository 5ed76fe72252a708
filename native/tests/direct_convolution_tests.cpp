#include <algorithm>
#include <cmath>
#include <span>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/onednn.hpp"
#include "passes/passes.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

using cpu::ConvShape;
using cpu::KernelTable;


std::vector<float> numbers(int64_t count, uint64_t seed) {
  Tensor tensor = random_tensor(TensorType{DType::f32, Shape{count}}, seed);
  return std::vector<float>(tensor.as<float>(), tensor.as<float>() + count);
}

struct Windows {
  int64_t batch, height, width, channels, filters, kernel_height, kernel_width, stride, dilation;
  int64_t top, bottom, left, right;
  bool depthwise;

  ConvShape shape() const {
    int64_t high = height + top + bottom - (kernel_height - 1) * dilation - 1;
    int64_t wide = width + left + right - (kernel_width - 1) * dilation - 1;
    return {height,
            width,
            channels,
            high / stride + 1,
            wide / stride + 1,
            filters,
            kernel_height,
            kernel_width,
            stride,
            stride,
            dilation,
            dilation,
            top,
            left,
            filters + (filters % 16 == 0 ? 16 : 3)};
  }
  std::string text() const {
    return std::to_string(channels) + " to " + std::to_string(filters) + " by " +
           std::to_string(kernel_height) + " x " + std::to_string(kernel_width);
  }
};

// Widths around those of registers, borders wider than pictures, windows of one place and of many.
const Windows kCases[] = {
    {1, 5, 5, 3, 16, 3, 3, 1, 1, 1, 1, 1, 1, false},
    {2, 9, 7, 8, 24, 3, 3, 2, 1, 0, 1, 0, 1, false},
    {1, 8, 8, 40, 33, 1, 1, 1, 1, 0, 0, 0, 0, false},
    {3, 6, 5, 17, 9, 1, 7, 1, 1, 0, 0, 3, 3, false},
    {1, 13, 12, 5, 7, 3, 2, 1, 2, 2, 1, 2, 2, false},
    {2, 7, 6, 64, 1040, 1, 1, 1, 1, 0, 0, 0, 0, false},
    {1, 5, 6, 450, 40, 1, 1, 1, 1, 0, 0, 0, 0, false},
    {2, 4, 3, 70, 20, 3, 3, 1, 1, 3, 3, 3, 3, false},
    {1, 30, 31, 3, 32, 7, 7, 2, 1, 3, 3, 3, 3, false},
    {2, 14, 15, 24, 24, 3, 3, 1, 1, 1, 1, 1, 1, true},
    {1, 11, 9, 19, 19, 5, 5, 2, 1, 2, 2, 2, 2, true},
    {2, 7, 7, 8, 8, 3, 3, 1, 2, 2, 2, 2, 2, true},
    {1, 2, 2, 33, 33, 3, 3, 1, 1, 1, 1, 1, 1, true},
    {1, 13, 14, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, true},
    {2, 15, 16, 32, 32, 3, 3, 2, 1, 1, 1, 1, 1, true},
    {2, 16, 17, 48, 48, 3, 3, 2, 1, 0, 1, 0, 1, true},
    {1, 3, 1, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, true},
    {1, 6, 9, 32, 32, 2, 3, 1, 1, 3, 3, 0, 1, true},
    {2, 12, 11, 4, 40, 3, 3, 1, 1, 1, 1, 1, 1, false},
    {1, 9, 7, 16, 96, 1, 1, 1, 1, 0, 0, 0, 0, false},
};

// Pictures that end within a tile, at its end, and smaller than one; borders on either side or
// none.
const Windows kTiled[] = {
    {1, 12, 12, 32, 64, 3, 3, 1, 1, 1, 1, 1, 1, false},
    {2, 9, 11, 16, 32, 3, 3, 1, 1, 0, 0, 0, 0, false},
    {3, 2, 3, 48, 96, 3, 3, 1, 1, 1, 1, 1, 1, false},
    {1, 7, 6, 160, 32, 3, 3, 1, 1, 2, 0, 0, 2, false},
};

// Sums in double, then what is joined to them.
std::vector<float> plain(const Windows& c, const std::vector<float>& x, const std::vector<float>& kernel,
                         const std::vector<float>& bias, const std::vector<float>& residual) {
  ConvShape s = c.shape();
  std::vector<float> y;
  auto read = [&](int64_t n, int64_t row, int64_t column, int64_t channel) {
    bool inside = row >= 0 && row < c.height && column >= 0 && column < c.width;
    int64_t at = ((n * c.height + row) * c.width + column) * c.channels + channel;
    return inside ? double{x[static_cast<size_t>(at)]} : 0.0;
  };
  for (int64_t place = 0; place < c.batch * s.out_height * s.out_width; ++place) {
    int64_t row = place / s.out_width % s.out_height * c.stride - c.top;
    int64_t column = place % s.out_width * c.stride - c.left;
    for (int64_t o = 0; o < c.filters; ++o) {
      double sum = bias[static_cast<size_t>(o)] +
                   residual[static_cast<size_t>(place * c.filters + o)];
      for (int64_t tap = 0; tap < c.kernel_height * c.kernel_width; ++tap) {
        int64_t h = row + tap / c.kernel_width * c.dilation;
        int64_t w = column + tap % c.kernel_width * c.dilation;
        if (c.depthwise) {
          sum += read(place / (s.out_height * s.out_width), h, w, o) *
                 kernel[static_cast<size_t>(tap * c.channels + o)];
          continue;
        }
        for (int64_t i = 0; i < c.channels; ++i) {
          sum += read(place / (s.out_height * s.out_width), h, w, i) *
                 kernel[static_cast<size_t>((tap * c.channels + i) * c.filters + o)];
        }
      }
      y.push_back(static_cast<float>(std::fmin(std::fmax(sum, -0.5), 0.75)));
    }
  }
  return y;
}

// By tiles, in `parts` of them and each go of panels by itself.
void run_tiles(const KernelTable& k, const ConvShape& s, const cpu::ConvEpilogue& finish,
               int64_t batch, const std::vector<float>& x, const std::vector<float>& kernel,
               const std::vector<float>& zeros, int64_t parts, std::span<float> y) {
  constexpr int64_t kTile = cpu::kWinogradTile, kBands = cpu::kWinogradBands,
                    kGo = cpu::kWinogradGo;
  int64_t tiles =
      batch * ((s.out_height + kTile - 1) / kTile) * ((s.out_width + kTile - 1) / kTile);
  int64_t panels = s.filters / k.panel;
  std::vector<float> packed(static_cast<size_t>(kBands * s.channels * s.filters), NAN);
  for (int64_t panel = 0; panel < panels; ++panel)
    k.pack_winograd(&s, packed.data(), kernel.data(), panel, panel + 1);
  for (int64_t part = 0; part < parts; ++part) {
    int64_t first = tiles * part / parts, last = tiles * (part + 1) / parts;
    int64_t step = (last - first) * s.channels + 5;
    std::vector<float> bands(static_cast<size_t>(kBands * step), NAN);
    std::vector<float> sums(static_cast<size_t>(kBands * (last - first) * kGo * k.panel), NAN);
    k.winograd_windows(&s, bands.data(), step, x.data(), zeros.data(), first, last);
    for (int64_t go = 0; go < (panels + kGo - 1) / kGo; ++go) {
      k.convolve_winograd(&s, &finish, y.data(), bands.data(), step, sums.data(), packed.data(),
                          first, last, go, go + 1);
    }
  }
}

void check_case(const KernelTable& k, const Windows& c, int64_t parts, bool tiled = false) {
  ConvShape s = c.shape();
  int64_t taps = c.kernel_height * c.kernel_width;
  int64_t places = c.batch * s.out_height * s.out_width;
  std::vector<float> x = numbers(c.batch * c.height * c.width * c.channels, 1);
  std::vector<float> kernel = numbers(taps * c.filters * (c.depthwise ? 1 : c.channels), 2);
  std::vector<float> bias = numbers(c.filters, 3), residual = numbers(places * c.filters, 4);
  std::vector<float> zeros(static_cast<size_t>(c.kernel_width * c.channels), 0);
  int64_t panels = (c.filters + k.panel - 1) / k.panel;
  std::vector<float> packed(static_cast<size_t>(panels * k.panel * taps * c.channels), NAN);
  if (!c.depthwise) {
    k.pack_panels(packed.data(), kernel.data(), c.filters, 1, taps * c.channels, c.filters);
  }
  AlignedBytes room(static_cast<size_t>(places * s.target_row) * sizeof(float));
  std::span<float> y(static_cast<float*>(room.data()), static_cast<size_t>(places * s.target_row));
  std::fill(y.begin(), y.end(), NAN);
  int far = parts > 1 ? 1 : 0;
  cpu::ConvEpilogue finish = {bias.data(), residual.data(), -0.5f, 0.75f, far, far};
  int64_t count = c.depthwise ? c.batch * s.out_height : places;
  int64_t step = parts > 1 ? panels : 1;
  if (tiled) run_tiles(k, s, finish, c.batch, x, kernel, zeros, parts, y);
  for (int64_t part = 0; part < parts && !tiled; ++part) {
    int64_t first = count * part / parts, last = count * (part + 1) / parts;
    if (c.depthwise)
      k.convolve_depth(&s, &finish, y.data(), x.data(), zeros.data(), kernel.data(), first, last);
    else
      for (int64_t panel = 0; panel < panels; panel += step)
        k.convolve(&s, &finish, y.data(), x.data(), zeros.data(), packed.data(), first, last, panel,
                   std::min(panel + step, panels));
  }
  std::vector<float> wanted = plain(c, x, kernel, bias, residual);
  double off = 0;
  for (int64_t place = 0; place < places; ++place) {
    for (int64_t o = 0; o < s.target_row; ++o) {
      float got = y[static_cast<size_t>(place * s.target_row + o)];
      if (o >= c.filters) {
        CHECK(std::isnan(got));
        continue;
      }
      off = std::fmax(off, std::fabs(got - wanted[static_cast<size_t>(place * c.filters + o)]));
      if (std::isnan(got)) off = INFINITY;
    }
  }
  // Tiles turn sums back by adding and subtracting them: what they are off by is that of larger
  // sums.
  CHECK_MESSAGE(off < (tiled ? 5e-5 : 1e-5),
                c.text() + " (" + k.isa + ") is off by " + std::to_string(off));
}

int count(const Program& program, const std::string& op) {
  int found = 0;
  for (int id = 0; id < program.graph.size(); ++id) {
    found += program.graph.node(id).is(op.c_str()) ? 1 : 0;
  }
  return found;
}

}  // namespace

TEST("a convolution that reads windows where they lie is the convolution, on every table") {
  const KernelTable* tables[3];
  int number = cpu::runnable_kernels(tables);
  for (int t = 0; t < number; ++t) {
    for (const Windows& c : kCases) {
      for (int64_t parts : {1, 3}) check_case(*tables[t], c, parts);
    }
  }
}

TEST("a convolution in tiles is the convolution, on every table") {
  const KernelTable* tables[3];
  int number = cpu::runnable_kernels(tables);
  for (int t = 0; t < number; ++t) {
    for (const Windows& c : kTiled) {
      for (int64_t parts : {1, 3}) check_case(*tables[t], c, parts, true);
    }
  }
}

TEST("what a convolution answers for a picture hangs neither on its batch nor on the threads") {
  Graph graph;
  Emit emit(graph);
  constexpr int64_t kPictures = 13, kFloats = 14 * 13 * 40;
  Value x = placeholder(graph, "x", {-1, 14, 13, 32});
  Feeds feeds;
  auto feed = [&](const std::string& name, std::vector<int64_t> shape) {
    Value value = placeholder(graph, name, std::move(shape));
    feeds[name] = random_tensor(graph.type(value), 50 + feeds.size(), -0.1, 0.1);
    return value;
  };
  Value first = emit.op("relu", {emit.op("conv2d", {x, feed("k", {3, 3, 32, 64}), feed("b", {64})},
                                         {{"padding", std::string("same")}})});
  Value second = emit.add(emit.op("conv2d", {first, feed("k2", {3, 3, 64, 64}), feed("b2", {64})},
                                  {{"padding", std::string("same")}}),
                          first);
  // Far from the cache of a core where there are many pictures, and near to it where there is one.
  Value wide = emit.op(
      "relu", {emit.op("conv2d", {second, feed("k3", {1, 1, 64, 400}), feed("b3", {400})})});
  Value y = emit.op("conv2d", {wide, feed("k4", {1, 1, 400, 40}), feed("b4", {40})});
  Tensor pictures = random_tensor(TensorType{DType::f32, Shape{kPictures, 14, 13, 32}}, 60, -1, 1);
  feeds["x"] = pictures;
  Tensor wanted = evaluate_reference(graph, {y}, feeds)[0];
  Tensor all = evaluate_backend(graph, {y}, feeds, 1)[0];
  CHECK(largest_difference(all, wanted) < 1e-5);
  for (int threads : {2, 3}) {
    CHECK(largest_difference(evaluate_backend(graph, {y}, feeds, threads)[0], all) == 0);
  }
  for (int64_t i = 0; i < kPictures; i += 4) {
    Tensor picture(TensorType{DType::f32, Shape{1, 14, 13, 32}});
    const float* from = pictures.as<float>() + i * 14 * 13 * 32;
    std::copy(from, from + 14 * 13 * 32, picture.as<float>());
    feeds["x"] = picture;
    Tensor alone = evaluate_backend(graph, {y}, feeds, 2)[0];
    CHECK(
        std::equal(alone.as<float>(), alone.as<float>() + kFloats, all.as<float>() + i * kFloats));
  }
}

TEST("what stands around a convolution that answers alone becomes a part of it") {
  for (int64_t groups : {1, 6}) {
    Graph graph;
    Emit emit(graph);
    Feeds feeds;
    auto feed = [&](const std::string& name, std::vector<int64_t> shape) {
      Value value = placeholder(graph, name, std::move(shape));
      feeds[name] = random_tensor(graph.type(value), 30 + feeds.size(), -1, 1.5);
      return value;
    };
    Value x = feed("x", {2, 7, 8, 6});
    Value bordered = emit.op("pad", {x}, {{"before", std::vector<int64_t>{0, 0, 1, 0}},
                                          {"after", std::vector<int64_t>{0, 1, 2, 0}}});
    Value conv = emit.op("conv2d", {bordered, feed("k", {3, 3, 6 / groups, 6}), feed("b", {6})},
                         {{"stride", std::vector<int64_t>{2, 2}}, {"groups", groups}});
    Value first = emit.op("relu6", {conv});
    Value again = emit.op("conv2d", {first, feed("k2", {1, 1, 6 / groups, 6}), feed("b2", {6})},
                          {{"groups", groups}});
    Value y = emit.op("clamp", {emit.add(first, again)}, {{"low", -0.25}, {"high", 1.0}});
    FeedTypes types;
    for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
    Program program;
    program.graph = graph;
    program.outputs = {y};
    Program optimized = optimize(program, types);
    CHECK(count(optimized, "pad") == 0 && count(optimized, "conv2d") == 2);
    CHECK(count(optimized, "fused") == 0);
    Tensor wanted = evaluate_reference(graph, {y}, feeds)[0];
    for (int threads : {1, 3}) {
      CHECK(largest_difference(evaluate_backend(graph, {y}, feeds, threads)[0], wanted) < 1e-5);
    }
  }
}

TEST("a border that is not of zeros, or that others read, stays") {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {1, 5, 5, 2});
  Value kernel = placeholder(graph, "k", {3, 3, 2, 4});
  std::vector<int64_t> one{0, 1, 1, 0};
  auto border = [&](double value) {
    return emit.op("pad", {x}, {{"before", one}, {"after", one}, {"value", value}});
  };
  Value zeros = border(0);
  for (auto [bordered, more] : {std::pair{border(1), false}, {zeros, true}}) {
    Program program;
    program.graph = graph;
    Emit more_emit(program.graph);
    program.outputs = {more_emit.op("conv2d", {bordered, kernel})};
    if (more) program.outputs.push_back(bordered);
    CHECK(count(optimize(program, {{"x", graph.type(x)}, {"k", graph.type(kernel)}}), "pad") == 1);
  }
}

TEST("convolutions write into the concatenation that alone reads them") {
  Graph graph;
  Emit emit(graph);
  Feeds feeds;
  auto feed = [&](const std::string& name, std::vector<int64_t> shape) {
    Value value = placeholder(graph, name, std::move(shape));
    feeds[name] = random_tensor(graph.type(value), 60 + feeds.size(), -1, 1.5);
    return value;
  };
  Value x = feed("x", {2, 6, 5, 7});
  auto conv = [&](const std::string& name, int64_t size, int64_t filters) {
    Value kernel = feed(name, {size, size, 7, filters});
    return emit.op("conv2d", {x, kernel}, {{"padding", std::string("same")}});
  };
  Value wide = conv("wide", 3, 20);
  Value read_twice = conv("read twice", 1, 5);
  Value depth = emit.op("conv2d", {x, feed("depth", {3, 3, 1, 7})},
                        {{"padding", std::string("same")}, {"groups", int64_t{7}}});
  Value inner = emit.op("concat", {wide, x, read_twice, depth}, {{"axis", int64_t{3}}});
  // Twice the same part, and another axis: these are copied.
  Value narrow = conv("narrow", 1, 3);
  Value doubled = emit.op("concat", {narrow, narrow}, {{"axis", int64_t{-1}}});
  Value above = conv("above", 1, 3);
  Value below = conv("below", 1, 3);
  Value stacked = emit.op("concat", {above, below}, {{"axis", int64_t{1}}});
  std::vector<Value> outputs = {inner, read_twice, doubled, stacked, emit.op("relu", {inner})};
  std::vector<Tensor> wanted = evaluate_reference(graph, outputs, feeds);
  for (int threads : {1, 3}) {
    std::vector<Tensor> got = evaluate_backend(graph, outputs, feeds, threads);
    for (size_t i = 0; i < outputs.size(); ++i) {
      CHECK(largest_difference(got[i], wanted[i]) < 1e-5);
    }
  }
}

}  // namespace vanda::testing
