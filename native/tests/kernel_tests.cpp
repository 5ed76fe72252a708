#include <bit>
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/kernels/random.hpp"
#include "core/philox.hpp"
#include "ops/elementwise.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

using cpu::KernelTable;
using cpu::RandomKernels;
using cpu::RandomStream;

// The distance of a float from the true value, in units of the last place of the true value.
double ulps(float got, double wanted) {
  if (std::isnan(wanted) || std::isnan(got)) return std::isnan(wanted) == std::isnan(got) ? 0 : 1e9;
  if (std::isinf(wanted) || std::isinf(got)) {
    bool close = std::fabs(wanted) >= 3.4028234e38 && std::signbit(wanted) == std::signbit(got);
    return close && std::isinf(got) ? 0 : std::isinf(wanted) ? 1e9 : 1e9;
  }
  int exponent = std::ilogb(wanted == 0 ? 1e-45 : wanted);
  double unit = std::ldexp(1.0, std::max(exponent - 23, -149));
  return std::fabs(got - wanted) / unit;
}

// Floats of every exponent and both signs, denormal ones too, and what is special.
std::vector<float> all_over() {
  std::vector<float> out = {0.0f,           -0.0f,           INFINITY,   -INFINITY,  NAN,
                            1.0f,           -1.0f,           1e-45f,     -1e-45f,    3.4028235e38f,
                            -3.4028235e38f, 1.17549435e-38f, 88.72f,     88.73f,     -87.4f,
                            -103.9f,        -104.5f,         0.5f,       -0.5f,      2.5f,
                            3.5f,           -2.5f,           1e8f,       1048576.0f, 1048577.0f,
                            16777216.0f,    1.5707964f,      3.1415927f, 6.2831855f};
  for (uint32_t bits = 0; bits < 0x7f800000u; bits += 65521u * 3) {
    out.push_back(std::bit_cast<float>(bits));
    out.push_back(-std::bit_cast<float>(bits));
  }
  // The range where most functions bend.
  for (int i = -40000; i <= 40000; ++i) out.push_back(static_cast<float>(i) * 3.1e-4f);
  return out;
}

double limit_of(const std::string& op, float x) {
  // Below 0 they are exponentials of x^2 / 2 and of x, and so is the rounding of that exponent.
  if (x < 0 && (op == "gelu" || op == "gelu_tanh")) return 7 + 2 * static_cast<double>(x) * x;
  if (x < -3 && op == "silu") return 64;
  for (const char* name : {"softplus", "tan", "erf", "elu", "hard_sigmoid", "hard_swish", "gelu",
                           "gelu_tanh", "gelu_slope", "silu"}) {
    if (op == name) return 5;
  }
  return 3;
}

}  // namespace

TEST("every function of one number is within a few units of the last place, on every table") {
  const KernelTable* tables[3];
  int count = cpu::runnable_kernels(tables);
  std::vector<float> x = all_over();
  std::vector<float> y(x.size());
  for (int t = 0; t < count; ++t) {
    for (const ScalarInfo& info : scalar_table()) {
      if (info.arity != 1) continue;
      double parameters[2] = {0.25, 0.75};
      float floats[2] = {0.25f, 0.75f};
      tables[t]->tile[static_cast<int>(info.code)](y.data(), x.data(), nullptr, nullptr, floats,
                                                   static_cast<int64_t>(x.size()));
      double worst = 0;  // as a share of what is allowed
      size_t where = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        double wide = x[i];
        double wanted = scalar_reference(info.code, &wide, parameters);
        // The slope of gelu crosses 0 and is measured against 1.
        double off = info.code == Scalar::gelu_slope && std::isfinite(wanted)
                         ? std::fabs(y[i] - wanted) / 6e-8
                         : ulps(y[i], wanted);
        double share = off / limit_of(info.op, x[i]);
        if (share > worst) worst = share, where = i;
      }
      CHECK_MESSAGE(worst <= 1, std::string(info.op) + " (" + tables[t]->isa + ") is off by " +
                                    std::to_string(worst) + " times the limit at " +
                                    std::to_string(x[where]) + ": " + std::to_string(y[where]));
    }
  }
}

