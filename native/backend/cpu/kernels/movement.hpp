#pragma once

#include <cstdint>

namespace vanda::cpu {

// out[c * out_stride + r] = in[r * in_stride + c], for elements of 1, 4 and 8 bytes.
using TransposeFn = void (*)(void* out, const void* in, int64_t rows, int64_t columns,
                             int64_t in_stride, int64_t out_stride);

struct MovementKernels {
  TransposeFn transpose1, transpose4, transpose8;
};

}  // namespace vanda::cpu
