#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "capi/status.hpp"
#include "core/graph.hpp"
#include "runtime/session.hpp"

namespace vanda::capi {

// A structure that may have grown since its caller was compiled: what its caller does not know is
// zero, and what this library does not know must be.
template <typename T>
T known_part(const void* given, const char* what) {
  T known{};
  if (given == nullptr) return known;
  size_t size = 0;
  std::memcpy(&size, given, sizeof size);
  require(size >= sizeof size && size <= 4096, what);
  std::memcpy(&known, given, std::min(size, sizeof known));
  const char* bytes = static_cast<const char*>(given);
  for (size_t i = sizeof known; i < size; ++i) require(bytes[i] == 0, what);
  return known;
}

std::string text_of(const char* text, const char* what);
TensorType type_of(const vanda_type* type);
vanda_type type_to_c(const TensorType& type);
Tensor tensor_of(const vanda_tensor* tensor);
Attributes attributes_of(const char* json);

inline Value value_of(vanda_value value) { return Value{value.node, value.output}; }
inline vanda_value value_to_c(Value value) { return {value.node, value.output}; }
std::vector<Value> values_of(const vanda_value* values, size_t count);
std::vector<NamedView> views_of(const vanda_named_tensor* tensors, size_t count);
SessionOptions options_of(const vanda_session_options* options);

vanda_result* result_of(std::vector<std::string> names, std::vector<Tensor> tensors);

}  // namespace vanda::capi
