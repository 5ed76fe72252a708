#pragma once

#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

// Where the buffers of a plan lie in its one block of memory.
struct Arena {
  static constexpr size_t kNowhere = SIZE_MAX;
  std::vector<size_t> offsets;  // by buffer; kNowhere for those that live elsewhere or are not used
  size_t bytes = 0;
  size_t lower_bound = 0;
};

// Buffers share memory when they live at different times ("reuse"), and the result of a step takes
// over an operand that dies in it where the step allows that ("inPlace").
Arena plan_arena(const std::vector<Step>& steps, const std::vector<Buffer>& buffers,
                 const std::vector<int>& outputs, const CompileRequest& request);

// What a plan needs before it has run, by kind.
PlanMemory plan_memory(const Arena& arena, const std::vector<Buffer>& buffers);

}  // namespace vanda::cpu
