#include "runtime/initializers.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

Tensor initial(const std::string& kind, std::vector<int64_t> shape, double scale = 1) {
  Graph graph;
  Attributes attributes = {{"dtype", std::string("f32")},
                           {"shape", std::move(shape)},
                           {"init", kind},
                           {"scale", scale},
                           {"seed", int64_t{11}}};
  return initial_value(graph.node(graph.add("variable", {}, attributes, "w")));
}

struct Moments {
  double variance = 0;
  double highest = 0;
};
Moments moments_of(const Tensor& tensor) {
  Moments out;
  ConstView x{&tensor.type, tensor.data()};
  for (int64_t i = 0; i < x.elements(); ++i) {
    out.variance += x.at(i) * x.at(i) / static_cast<double>(x.elements());
    out.highest = std::fmax(out.highest, std::fabs(x.at(i)));
  }
  return out;
}

}  // namespace

TEST("initializers have the variance that they are named for") {
  // A kernel of 3 x 3 from 20 to 50 channels: 180 inputs and 450 outputs.
  const std::pair<const char*, double> wanted[] = {
      {"glorotUniform", 2.0 / 630}, {"glorotNormal", 2.0 / 630}, {"heUniform", 2.0 / 180},
      {"heNormal", 2.0 / 180},      {"lecunUniform", 1.0 / 180}, {"lecunNormal", 1.0 / 180}};
  for (const auto& [kind, variance] : wanted) {
    Moments m = moments_of(initial(kind, {3, 3, 20, 50}));
    CHECK_MESSAGE(std::fabs(m.variance / variance - 1) < 0.05, std::string(kind) + " is off");
    // Uniform ones end at sqrt(3) deviations, cut ones at 2 / 0.8796.
    bool uniform = std::string(kind).ends_with("Uniform");
    double end = std::sqrt(variance) * (uniform ? 1.7320509 : 2.2737);
    CHECK(m.highest <= end * 1.0001 && m.highest > end * 0.97);
  }
  CHECK(std::fabs(moments_of(initial("normal", {200, 200}, 0.5)).variance - 0.25) < 0.01);
  CHECK(moments_of(initial("truncatedNormal", {200, 200}, 0.5)).highest <= 1);
}

TEST("orthogonal matrices are orthogonal, wide, tall and as kernels") {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{30, 30}, {50, 20}, {20, 50}, {3, 3, 4, 10}}) {
    Tensor w = initial("orthogonal", shape, 2);
    ConstView x{&w.type, w.data()};
    int64_t columns = shape.back();
    int64_t rows = x.elements() / columns;
    bool tall = rows > columns;
    int64_t count = tall ? columns : rows;
    double worst = 0;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j < count; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < (tall ? rows : columns); ++k) {
          sum += tall ? x.at(k * columns + i) * x.at(k * columns + j)
                      : x.at(i * columns + k) * x.at(j * columns + k);
        }
        worst = std::fmax(worst, std::fabs(sum - (i == j ? 4 : 0)));
      }
    }
    CHECK(worst < 1e-5);
  }
}

TEST("the same seed and name give the same weights, and impossible shapes are refused") {
  CHECK(largest_difference(initial("heNormal", {9, 9}), initial("heNormal", {9, 9})) == 0);
  // Pinned: what a model was trained from is the same on every machine.
  CHECK(initial("normal", {4}).as<float>()[0] == initial("normal", {5}).as<float>()[0]);
  Tensor eye = initial("identity", {2, 3}, 3);
  const float wanted[] = {3, 0, 0, 0, 3, 0};
  for (int i = 0; i < 6; ++i) CHECK(eye.as<float>()[i] == wanted[i]);
  CHECK(code_of([] { initial("identity", {2, 3, 4}); }) == "shape_mismatch");
  CHECK(code_of([] { initial("orthogonal", {7}); }) == "shape_mismatch");
  CHECK(code_of([] { initial("orthogonal", {3000, 3000}); }) == "limit");
  CHECK(code_of([] { initial("nonsense", {7}); }) == "invalid_attribute");
}

}  // namespace vanda::testing
