#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

OpCase fixed(OpCase entry) {
  entry.differentiable = false;
  return entry;
}

OpCase fused(OpCase entry) {
  entry.second_order = false;
  return entry;
}

void add_sorts(std::vector<OpCase>& cases) {
  for (bool descending : {false, true}) {
    for (int64_t axis : {0, 1, 2}) {
      cases.push_back(
          simple_case("sort", {{4, 5, 3}}, {{"axis", axis}, {"descending", descending}}));
    }
    // The places, among many equal elements.
    cases.push_back(
        fixed({"sort", {{30, 700}}, [descending](Emit& emit, Inputs& x) {
                 Value rounded = emit.op("round", {emit.mul(x[0], 9.0)});
                 Value sorted = emit.op("sort", {rounded}, {{"descending", descending}});
                 return Value{sorted.node, 1};
               }}));
  }
}

void add_samples(std::vector<OpCase>& cases) {
  for (const char* padding : {"zeros", "border"}) {
    for (bool align : {false, true}) {
      Attributes attributes = {{"padding", std::string(padding)}, {"alignCorners", align}};
      for (int64_t channels : {1, 9}) {
        OpCase entry =
            simple_case("grid_sample", {{2, 4, 5, channels}, {2, 3, 4, 2}}, attributes, -1.4, 1.4);
        cases.push_back(fused(entry));
      }
      cases.push_back(fixed(fused(
          simple_case("grid_sample", {{3, 20, 31, 3}, {3, 50, 60, 2}}, attributes, -1.2, 1.2))));
    }
  }
}

void add_spectra(std::vector<OpCase>& cases) {
  for (int64_t n : {1, 2, 3, 4, 5, 8, 12, 15, 16}) {
    cases.push_back(simple_case("rfft", {{2, n}}));
    cases.push_back(simple_case("irfft", {{2, n / 2 + 1, 2}}, {{"length", n}}));
  }
  for (int64_t n : {400, 512, 999, 1024}) {
    cases.push_back(fixed(simple_case("rfft", {{20, n}})));
    cases.push_back(fixed(simple_case("irfft", {{20, n / 2 + 1, 2}}, {{"length", n}})));
  }
}

}  // namespace

void add_long_tail_cases(std::vector<OpCase>& cases) {
  add_sorts(cases);
  add_samples(cases);
  add_spectra(cases);
}

}  // namespace vanda::testing
