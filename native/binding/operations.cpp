#include "binding/wraps.hpp"
#include "core/op_spec.hpp"
#include "ops/fused_gradient.hpp"

namespace vanda::binding {

namespace {

const char* kind_name(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::boolean:
      return "boolean";
    case AttributeKind::integer:
      return "integer";
    case AttributeKind::number:
      return "number";
    case AttributeKind::text:
      return "text";
    case AttributeKind::integers:
      return "integers";
    case AttributeKind::numbers:
      return "numbers";
  }
  return "?";
}

Napi::Value value_to_js(Napi::Env env, const Attribute& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return Napi::Boolean::New(env, *flag);
  if (const std::string* text = std::get_if<std::string>(&value))
    return Napi::String::New(env, *text);
  if (const double* number = std::get_if<double>(&value)) return Napi::Number::New(env, *number);
  if (const int64_t* integer = std::get_if<int64_t>(&value))
    return Napi::Number::New(env, static_cast<double>(*integer));
  Napi::Array list = Napi::Array::New(env);
  auto append = [&](double item) { list.Set(list.Length(), Napi::Number::New(env, item)); };
  if (const auto* integers = std::get_if<std::vector<int64_t>>(&value)) {
    for (int64_t item : *integers) append(static_cast<double>(item));
  } else {
    for (double item : std::get<std::vector<double>>(value)) append(item);
  }
  return list;
}

Napi::Array attributes_to_js(Napi::Env env, const OpSpec& spec) {
  Napi::Array out = Napi::Array::New(env);
  for (const AttributeSpec& attribute : spec.attributes) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", attribute.name);
    entry.Set("kind", kind_name(attribute.kind));
    if (attribute.fallback) entry.Set("fallback", value_to_js(env, *attribute.fallback));
    out.Set(out.Length(), entry);
  }
  return out;
}

// `once`: a fused backward kernel; `stops`: piecewise constant; `again`: made of ops itself.
const char* gradient_of(const OpSpec& spec) {
  if (spec.zero_gradient) return "stops";
  if (spec.gradient == nullptr || spec.gradient == refuse_second_order) return "none";
  return spec.first_order ? "once" : "again";
}

}  // namespace

Napi::Value operations(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array out = Napi::Array::New(env);
  for (const std::string& name : op_names()) {
    const OpSpec& spec = *find_op(name);
    if (spec.op_class == OpClass::internal || spec.made_by_passes) continue;
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", spec.name);
    entry.Set("family", spec.family);
    entry.Set("inputsMin", Napi::Number::New(env, spec.inputs_min));
    entry.Set("inputsMax", Napi::Number::New(env, spec.inputs_max));
    entry.Set("attributes", attributes_to_js(env, spec));
    entry.Set("text", spec.doc.text);
    entry.Set("shapes", spec.doc.shapes);
    entry.Set("dtypes", spec.doc.dtypes);
    entry.Set("kernel", spec.doc.kernel);
    entry.Set("gradient", gradient_of(spec));
    out.Set(out.Length(), entry);
  }
  return out;
}

}  // namespace vanda::binding
