#include <cmath>

#include "backend/cpu/kernels/kernels.hpp"
#include "ops/elementwise.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

using cpu::KernelTable;

std::vector<float> numbers(int64_t count, uint64_t seed) {
  Tensor tensor = random_tensor(TensorType{DType::f32, Shape{count}}, seed);
  return std::vector<float>(tensor.as<float>(), tensor.as<float>() + count);
}

struct Sizes {
  int64_t rows, inner, columns;
  std::string text() const {
    return std::to_string(rows) + " x " + std::to_string(inner) + " x " + std::to_string(columns);
  }
};

const Sizes kSizes[] = {{1, 1, 1},    {5, 7, 3},     {13, 300, 33},  {97, 19, 64},
                        {200, 40, 5}, {32, 512, 96}, {130, 257, 70}, {6, 4, 16}};

// a [rows, inner] at i * row + k * column by b [inner, columns], row-major, onto c.
std::vector<float> plain(const Sizes& s, const std::vector<float>& a, int64_t row, int64_t column,
                         const std::vector<float>& b, const std::vector<float>& c) {
  std::vector<float> out(c);
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t j = 0; j < s.columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < s.inner; ++k) {
        sum += double{a[static_cast<size_t>(i * row + k * column)]} *
               b[static_cast<size_t>(k * s.columns + j)];
      }
      out[static_cast<size_t>(i * s.columns + j)] += static_cast<float>(sum);
    }
  }
  return out;
}

double apart(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::fmax(worst, std::fabs(a[i] - b[i]));
  return worst;
}

std::vector<float> packed(const KernelTable& k, const Sizes& s, const std::vector<float>& b,
                          int64_t row, int64_t column) {
  int64_t panels = (s.columns + k.panel - 1) / k.panel;
  std::vector<float> out(static_cast<size_t>(panels * k.panel * s.inner), NAN);
  k.pack_panels(out.data(), b.data(), row, column, s.inner, s.columns);
  return out;
}

template <typename Body>
void on_every_table(Body body) {
  const KernelTable* tables[3];
  int count = cpu::runnable_kernels(tables);
  for (int t = 0; t < count; ++t) body(*tables[t]);
}

}  // namespace

TEST("a product by packed panels is the product, on every table") {
  on_every_table([](const KernelTable& k) {
    for (const Sizes& s : kSizes) {
      std::vector<float> a = numbers(s.rows * s.inner, 1);
      std::vector<float> b = numbers(s.inner * s.columns, 2);
      std::vector<float> turned(b.size());
      for (int64_t i = 0; i < s.inner; ++i) {
        for (int64_t j = 0; j < s.columns; ++j) {
          turned[static_cast<size_t>(j * s.inner + i)] = b[static_cast<size_t>(i * s.columns + j)];
        }
      }
      std::vector<float> panels = packed(k, s, b, s.columns, 1);
      CHECK(panels == packed(k, s, turned, 1, s.inner));
      std::vector<float> start = numbers(s.rows * s.columns, 3);
      std::vector<float> c = start;
      k.product(c.data(), s.columns, a.data(), s.inner, 1, panels.data(), s.rows, s.inner,
                s.columns, 1);
      double off = apart(c, plain(s, a, s.inner, 1, b, start));
      CHECK_MESSAGE(off < 1e-4, s.text() + " (" + k.isa + ") is off by " + std::to_string(off));
      std::vector<float> zeros(start.size(), 0);
      k.product(start.data(), s.columns, a.data(), s.inner, 1, panels.data(), s.rows, s.inner,
                s.columns, 0);
      CHECK(apart(start, plain(s, a, s.inner, 1, b, zeros)) < 1e-4);
    }
  });
}

TEST("a left-hand matrix that lies across is laid out in tiles, on every table") {
  on_every_table([](const KernelTable& k) {
    for (const Sizes& s : kSizes) {
      if (s.inner > cpu::kTurnedDepth) continue;
      std::vector<float> across = numbers(s.rows * s.inner, 4);
      std::vector<float> b = numbers(s.inner * s.columns, 5);
      std::vector<float> tiles(across.size(), NAN);
      k.turn_block(tiles.data(), across.data(), s.rows, s.rows, s.inner);
      std::vector<float> c = numbers(s.rows * s.columns, 6);
      std::vector<float> wanted = plain(s, across, 1, s.rows, b, c);
      k.product_turned(c.data(), s.columns, tiles.data(), packed(k, s, b, s.columns, 1).data(),
                       s.rows, s.inner, s.columns, 1);
      double off = apart(c, wanted);
      CHECK_MESSAGE(off < 1e-4, s.text() + " (" + k.isa + ") is off by " + std::to_string(off));
    }
  });
}

