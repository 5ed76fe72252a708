#include <napi.h>

#include "binding/convert.hpp"
#include "binding/main_thread.hpp"
#include "binding/prepared_wrap.hpp"
#include "binding/wraps.hpp"
#include "core/backend.hpp"
#include "io/safetensors.hpp"
#include "ops/register.hpp"

namespace vanda::binding {

namespace {

// setErrorClass(class): what native errors are thrown as, constructed with (code, op, detail)
Napi::Value set_error_class(const Napi::CallbackInfo& info) {
  MainThread::of(info.Env()).error_constructor = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Value engine_info(const Napi::CallbackInfo& info) {
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("version", VANDA_VERSION);
  out.Set("backend", linked_backend().name());
  out.Set("isa", linked_backend().isa());
  out.Set("bfloat16", linked_backend().has_bf16());
  Napi::Array ops = Napi::Array::New(info.Env());
  for (const std::string& name : op_names()) ops.Set(ops.Length(), name);
  out.Set("ops", ops);
  return out;
}

Napi::Value read_file(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::string path = text_of(info[0], "path");
    return run_async(info.Env(), {}, [path]() {
      auto content = std::make_shared<Safetensors>(read_safetensors(path));
      return [content](Napi::Env env) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        out.Set("tensors", named_to_js(env, content->tensors));
        Napi::Object metadata = Napi::Object::New(env);
        for (const auto& [key, value] : content->metadata) metadata.Set(key, value);
        out.Set("metadata", metadata);
        return out;
      };
    });
  });
}

// writeSafetensors(path, [{name, dtype, shape, data}], {key: text})
Napi::Value write_file(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::string path = text_of(info[0], "path");
    auto content = std::make_shared<Safetensors>();
    if (!info[1].IsArray() || !info[2].IsObject())
      throw Error("invalid_attribute", "writeSafetensors", "takes a list of tensors and metadata");
    Napi::Array list = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); ++i) {
      Napi::Object entry = list.Get(i).As<Napi::Object>();
      content->tensors.emplace_back(text_of(entry.Get("name"), "name"), tensor_of(entry));
    }
    Napi::Object metadata = info[2].As<Napi::Object>();
    Napi::Array keys = metadata.GetPropertyNames();
    for (uint32_t i = 0; i < keys.Length(); ++i) {
      std::string key = text_of(keys.Get(i), "metadata");
      content->metadata[key] = text_of(metadata.Get(key), "metadata");
    }
    return run_async(info.Env(), {}, [path, content]() {
      write_safetensors(path, *content);
      return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
    });
  });
}

void keep_for_good(Napi::Env, MainThread*) {}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  register_ops();
  // Never deleted: a native thread may still post to it while the environment is being torn down.
  env.SetInstanceData<MainThread, keep_for_good>(new MainThread(env));
  GraphWrap::define(env, exports);
  SessionWrap::define(env, exports);
  PipelineWrap::define(env, exports);
  TrainerWrap::define(env, exports);
  SkipGramWrap::define(env, exports);
  PreparedWrap::define(env, exports);
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class));
  exports.Set("info", Napi::Function::New(env, engine_info));
  exports.Set("operations", Napi::Function::New(env, operations));
  exports.Set("readSafetensors", Napi::Function::New(env, read_file));
  exports.Set("writeSafetensors", Napi::Function::New(env, write_file));
  return exports;
}

}  // namespace

NODE_API_MODULE(vanda_engine, init)

}  // namespace vanda::binding
