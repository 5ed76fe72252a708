#include "binding/convert.hpp"

#include <cmath>
#include <cstring>

#include "core/error.hpp"

namespace vanda::binding {

namespace {
[[noreturn]] void wrong(const char* what, const char* wanted) {
  throw Error("invalid_attribute", what, std::string("must be ") + wanted);
}
constexpr uint32_t kListMax = 1u << 26;
}  // namespace

std::string text_of(const Napi::Value& value, const char* what) {
  if (!value.IsString()) wrong(what, "a string");
  return value.As<Napi::String>().Utf8Value();
}

double number_of(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) wrong(what, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t integer_of(const Napi::Value& value, const char* what) {
  double number = number_of(value, what);
  if (!(std::fabs(number) < 9e15) || number != std::floor(number)) wrong(what, "a whole number");
  return static_cast<int64_t>(number);
}

bool boolean_of(const Napi::Value& value) {
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

std::vector<int64_t> integers_of(const Napi::Value& value, const char* what) {
  if (!value.IsArray()) wrong(what, "a list of whole numbers");
  Napi::Array list = value.As<Napi::Array>();
  if (list.Length() > kListMax) wrong(what, "a shorter list");
  std::vector<int64_t> out;
  for (uint32_t i = 0; i < list.Length(); ++i) out.push_back(integer_of(list.Get(i), what));
  return out;
}

std::vector<Value> values_of(const Napi::Value& flat_pairs) {
  std::vector<int64_t> flat = integers_of(flat_pairs, "a list of values");
  std::vector<Value> out;
  for (size_t i = 0; i + 1 < flat.size(); i += 2) {
    if (std::abs(flat[i]) > kNodesMax || std::abs(flat[i + 1]) > 64)
      wrong("a value", "of this graph");
    out.push_back({static_cast<int>(flat[i]), static_cast<int>(flat[i + 1])});
  }
  return out;
}

std::vector<int> effects_of(const Napi::Value& ids) {
  std::vector<int> out;
  for (int64_t id : integers_of(ids, "effects")) {
    if (std::abs(id) > kNodesMax) wrong("an effect", "of this graph");
    out.push_back(static_cast<int>(id));
  }
  return out;
}

Attributes attributes_of(const Napi::Value& object) {
  Attributes out;
  if (!object.IsObject()) return out;
  Napi::Object source = object.As<Napi::Object>();
  Napi::Array keys = source.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    Napi::Value key_value = keys.Get(i);
    std::string key = text_of(key_value, "an attribute's name");
    Napi::Value value = source.Get(key);
    if (value.IsBoolean()) {
      out[key] = boolean_of(value);
    } else if (value.IsNumber()) {
      out[key] = number_of(value, key.c_str());
    } else if (value.IsString()) {
      out[key] = text_of(value, key.c_str());
    } else if (value.IsArray()) {
      std::vector<double> numbers;
      Napi::Array list = value.As<Napi::Array>();
      if (list.Length() > kListMax) wrong(key.c_str(), "a shorter list");
      for (uint32_t k = 0; k < list.Length(); ++k)
        numbers.push_back(number_of(list.Get(k), key.c_str()));
      out[key] = std::move(numbers);
    } else if (!value.IsUndefined()) {
      wrong(key.c_str(), "a number, a string, true, false or a list of numbers");
    }
  }
  return out;
}

DType dtype_of(const Napi::Value& value) {
  std::string name = text_of(value, "dtype");
  std::optional<DType> dtype = dtype_from_name(name);
  if (!dtype || *dtype == DType::f64)
    throw Error("dtype_mismatch", "", "there is no dtype '" + name + "'");
  return *dtype;
}

TensorType type_of(const Napi::Object& object) {
  TensorType type{dtype_of(object.Get("dtype")), Shape(integers_of(object.Get("shape"), "shape"))};
  type.shape.validate("shape");
  return type;
}

const void* bytes_of(const Napi::Value& data, const TensorType& type, const std::string& name) {
  if (!data.IsTypedArray()) throw Error("invalid_feed", name, "the data must be a typed array");
  Napi::TypedArray array = data.As<Napi::TypedArray>();
  if (array.ByteLength() != type.bytes()) {
    throw Error("invalid_feed", name,
                "has " + std::to_string(array.ByteLength()) + " bytes where " + type.text() +
                    " needs " + std::to_string(type.bytes()));
  }
  napi_typedarray_type kind = array.TypedArrayType();
  bool fits = (type.dtype == DType::f32 && kind == napi_float32_array) ||
              (type.dtype == DType::i32 && kind == napi_int32_array) ||
              (type.dtype == DType::i64 && kind == napi_bigint64_array) ||
              ((type.dtype == DType::u8 || type.dtype == DType::boolean) &&
               (kind == napi_uint8_array || kind == napi_uint8_clamped_array));
  if (!fits) {
    throw Error("invalid_feed", name,
                "the typed array does not hold " + std::string(dtype_name(type.dtype)));
  }
  static const char kEmpty = 0;
  const char* base = static_cast<const char*>(array.ArrayBuffer().Data());
  return base == nullptr ? &kEmpty : base + array.ByteOffset();
}

NamedView view_of(const Napi::Object& object) {
  NamedView view;
  view.name = text_of(object.Get("name"), "name");
  view.type = type_of(object);
  if (!view.type.shape.is_static()) throw Error("invalid_feed", view.name, "has an open shape");
  view.data = bytes_of(object.Get("data"), view.type, view.name);
  return view;
}

Tensor tensor_of(const Napi::Object& object) {
  TensorType type = type_of(object);
  if (!type.shape.is_static()) throw Error("invalid_feed", "tensor", "has an open shape");
  const void* data = bytes_of(object.Get("data"), type, "tensor");
  Tensor tensor(type);
  std::memcpy(tensor.data(), data, type.bytes());
  return tensor;
}

Napi::Value values_to_js(Napi::Env env, const std::vector<Value>& values) {
  Napi::Array out = Napi::Array::New(env, values.size() * 2);
  for (uint32_t i = 0; i < values.size(); ++i) {
    out.Set(i * 2, Napi::Number::New(env, values[i].node));
    out.Set(i * 2 + 1, Napi::Number::New(env, values[i].output));
  }
  return out;
}

Napi::Object type_to_js(Napi::Env env, const TensorType& type) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("dtype", std::string(dtype_name(type.dtype)));
  Napi::Array shape = Napi::Array::New(env, static_cast<size_t>(type.shape.rank()));
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    shape.Set(static_cast<uint32_t>(axis),
              Napi::Number::New(env, static_cast<double>(type.shape[axis])));
  }
  out.Set("shape", shape);
  return out;
}

