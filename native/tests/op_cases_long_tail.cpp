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

void add_boxes(std::vector<OpCase>& cases) {
  for (int output : {0, 1}) {
    for (double overlap : {0.0, 0.3, 1.0}) {
      cases.push_back(
          fixed({"non_max_suppression", {{3, 40, 4}, {3, 40}}, [=](Emit& emit, Inputs& x) {
                   Value kept = emit.op(
                       "non_max_suppression", {x[0], x[1]},
                       {{"size", int64_t{20}}, {"overlap", overlap}, {"scoreThreshold", -0.3}});
                   return Value{kept.node, output};
                 }}));
    }
  }
}

// Counts and labels in range, out of integers that are drawn: at least one step and one label.
void add_alignments(std::vector<OpCase>& cases) {
  auto add = [&](int64_t batch, int64_t steps, int64_t classes, int64_t places, int64_t blank) {
    OpCase entry{
        "ctc_loss",
        {{batch, steps, classes}},
        [=](Emit& emit, Inputs& x) {
          auto plus = [&](Value value, double more) { return emit.add(value, more); };
          Value logs = emit.op("log_softmax", {x[0]}, {{"axis", int64_t{-1}}});
          // Labels are the classes that are not the blank, which is the first or the last.
          Value labels = blank == 0 ? plus(x[1], 1) : x[1];
          Value counts = plus(x[3], static_cast<double>(places));
          Value step_counts = plus(x[2], static_cast<double>(steps - 1));
          return emit.op("ctc_loss", {logs, labels, step_counts, counts}, {{"blank", blank}});
        },
        -2,
        2,
        {{{batch, places}, classes - 1}, {{batch}, 2}, {{batch}, 1}}};
    cases.push_back(fused(entry));
  };
  add(2, 6, 3, 2, 0);
  add(3, 7, 4, 3, 3);
  add(2, 9, 2, 3, 0);
  add(1, 2, 3, 1, 0);
  add(5, 60, 20, 11, 0);
  cases.back().differentiable = false;
}

}  // namespace

void add_long_tail_cases(std::vector<OpCase>& cases) {
  add_sorts(cases);
  add_samples(cases);
  add_spectra(cases);
  add_boxes(cases);
  add_alignments(cases);
}

}  // namespace vanda::testing
