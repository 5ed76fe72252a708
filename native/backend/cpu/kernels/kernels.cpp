#include "backend/cpu/kernels/kernels.hpp"

namespace vanda::cpu {

extern const KernelTable kernels_base;
#ifdef VANDA_X86
extern const KernelTable kernels_v3;
extern const KernelTable kernels_v4;
#endif

const KernelTable& kernels() {
#ifdef VANDA_X86
  static const KernelTable& chosen = [&]() -> const KernelTable& {
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return v4 ? kernels_v4 : v3 ? kernels_v3 : kernels_base;
  }();
  return chosen;
#else
  return kernels_base;
#endif
}

}  // namespace vanda::cpu
