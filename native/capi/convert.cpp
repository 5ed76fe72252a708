#include "capi/convert.hpp"

#include <memory>
#include <thread>

#include "capi/handles.hpp"
#include "io/json.hpp"

namespace vanda::capi {

namespace {

constexpr DType kDTypes[] = {DType::f32, DType::i32, DType::i64, DType::u8, DType::boolean};
constexpr size_t kAttributeValuesMax = 1 << 20;

[[noreturn]] void refuse(const std::string& key, const char* wanted) {
  throw Error("invalid_attribute", key, std::string("must be ") + wanted);
}

std::vector<double> numbers_of(const std::string& key, const Json& list) {
  std::vector<double> numbers;
  for (const Json& item : list.items) {
    if (item.kind != Json::Kind::number) refuse(key, "a list of numbers");
    numbers.push_back(item.number);
  }
  return numbers;
}

}  // namespace

std::string text_of(const char* text, const char* what) {
  require(text != nullptr, what);
  return text;
}

TensorType type_of(const vanda_type* type) {
  require(type != nullptr, "the type is NULL");
  bool known = type->dtype >= 0 && static_cast<size_t>(type->dtype) < std::size(kDTypes);
  require(known, "the dtype is none of VANDA_F32, VANDA_I32, VANDA_I64, VANDA_U8 and VANDA_BOOL");
  require(type->rank >= 0 && type->rank <= VANDA_RANK_MAX, "the rank is not 0 to VANDA_RANK_MAX");
  TensorType made{kDTypes[type->dtype],
                  Shape(std::vector<int64_t>(type->shape, type->shape + type->rank))};
  made.shape.validate("shape");
  return made;
}

vanda_type type_to_c(const TensorType& type) {
  vanda_type made{};
  for (size_t i = 0; i < std::size(kDTypes); ++i) {
    if (kDTypes[i] == type.dtype) made.dtype = static_cast<vanda_dtype>(i);
  }
  made.rank = type.shape.rank();
  for (int axis = 0; axis < type.shape.rank(); ++axis) made.shape[axis] = type.shape[axis];
  return made;
}

namespace {

TensorType data_type_of(const vanda_tensor* tensor) {
  require(tensor != nullptr, "the tensor is NULL");
  TensorType type = type_of(&tensor->type);
  require(type.shape.is_static(), "a tensor with data has no VANDA_DYNAMIC dims");
  require(tensor->data != nullptr || type.bytes() == 0, "the data of a tensor is NULL");
  return type;
}

}  // namespace

Tensor tensor_of(const vanda_tensor* tensor) {
  Tensor made(data_type_of(tensor));
  if (made.type.bytes() > 0) std::memcpy(made.data(), tensor->data, made.type.bytes());
  return made;
}

Attributes attributes_of(const char* json) {
  Attributes attributes;
  if (json == nullptr) return attributes;
  Json parsed = parse_json(json, kAttributeValuesMax);
  if (parsed.kind != Json::Kind::object) refuse("attributes", "a JSON object");
  for (const auto& [key, value] : parsed.members) {
    switch (value.kind) {
      case Json::Kind::boolean:
        attributes[key] = value.boolean;
        break;
      case Json::Kind::number:
        attributes[key] = value.number;
        break;
      case Json::Kind::text:
        attributes[key] = value.text;
        break;
      case Json::Kind::array:
        attributes[key] = numbers_of(key, value);
        break;
      default:
        refuse(key, "a number, a string, true, false or a list of numbers");
    }
  }
  return attributes;
}

std::vector<Value> values_of(const vanda_value* values, size_t count) {
  require(values != nullptr || count == 0, "the list of values is NULL");
  std::vector<Value> made;
  for (size_t i = 0; i < count; ++i) made.push_back(value_of(values[i]));
  return made;
}

std::vector<NamedView> views_of(const vanda_named_tensor* tensors, size_t count) {
  require(tensors != nullptr || count == 0, "the list of tensors is NULL");
  static const char kEmpty = 0;
  std::vector<NamedView> views;
  for (size_t i = 0; i < count; ++i) {
    const void* data = tensors[i].tensor.data;
    views.push_back({text_of(tensors[i].name, "the name of a tensor is NULL"),
                     data_type_of(&tensors[i].tensor), data == nullptr ? &kEmpty : data});
  }
  return views;
}

SessionOptions options_of(const vanda_session_options* options) {
  auto given = known_part<vanda_session_options>(
      options, "set the size of vanda_session_options to its sizeof and the rest to zero first");
  require(given.threads >= 0 && given.threads <= 1024, "threads must be 0 to 1024");
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  SessionOptions made;
  made.threads = given.threads == 0 ? cores : given.threads;
  made.memory_limit = static_cast<size_t>(given.memory_limit);
  return made;
}

vanda_result* result_of(std::vector<std::string> names, std::vector<Tensor> tensors) {
  auto result = std::make_unique<vanda_result>();
  result->names = std::move(names);
  result->names.resize(tensors.size());
  result->tensors = std::move(tensors);
  for (const Tensor& tensor : result->tensors) {
    result->views.push_back({type_to_c(tensor.type), tensor.data()});
  }
  return result.release();
}

}  // namespace vanda::capi