TEST("a softmax from tile to tile is the softmax of the whole, and masked scores are zero") {
  on_every_table([](const KernelTable& k) {
    constexpr int64_t kCount = 45, kFirst = 17;
    std::vector<float> scores = numbers(kCount, 7);
    for (float& score : scores) score *= 20;
    scores[3] = scores[30] = -INFINITY;
    double sum = 0;
    for (float score : scores) sum += std::exp(double{score} * 0.5);
    std::vector<float> tiles = scores;
    float top = -3.4028235e38f, total = 0;
    CHECK(k.softmax_tile(tiles.data(), 0.5f, &top, &total, kFirst) == 0);
    float factor = k.softmax_tile(tiles.data() + kFirst, 0.5f, &top, &total, kCount - kFirst);
    for (size_t j = 0; j < scores.size(); ++j) {
      double p = (j < kFirst ? double{tiles[j]} * factor : tiles[j]) / total;
      CHECK(std::fabs(p - std::exp(double{scores[j]} * 0.5) / sum) < 1e-6);
    }
    CHECK(tiles[3] == 0 && tiles[30] == 0);
    CHECK(std::fabs(k.softmax_norm(top, total) - std::log(sum)) < 1e-4);
    float nothing[] = {-INFINITY, -INFINITY};
    top = -3.4028235e38f, total = 0;
    k.softmax_tile(nothing, 0.5f, &top, &total, 2);
    CHECK(nothing[0] == 0 && total == 0 && k.softmax_norm(top, total) == 0);
  });
}

TEST("gelu behind a product is gelu, and its slope is the slope, on every table") {
  on_every_table([](const KernelTable& k) {
    std::vector<float> x = {0, 1e-20f, -1e-20f, 0.7f, -0.71f, 13, -13, 50, -50, INFINITY, -INFINITY};
    for (float value : numbers(200, 10)) x.push_back(value * 6);
    std::vector<float> c = x, slope(x.size());
    cpu::ProductEpilogue finish;
    finish.activation = cpu::Activation::gelu;
    finish.slope = slope.data();
    int64_t count = static_cast<int64_t>(x.size());
    k.product_epilogue(c.data(), &finish, 0, 1, 0, count, count);
    std::vector<float> alone = x;
    finish.slope = nullptr;
    k.product_epilogue(alone.data(), &finish, 0, 1, 0, count, count);
    CHECK(alone == c);
    for (size_t i = 0; i < x.size(); ++i) {
      double wide = x[i];
      double value = std::isinf(wide) ? (wide > 0 ? wide : 0)
                                      : scalar_reference(Scalar::gelu, &wide, nullptr);
      double slant = std::isinf(wide) ? (wide > 0 ? 1 : 0)
                                      : scalar_reference(Scalar::gelu_slope, &wide, nullptr);
      CHECK(c[i] == value || std::fabs(c[i] - value) < 5e-7 * std::fmax(1, std::fabs(value)));
      CHECK(std::fabs(slope[i] - slant) < 1e-6);
    }
  });
}

TEST("the gates of recurrent cells stay within their range and close to their formula") {
  on_every_table([](const KernelTable& k) {
    constexpr int64_t kUnits = 37;
    std::vector<float> sums = numbers(4 * kUnits, 8);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] *= i % 5 == 0 ? 40 : 4;
    std::vector<float> bias(4 * kUnits, 0), before = numbers(kUnits, 9);
    std::vector<float> kept(4 * kUnits), c(kUnits), h(kUnits);
    k.lstm_cell(kept.data(), sums.data(), bias.data(), before.data(), c.data(), h.data(), kUnits);
    for (size_t i = 0; i < sums.size(); ++i) {
      bool candidate = i / kUnits == 2;
      double wanted =
          candidate ? std::tanh(double{sums[i]}) : 1 / (1 + std::exp(-double{sums[i]}));
      CHECK(std::fabs(kept[i] - wanted) < 5e-7);
      CHECK(kept[i] <= 1 && kept[i] >= (candidate ? -1 : 0));
    }
    sums[0] = NAN;
    k.lstm_cell(kept.data(), sums.data(), bias.data(), before.data(), c.data(), h.data(), kUnits);
    CHECK(std::isnan(kept[0]) && std::isnan(h[0]) && !std::isnan(h[1]));
  });
}

}  // namespace vanda::testing
