#include "binding/main_thread.hpp"

#include <new>

#include "runtime/executor.hpp"

namespace vanda::binding {

MainThread::MainThread(Napi::Env env) {
  Napi::Function noop = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  function_ = Napi::ThreadSafeFunction::New(env, noop, "vanda", 0, 1);
  function_.Unref(env);
}

MainThread& MainThread::of(Napi::Env env) { return *env.GetInstanceData<MainThread>(); }

void MainThread::begin() {
  if (pending_++ == 0) function_.Ref(error_constructor.Env());
}

void MainThread::end() {
  if (--pending_ == 0) function_.Unref(error_constructor.Env());
}

void MainThread::post(std::function<void(Napi::Env)> task) {
  auto* carried = new std::function<void(Napi::Env)>(std::move(task));
  napi_status status = function_.NonBlockingCall(
      carried, [](Napi::Env env, Napi::Function, std::function<void(Napi::Env)>* call) {
        std::unique_ptr<std::function<void(Napi::Env)>> owned(call);
        if (env != nullptr) (*owned)(env);
      });
  if (status != napi_ok) delete carried;  // the environment is closing
}

Napi::Error to_js(Napi::Env env, const Error& error) {
  MainThread& main = MainThread::of(env);
  if (main.error_constructor.IsEmpty()) return Napi::Error::New(env, error.what());
  Napi::Object object = main.error_constructor.New({Napi::String::New(env, error.code),
                                                    Napi::String::New(env, error.op),
                                                    Napi::String::New(env, error.detail)});
  return Napi::Error(env, object);
}

Error from_current_exception() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error("out_of_memory", "", "there is not enough memory");
  } catch (const std::exception& error) {
    return Error("internal", "", error.what());
  } catch (...) {
    return Error("internal", "", "an unknown failure");
  }
}

Napi::Promise run_async(Napi::Env env, std::vector<Napi::ObjectReference> keep,
                        std::function<std::function<Napi::Value(Napi::Env)>()> work) {
  MainThread& main = MainThread::of(env);
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  auto kept = std::make_shared<std::vector<Napi::ObjectReference>>(std::move(keep));
  main.begin();
  Executor::shared().submit([&main, deferred, kept, work = std::move(work)]() mutable {
    std::function<Napi::Value(Napi::Env)> finish;
    std::shared_ptr<Error> failure;
    try {
      finish = work();
    } catch (...) {
      failure = std::make_shared<Error>(from_current_exception());
    }
    work = nullptr;
    // The references go back with the task: they may be dropped on the JavaScript thread only.
    main.post([&main, deferred, kept = std::move(kept), finish = std::move(finish),
               failure](Napi::Env env) {
      Napi::HandleScope scope(env);
      main.end();
      kept->clear();
      try {
        if (failure)
          deferred->Reject(to_js(env, *failure).Value());
        else
          deferred->Resolve(finish(env));
      } catch (const Napi::Error& error) {
        deferred->Reject(error.Value());
      } catch (...) {
        deferred->Reject(to_js(env, from_current_exception()).Value());
      }
    });
  });
  return deferred->Promise();
}

}  // namespace vanda::binding