Napi::Value typed_array(Napi::Env env, const TensorType& type, Napi::ArrayBuffer buffer) {
  size_t count = static_cast<size_t>(type.shape.elements());
  switch (type.dtype) {
    case DType::f32:
      return Napi::Float32Array::New(env, count, buffer, 0);
    case DType::i32:
      return Napi::Int32Array::New(env, count, buffer, 0);
    case DType::i64:
      return Napi::BigInt64Array::New(env, count, buffer, 0);
    default:
      return Napi::Uint8Array::New(env, count, buffer, 0);
  }
}

Napi::Object tensor_to_js(Napi::Env env, const Tensor& tensor) {
  Napi::Object out = type_to_js(env, tensor.type);
  size_t bytes = tensor.type.bytes();
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(buffer.Data(), tensor.data(), bytes);
  out.Set("data", typed_array(env, tensor.type, buffer));
  return out;
}

Napi::Array tensors_to_js(Napi::Env env, const std::vector<Tensor>& tensors) {
  Napi::Array out = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) out.Set(i, tensor_to_js(env, tensors[i]));
  return out;
}

Napi::Array named_to_js(Napi::Env env, const std::vector<std::pair<std::string, Tensor>>& tensors) {
  Napi::Array out = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    Napi::Object entry = tensor_to_js(env, tensors[i].second);
    entry.Set("name", tensors[i].first);
    out.Set(i, entry);
  }
  return out;
}

}  // namespace vanda::binding