TEST("pow and floor_mod hold over the whole range and in C's special cases") {
  const KernelTable* tables[3];
  int count = cpu::runnable_kernels(tables);
  PhiloxStream random(4, 4);
  std::vector<float> a, b;
  const float special[] = {0.0f,  -0.0f, 1.0f,   -1.0f,   INFINITY, -INFINITY,
                           NAN,   2.0f,  -2.0f,  0.5f,    -0.5f,    3.0f,
                           -3.0f, 1e9f,  1e-40f, -1e-40f, 1e38f,    16777217.0f};
  for (float x : special) {
    for (float y : special) a.push_back(x), b.push_back(y);
  }
  for (int i = 0; i < 200000; ++i) {
    float x = std::bit_cast<float>(random.bits());
    float y = i % 2 == 0 ? static_cast<float>(random.unit() * 20 - 10)
                         : std::bit_cast<float>(random.bits());
    a.push_back(x), b.push_back(i % 3 == 0 ? std::floor(y) : y);
  }
  for (int i = 0; i < 50000; ++i) {
    a.push_back(static_cast<float>(random.unit() * 200 - 100));
    b.push_back(static_cast<float>(random.unit() * 20 - 10));
  }
  std::vector<float> y(a.size());
  for (int t = 0; t < count; ++t) {
    for (Scalar code : {Scalar::pow, Scalar::floor_mod}) {
      tables[t]->tile[static_cast<int>(code)](y.data(), a.data(), b.data(), nullptr, nullptr,
                                              static_cast<int64_t>(a.size()));
      double worst = 0;
      size_t where = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        double wide[2] = {a[i], b[i]};
        double off = ulps(y[i], scalar_reference(code, wide, nullptr));
        if (off > worst) worst = off, where = i;
      }
      CHECK_MESSAGE(worst <= 1.0, std::string(code == Scalar::pow ? "pow" : "floor_mod") + " (" +
                                      tables[t]->isa + ") is off by " + std::to_string(worst) +
                                      " at " + std::to_string(a[where]) + ", " +
                                      std::to_string(b[where]) + ": " + std::to_string(y[where]));
    }
  }
}

TEST("random numbers are the same bits on every instruction set") {
  const RandomKernels* tables[3];
  int count = cpu::runnable_random_kernels(tables);
  RandomStream stream{{123456789u, 987654321u}, {7, 0}};
  constexpr int64_t kCount = 100003;
  auto draw = [&](int t, int kind, int64_t begin, int64_t n) {
    std::vector<float> out(static_cast<size_t>(n));
    auto function = kind == 0   ? tables[t]->uniform
                    : kind == 1 ? tables[t]->normal
                                : tables[t]->truncated;
    function(out.data(), begin, n, &stream, 0.3f, 1.7f);
    return out;
  };
  for (int kind = 0; kind < 3; ++kind) {
    std::vector<float> base = draw(0, kind, 0, kCount);
    for (int t = 1; t < count; ++t) {
      std::vector<float> other = draw(t, kind, 0, kCount);
      CHECK(std::memcmp(base.data(), other.data(), base.size() * sizeof(float)) == 0);
    }
    // A part drawn alone is the part of the whole, wherever it begins.
    for (int64_t begin : {1, 2, 3, 63, 64, 4097}) {
      std::vector<float> part = draw(count - 1, kind, begin, 1000);
      CHECK(std::memcmp(base.data() + begin, part.data(), part.size() * sizeof(float)) == 0);
    }
  }
  std::vector<uint8_t> first(kCount), second(kCount);
  tables[0]->bernoulli(first.data(), 0, kCount, &stream, 1ull << 30);
  tables[count - 1]->bernoulli(second.data(), 0, kCount, &stream, 1ull << 30);
  CHECK(first == second);
  // The words are those of the generator itself.
  std::array<uint32_t, 4> block = philox({stream.key[0], stream.key[1]}, {5, 0, 7, 0});
  for (size_t w = 0; w < 4; ++w) CHECK(first[20 + w] == (block[w] < (1u << 30) ? 1 : 0));
}

