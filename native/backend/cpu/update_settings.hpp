#pragma once

#include <string>
#include <vector>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "ops/update.hpp"

namespace vanda::cpu {

// What all tensors of one multi-tensor update have in common.
struct UpdateSettings {
  UpdateFn function = nullptr;
  int slots = 0;
  uint64_t every = 1;
  int rate_buffer = -1;
  int step_buffer = -1;
  UpdateRates fixed{};

  // Whether this step is one that updates: with `every` = K, each K-th.
  bool due(const RunContext& context) const { return (context.step + 1) % every == 0; }
  UpdateRates rates(const RunContext& context) const;
};

UpdateSettings update_settings(Lowering& lowering, const Node& node);
// Equal texts: the updates can be one step.
std::string update_key(const Node& node, const UpdateSettings& settings);
// The buffer of a variable that an effect writes; takes note that it does.
int written_buffer(Lowering& lowering, const Node& node, size_t input);

}  // namespace vanda::cpu
