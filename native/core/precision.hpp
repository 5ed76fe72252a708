#pragma once

#include <cstdint>

namespace vanda {

// How a plan multiplies. In bfloat16 the factors of every product are rounded to its eight
// significant bits; sums, and all that is no product, stay f32. The rounding stands in the program,
// so that the processor decides how fast it goes and not what comes out.
enum class Precision : uint8_t {
  float32,
  bfloat16,           // with instructions of the processor's; refused where it has none
  bfloat16_emulated,  // the same rounding with kernels of f32: what it costs, without the gain
  bfloat16_tried,     // asks oneDNN for its primitives, whatever the processor says
};

}  // namespace vanda