TEST("random numbers have the moments that their names promise") {
  const RandomKernels& k = cpu::random_kernels();
  RandomStream stream{{1, 2}, {3, 0}};
  constexpr size_t kCount = 400000;
  std::vector<float> x(kCount);
  auto moments = [&](double& mean, double& variance, double& fourth, double& highest) {
    mean = variance = fourth = highest = 0;
    for (float value : x) mean += value / static_cast<double>(kCount);
    for (float value : x) {
      double d = value - mean;
      variance += d * d / static_cast<double>(kCount);
      fourth += d * d * d * d / static_cast<double>(kCount);
      highest = std::fmax(highest, std::fabs(value));
    }
  };
  double mean, variance, fourth, highest;
  k.normal(x.data(), 0, kCount, &stream, 0, 1);
  moments(mean, variance, fourth, highest);
  CHECK(std::fabs(mean) < 0.006 && std::fabs(variance - 1) < 0.012);
  CHECK(std::fabs(fourth - 3) < 0.08 && highest > 4 && highest < 6.7);
  k.truncated(x.data(), 0, kCount, &stream, 0, 1);
  moments(mean, variance, fourth, highest);
  // The variance of a normal distribution cut at two deviations is 0.7737.
  CHECK(std::fabs(mean) < 0.006 && std::fabs(variance - 0.77374) < 0.008 && highest <= 2.00001);
  CHECK(highest > 1.99);
  k.uniform(x.data(), 0, kCount, &stream, -1, 2);
  moments(mean, variance, fourth, highest);
  CHECK(std::fabs(mean) < 0.006 && std::fabs(variance - 1.0 / 3) < 0.004 && highest <= 1);
}

TEST("drawn numbers hang on seed, salt, step and place, and on nothing else") {
  auto draw = [](int64_t seed, int64_t salt, uint64_t step, int threads) {
    Graph graph;
    Emit emit(graph);
    Value x = placeholder(graph, "x", {-1, 700});
    Value y = emit.op("random_normal", {x}, {{"seed", seed}, {"salt", salt}});
    Feeds feeds = {{"x", Tensor(TensorType{DType::f32, Shape{64, 700}})}};
    return evaluate_backend(graph, {y}, feeds, threads, step)[0];
  };
  Tensor one = draw(1, 2, 3, 1);
  CHECK((one.type.shape == Shape{64, 700}));
  CHECK(largest_difference(one, draw(1, 2, 3, 3)) == 0);
  CHECK(largest_difference(one, draw(2, 2, 3, 1)) > 1);
  CHECK(largest_difference(one, draw(1, 3, 3, 1)) > 1);
  CHECK(largest_difference(one, draw(1, 2, 4, 1)) > 1);
  Graph graph;
  CHECK(code_of([&] { Emit(graph).op("random_normal", {}, {{"deviation", -1.0}}); }) ==
        "invalid_attribute");
  CHECK(code_of([&] { Emit(graph).op("random_bernoulli", {}, {{"probability", 1.5}}); }) ==
        "invalid_attribute");
}

TEST("transposes of every element size move every element") {
  for (DType dtype : {DType::u8, DType::i32, DType::i64}) {
    for (const Shape& shape : {Shape{8, 8}, Shape{1, 5}, Shape{100, 3}, Shape{67, 130}}) {
      Graph graph;
      Emit emit(graph);
      Value x = placeholder(graph, "x", shape.dims(), dtype);
      Value y = emit.op("transpose", {x}, {{"permutation", std::vector<int64_t>{1, 0}}});
      Tensor tensor = random_tensor(TensorType{dtype, shape}, 8, 0, 200);
      Feeds feeds = {{"x", tensor}};
      Tensor wanted = evaluate_reference(graph, {y}, feeds)[0];
      Tensor got = evaluate_backend(graph, {y}, feeds)[0];
      CHECK(std::memcmp(got.data(), wanted.data(), wanted.type.bytes()) == 0);
    }
  }
}

}  // namespace vanda::testing
