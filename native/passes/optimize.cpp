#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/verify.hpp"
#include "passes/passes.hpp"

namespace vanda {

namespace {

constexpr std::array<const char*, 18> kNames = {
    "fold",      "simplify",      "cse",      "sparse", "lookups",  "prune",
    "sink",      "normalization", "borders",  "affine", "epilogue", "products",
    "precision", "fuse",          "schedule", "layout", "inPlace",  "reuse"};

}  // namespace

std::span<const char* const> pass_names() { return kNames; }

void require_pass(const std::string& name) {
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return;
  std::string known;
  for (const char* each : kNames) known += (known.empty() ? "" : ", ") + std::string(each);
  throw Error("invalid_attribute", "passes",
              "there is no pass '" + name + "'; there are " + known);
}

Program optimize(const Program& program, const FeedTypes& feeds, const OptimizeOptions& options) {
  Program current = specialize(inline_calls(program), feeds);
  auto done = [&](const char* name) {
    verify(current, name);
    if (options.observe) options.observe(name, current);
  };
  done("specialize");
  auto apply = [&](const char* name, Program (*pass)(const Program&)) {
    if (!options.passes.enabled(name)) return;
    current = pass(current);
    done(name);
  };
  // Twice: what one pass uncovers, an earlier one may use.
  for (int round = 0; round < 2; ++round) {
    apply("fold", fold_constants);
    apply("simplify", simplify);
    apply("cse", eliminate_common);
  }
  apply("sparse", sparse_updates);
  apply("lookups", merge_lookups);
  apply("prune", prune);
  apply("sink", sink_masks);
  apply("normalization", join_normalization);
  apply("borders", fold_borders);
  apply("affine", fold_affine);
  apply("epilogue", join_epilogues);
  // oneDNN's products of bfloat16 take a bias and a relu, and no more.
  if (options.precision == Precision::float32) apply("products", join_products);
  if (options.precision != Precision::float32) apply("precision", round_products);
  apply("fuse", fuse_elementwise);
  apply("prune", prune);
  return current;
}

}  // namespace vanda
