#pragma once

#include <napi.h>

#include "runtime/prepared.hpp"

namespace vanda::binding {

// A call with its memory: the typed arrays that JavaScript sees lie in memory of ours, which lives
// as long as either side holds it, so that run() takes nothing, checks nothing and copies no feed.
class PreparedWrap : public Napi::ObjectWrap<PreparedWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  static Napi::Value create(Napi::Env env, std::shared_ptr<PreparedCall> call);
  explicit PreparedWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value feeds(const Napi::CallbackInfo& info);
  Napi::Value outputs(const Napi::CallbackInfo& info);
  std::shared_ptr<PreparedCall> call_;
  // Made once: one piece of memory may belong to one ArrayBuffer only.
  Napi::ObjectReference feeds_;
  Napi::ObjectReference outputs_;
};

}  // namespace vanda::binding
