#pragma once

#include "binding/main_thread.hpp"

namespace vanda::binding {

// A promise that any thread may settle once.
class Settler {
 public:
  explicit Settler(Napi::Env env)
      : main_(MainThread::of(env)), deferred_(Napi::Promise::Deferred::New(env)) {
    main_.begin();
  }
  Napi::Promise promise() const { return deferred_.Promise(); }
  MainThread& main() const { return main_; }
  // `self` keeps this alive until the JavaScript thread has it.
  static void settle(std::shared_ptr<Settler> self, std::function<Napi::Value(Napi::Env)> result,
                     std::shared_ptr<Error> failure) {
    MainThread& main = self->main_;
    main.post([self = std::move(self), result = std::move(result), failure](Napi::Env env) {
      Napi::HandleScope scope(env);
      self->main_.end();
      if (failure)
        self->deferred_.Reject(to_js(env, *failure).Value());
      else
        self->deferred_.Resolve(result(env));
    });
  }

 private:
  MainThread& main_;
  Napi::Promise::Deferred deferred_;
};

}  // namespace vanda::binding
