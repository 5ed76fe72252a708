#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "core/error.hpp"

namespace vanda::binding {

// Brings work from native threads back to the JavaScript thread. One for each environment; it keeps
// the process alive only while something is pending.
class MainThread {
 public:
  explicit MainThread(Napi::Env env);
  static MainThread& of(Napi::Env env);

  // From the JavaScript thread: something will be posted later / has arrived.
  void begin();
  void end();
  // From any thread.
  void post(std::function<void(Napi::Env)> task);

  Napi::FunctionReference error_constructor;
  Napi::FunctionReference prepared_constructor;

 private:
  Napi::ThreadSafeFunction function_;
  int pending_ = 0;
};

// The JavaScript error for one of ours (an EngineError where the face has registered its class).
Napi::Error to_js(Napi::Env env, const Error& error);
Error from_current_exception();

// Calls body and turns what it throws into a JavaScript exception.
template <typename Body>
auto guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js(env, from_current_exception());
  }
}

// Runs `work` on the executor, then `finish` on the JavaScript thread with its result; the promise
// settles with what finish returns. `keep` is held alive until then.
Napi::Promise run_async(Napi::Env env, std::vector<Napi::ObjectReference> keep,
                        std::function<std::function<Napi::Value(Napi::Env)>()> work);

}  // namespace vanda::binding
