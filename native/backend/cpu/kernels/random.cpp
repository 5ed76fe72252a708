#include "backend/cpu/kernels/random.hpp"

#include "backend/cpu/kernels/kernels.hpp"

namespace vanda::cpu {

extern const RandomKernels random_base;
#ifdef VANDA_X86
extern const RandomKernels random_v3;
extern const RandomKernels random_v4;
#endif

int runnable_random_kernels(const RandomKernels* tables[3]) {
  const KernelTable* same[3];
  int count = runnable_kernels(same);
  tables[0] = &random_base;
#ifdef VANDA_X86
  const RandomKernels* all[] = {&random_base, &random_v3, &random_v4};
  for (int i = 1; i < count; ++i) tables[i] = all[i];
#endif
  return count;
}

const RandomKernels& random_kernels() {
  static const RandomKernels& best = []() -> const RandomKernels& {
    const RandomKernels* tables[3];
    return *tables[runnable_random_kernels(tables) - 1];
  }();
  return best;
}

}  // namespace vanda::cpu
