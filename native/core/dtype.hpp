#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vanda {

// f64 exists for the reference evaluator alone: gradients are checked against finite differences
// in double precision. The binding never lets it in from outside.
enum class DType : uint8_t { f32, i32, i64, u8, boolean, f64 };

constexpr size_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::i64:
    case DType::f64:
      return 8;
    case DType::u8:
    case DType::boolean:
      return 1;
  }
  return 0;
}

constexpr std::string_view dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
    case DType::boolean:
      return "bool";
    case DType::f64:
      return "f64";
  }
  return "?";
}

constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (DType dtype : {DType::f32, DType::i32, DType::i64, DType::u8, DType::boolean, DType::f64}) {
    if (dtype_name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

constexpr bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }
constexpr bool is_integer(DType dtype) { return dtype == DType::i32 || dtype == DType::i64; }

}  // namespace vanda
