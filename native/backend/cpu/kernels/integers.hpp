#pragma once

#include <cstdint>

namespace vanda::cpu {

constexpr int kScalarCount = 64;

// out[i] = f(a[i], b[i], c[i]) over tiles of i32 or i64, wrapping around like the hardware.
// Comparisons write bytes; the condition of `where` (a) is bytes.
using IntegerTileFn = void (*)(void* out, const void* a, const void* b, const void* c, int64_t n);
using IntegerCastFn = void (*)(void* out, const void* in, int64_t n);
// acc[j] = acc[j] op x[row * stride + j] over all rows, for j below width.
using IntegerReduceFn = void (*)(void* acc, const void* x, int64_t rows, int64_t stride,
                                 int64_t width);
// Running sums down `width` columns of rows that lie `stride` apart.
using IntegerScanFn = void (*)(void* out, const void* x, int64_t rows, int64_t stride,
                               int64_t width, int exclusive, int reverse);

enum class IntegerReduce : uint8_t { sum, product, maximum, minimum };

// By dtype: i32, i64 (and bytes, where the third place exists). Null: there is none.
struct IntegerKernels {
  IntegerTileFn tile[2][kScalarCount];
  // From and to f32, i32, i64, u8, bool; null where floats convert better elsewhere.
  IntegerCastFn cast[5][5];
  IntegerReduceFn reduce[3][4];
  IntegerScanFn scan[2];
};

}  // namespace vanda::cpu
