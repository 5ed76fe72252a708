#pragma once

#include <napi.h>

#include <vector>

#include "core/graph.hpp"
#include "runtime/session.hpp"

namespace vanda::binding {

// Reading arguments. Everything that does not have the right form throws Error, never aborts.
std::string text_of(const Napi::Value& value, const char* what);
double number_of(const Napi::Value& value, const char* what);
int64_t integer_of(const Napi::Value& value, const char* what);
bool boolean_of(const Napi::Value& value);
std::vector<int64_t> integers_of(const Napi::Value& value, const char* what);
std::vector<Value> values_of(const Napi::Value& flat_pairs);
std::vector<int> effects_of(const Napi::Value& ids);
Attributes attributes_of(const Napi::Value& object);
DType dtype_of(const Napi::Value& value);
TensorType type_of(const Napi::Object& object);
// {name, dtype, shape, data}: borrows the typed array's memory.
NamedView view_of(const Napi::Object& object);
// The bytes of a typed array, checked against a type.
const void* bytes_of(const Napi::Value& data, const TensorType& type, const std::string& name);
Tensor tensor_of(const Napi::Object& object);

// Writing results.
Napi::Value values_to_js(Napi::Env env, const std::vector<Value>& values);
Napi::Object type_to_js(Napi::Env env, const TensorType& type);
// A view of the whole buffer, of the kind that holds the dtype.
Napi::Value typed_array(Napi::Env env, const TensorType& type, Napi::ArrayBuffer buffer);
// {dtype, shape, data}, a copy.
Napi::Object tensor_to_js(Napi::Env env, const Tensor& tensor);
Napi::Array tensors_to_js(Napi::Env env, const std::vector<Tensor>& tensors);
Napi::Array named_to_js(Napi::Env env, const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace vanda::binding
