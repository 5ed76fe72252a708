#include "binding/prepared_wrap.hpp"

#include "binding/convert.hpp"
#include "binding/main_thread.hpp"

namespace vanda::binding {

namespace {

// A tensor whose data is the memory itself. Where it may be moved or freed on the other side, the
// bytes stay until the last holder lets go.
Napi::Object share_tensor(Napi::Env env, const Tensor& tensor) {
  auto* held = new std::shared_ptr<AlignedBytes>(tensor.bytes);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
      env, tensor.data(), tensor.type.bytes(),
      [](Napi::Env, void*, std::shared_ptr<AlignedBytes>* holder) { delete holder; }, held);
  Napi::Object out = type_to_js(env, tensor.type);
  out.Set("data", typed_array(env, tensor.type, buffer));
  return out;
}

}  // namespace

void PreparedWrap::define(Napi::Env env, Napi::Object) {
  Napi::Function constructor = DefineClass(env, "PreparedCall",
                                           {InstanceMethod<&PreparedWrap::run>("run"),
                                            InstanceMethod<&PreparedWrap::feeds>("feeds"),
                                            InstanceMethod<&PreparedWrap::outputs>("outputs")});
  MainThread::of(env).prepared_constructor = Napi::Persistent(constructor);
}

Napi::Value PreparedWrap::create(Napi::Env env, std::shared_ptr<PreparedCall> call) {
  auto external = Napi::External<std::shared_ptr<PreparedCall>>::New(env, &call);
  return MainThread::of(env).prepared_constructor.New({external});
}

// Made by Session.prepare alone; the class itself is not exported.
PreparedWrap::PreparedWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PreparedWrap>(info) {
  if (info[0].IsExternal()) {
    call_ = *info[0].As<Napi::External<std::shared_ptr<PreparedCall>>>().Data();
    return;
  }
  throw to_js(info.Env(), Error("invalid_graph", "prepare", "is made by a session"));
}

// run(step)
Napi::Value PreparedWrap::run(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    call_->run(static_cast<uint64_t>(integer_of(info[0], "step")));
    return info.Env().Undefined();
  });
}

// feeds() -> [{name, dtype, shape, data}]
Napi::Value PreparedWrap::feeds(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!feeds_.IsEmpty()) return feeds_.Value();
    Napi::Array out = Napi::Array::New(info.Env(), call_->feeds().size());
    for (uint32_t i = 0; i < call_->feeds().size(); ++i) {
      Napi::Object entry = share_tensor(info.Env(), call_->feeds()[i]);
      entry.Set("name", call_->feed_names()[i]);
      out.Set(i, entry);
    }
    feeds_ = Napi::Persistent(out.As<Napi::Object>());
    return out;
  });
}

// outputs() -> [{dtype, shape, data}]
Napi::Value PreparedWrap::outputs(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!outputs_.IsEmpty()) return outputs_.Value();
    Napi::Array out = Napi::Array::New(info.Env(), call_->outputs().size());
    for (uint32_t i = 0; i < call_->outputs().size(); ++i) {
      out.Set(i, share_tensor(info.Env(), call_->outputs()[i]));
    }
    outputs_ = Napi::Persistent(out.As<Napi::Object>());
    return out;
  });
}

}  // namespace vanda::binding
