#include <thread>

#include "binding/convert.hpp"
#include "binding/settler.hpp"
#include "binding/wraps.hpp"

namespace vanda::binding {

namespace {

template <typename T>
std::vector<T> whole_numbers_of(const Napi::Object& source, const char* name) {
  Napi::Value value = source.Get(name);
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Error("invalid_feed", "skipGram", std::string(name) + " must be an Int32Array");
  }
  Napi::Int32Array array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// What a training holds of JavaScript's; made and let go on the JavaScript thread.
struct Held {
  Napi::FunctionReference callback;
  Napi::ObjectReference self;
};

Napi::Object progress_to_js(Napi::Env env, const SkipGramProgress& progress) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("epoch", static_cast<double>(progress.epoch));
  out.Set("words", static_cast<double>(progress.words));
  out.Set("loss", progress.loss);
  out.Set("rate", progress.rate);
  return out;
}

}  // namespace

void SkipGramWrap::define(Napi::Env env, Napi::Object exports) {
  exports.Set("SkipGram", DefineClass(env, "SkipGram",
                                      {InstanceMethod<&SkipGramWrap::train>("train"),
                                       InstanceMethod<&SkipGramWrap::stop>("stop"),
                                       InstanceMethod<&SkipGramWrap::state>("state"),
                                       InstanceMethod<&SkipGramWrap::restore>("restore")}));
}

// SkipGram({tokens: Int32Array, sentences, counts, dim, window, ...}); every field is there.
SkipGramWrap::SkipGramWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SkipGramWrap>(info) {
  guarded(info.Env(), [&] {
    if (!info[0].IsObject()) throw Error("invalid_attribute", "skipGram", "takes options");
    Napi::Object source = info[0].As<Napi::Object>();
    auto integer = [&](const char* name) { return integer_of(source.Get(name), name); };
    auto number = [&](const char* name) { return number_of(source.Get(name), name); };
    SkipGramOptions options;
    options.tokens = whole_numbers_of<int32_t>(source, "tokens");
    options.sentences = whole_numbers_of<int64_t>(source, "sentences");
    options.counts = whole_numbers_of<int64_t>(source, "counts");
    options.dim = integer("dim");
    options.window = integer("window");
    options.negatives = integer("negatives");
    options.epochs = integer("epochs");
    options.sample = number("sample");
    options.power = number("power");
    options.rate = number("learningRate");
    options.rate_min = number("learningRateMin");
    options.seed = static_cast<uint64_t>(integer("seed"));
    options.threads = integer("threads");
    options.lock_free = boolean_of(source.Get("lockFree"));
    skip_gram_ = std::make_shared<SkipGram>(std::move(options));
  });
}

SkipGramWrap::~SkipGramWrap() {
  if (skip_gram_) skip_gram_->stop();
}

// train(untilEpoch, onProgress({epoch, words, loss, rate})) -> Promise<{stopped, epoch}>
Napi::Value SkipGramWrap::train(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    int64_t until = integer_of(info[0], "untilEpoch");
    if (!info[1].IsFunction()) throw Error("invalid_attribute", "train", "takes a callback");
    skip_gram_->begin();
    // The object itself, and with it this one, stays alive while the thread runs.
    auto held = std::make_shared<Held>(Held{Napi::Persistent(info[1].As<Napi::Function>()),
                                            Napi::Persistent(info.This().As<Napi::Object>())});
    auto settler = std::make_shared<Settler>(env);
    Napi::Promise promise = settler->promise();
    std::thread([skip_gram = skip_gram_, until, settler, held]() mutable {
      MainThread& main = settler->main();
      auto report = [&main, &held](const SkipGramProgress& progress) {
        main.post([held, progress](Napi::Env env) {
          Napi::HandleScope scope(env);
          try {
            held->callback.Call({progress_to_js(env, progress)});
          } catch (const Napi::Error& error) {
            napi_fatal_exception(env, error.Value());
          }
        });
      };
      std::shared_ptr<Error> failure;
      bool finished = false;
      try {
        finished = skip_gram->run(until, report);
      } catch (...) {
        failure = std::make_shared<Error>(from_current_exception());
      }
      int64_t epoch = skip_gram->epoch();
      Settler::settle(
          std::move(settler),
          [finished, epoch, held = std::move(held)](Napi::Env env) -> Napi::Value {
            Napi::Object out = Napi::Object::New(env);
            out.Set("stopped", Napi::Boolean::New(env, !finished));
            out.Set("epoch", static_cast<double>(epoch));
            return out;
          },
          failure);
    }).detach();
    return promise;
  });
}

Napi::Value SkipGramWrap::stop(const Napi::CallbackInfo& info) {
  skip_gram_->stop();
  return info.Env().Undefined();
}

// state() -> {vectors, noiseVectors, epoch}, copies; throws busy while a training runs
Napi::Value SkipGramWrap::state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("vectors", tensor_to_js(info.Env(), skip_gram_->vectors()));
    out.Set("noiseVectors", tensor_to_js(info.Env(), skip_gram_->noise_vectors()));
    out.Set("epoch", static_cast<double>(skip_gram_->epoch()));
    return out;
  });
}

Napi::Value SkipGramWrap::restore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsObject()) throw Error("invalid_attribute", "restore", "takes a state");
    Napi::Object source = info[0].As<Napi::Object>();
    auto tensor = [&](const char* name) {
      if (!source.Get(name).IsObject()) throw Error("invalid_attribute", "restore", "takes a state");
      return tensor_of(source.Get(name).As<Napi::Object>());
    };
    skip_gram_->restore(tensor("vectors"), tensor("noiseVectors"),
                        integer_of(source.Get("epoch"), "epoch"));
    return info.Env().Undefined();
  });
}

}  // namespace vanda::binding
