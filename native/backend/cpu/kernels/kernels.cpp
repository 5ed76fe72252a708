#include "backend/cpu/kernels/kernels.hpp"

namespace vanda::cpu {

extern const KernelTable kernels_base;
#ifdef VANDA_X86
extern const KernelTable kernels_v3;
extern const KernelTable kernels_v4;
#endif

int runnable_kernels(const KernelTable* tables[3]) {
  int count = 0;
  tables[count++] = &kernels_base;
#ifdef VANDA_X86
  __builtin_cpu_init();
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (v3) tables[count++] = &kernels_v3;
  if (v4) tables[count++] = &kernels_v4;
#endif
  return count;
}

const KernelTable& kernels() {
  static const KernelTable& best = []() -> const KernelTable& {
    const KernelTable* tables[3];
    return *tables[runnable_kernels(tables) - 1];
  }();
  return best;
}

}  // namespace vanda::cpu
