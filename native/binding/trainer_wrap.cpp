#include "binding/convert.hpp"
#include "binding/main_thread.hpp"
#include "binding/plan_report.hpp"
#include "binding/settler.hpp"
#include "binding/wraps.hpp"
#include "io/safetensors.hpp"
#include "runtime/executor.hpp"

namespace vanda::binding {

namespace {

Napi::Object position_to_js(Napi::Env env, const Position& position) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("epoch", Napi::Number::New(env, static_cast<double>(position.epoch)));
  out.Set("batch", Napi::Number::New(env, static_cast<double>(position.batch)));
  out.Set("step", Napi::Number::New(env, static_cast<double>(position.step)));
  return out;
}

std::optional<uint64_t> limit_of(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) return std::nullopt;
  int64_t number = integer_of(value, what);
  if (number < 0) throw Error("invalid_attribute", what, "may not be negative");
  return static_cast<uint64_t>(number);
}

}  // namespace

void TrainerWrap::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Trainer", DefineClass(env, "Trainer",
                                     {InstanceMethod<&TrainerWrap::train>("train"),
                                      InstanceMethod<&TrainerWrap::stop>("stop"),
                                      InstanceMethod<&TrainerWrap::position>("position"),
                                      InstanceMethod<&TrainerWrap::set_position>("setPosition"),
                                      InstanceMethod<&TrainerWrap::export_state>("exportState"),
                                      InstanceMethod<&TrainerWrap::checkpoint>("checkpoint"),
                                      InstanceMethod<&TrainerWrap::plan_report>("planReport")}));
}

// Trainer(graph, session, pipeline, flat outputs, effects)
TrainerWrap::TrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerWrap>(info) {
  guarded(info.Env(), [&] {
    TrainerOptions options;
    options.session = SessionWrap::from(info[1]).session;
    options.pipeline = PipelineWrap::from(info[2]).pipeline;
    options.request =
        options.session->prepare(GraphWrap::from(info[0]).graph, values_of(info[3]), effects_of(info[4]));
    owner_ = options.session;
    session_ = Napi::Persistent(info[1].As<Napi::Object>());
    pipeline_ = Napi::Persistent(info[2].As<Napi::Object>());
    trainer_ = std::make_shared<Trainer>(std::move(options));
  });
}

TrainerWrap::~TrainerWrap() {
  if (trainer_) trainer_->stop();
}

// train({untilEpoch?, untilStep?}, onPoints(Float64Array)) -> Promise<{stopped, position}>
Napi::Value TrainerWrap::train(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsObject() || !info[1].IsFunction())
      throw Error("invalid_attribute", "train", "takes limits and a function");
    Napi::Object limits = info[0].As<Napi::Object>();
    Trainer::Run run;
    run.until_epoch = limit_of(limits.Get("untilEpoch"), "untilEpoch");
    run.until_step = limit_of(limits.Get("untilStep"), "untilStep");
    if (!run.until_epoch && !run.until_step) {
      throw Error("invalid_attribute", "train", "untilEpoch or untilStep is needed");
    }
    if (trainer_->running()) throw Error("busy", "train", "this trainer is already running");
    auto callback =
        std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
    // The trainer's object stays alive while its thread runs.
    auto self =
        std::make_shared<Napi::ObjectReference>(Napi::Persistent(info.This().As<Napi::Object>()));
    auto settler = std::make_shared<Settler>(env);
    Napi::Promise promise = settler->promise();
    std::shared_ptr<Trainer> trainer = trainer_;
    MainThread& main = settler->main();
    auto deliver = [trainer, callback](Napi::Env env) {
      Napi::HandleScope scope(env);
      std::vector<double> points = trainer->drain_points();
      if (points.empty()) return;
      Napi::Float64Array array = Napi::Float64Array::New(env, points.size());
      for (size_t i = 0; i < points.size(); ++i) array[i] = points[i];
      try {
        callback->Call({array});
      } catch (const Napi::Error& error) {
        napi_fatal_exception(env, error.Value());
      }
    };
    run.points_ready = [&main, deliver] { main.post(deliver); };
    run.done = [&main, deliver, settler, trainer, self](bool stopped, const Error* error) {
      main.post(deliver);
      auto failure = error != nullptr ? std::make_shared<Error>(*error) : nullptr;
      Settler::settle(
          settler,
          [trainer, self, stopped](Napi::Env env) -> Napi::Value {
            Napi::Object out = Napi::Object::New(env);
            out.Set("stopped", Napi::Boolean::New(env, stopped));
            out.Set("position", position_to_js(env, trainer->position()));
            return out;
          },
          failure);
    };
    trainer_->train(std::move(run));
    return promise;
  });
}

Napi::Value TrainerWrap::stop(const Napi::CallbackInfo& info) {
  trainer_->stop();
  return info.Env().Undefined();
}

Napi::Value TrainerWrap::position(const Napi::CallbackInfo& info) {
  return position_to_js(info.Env(), trainer_->position());
}

Napi::Value TrainerWrap::set_position(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsObject()) throw Error("invalid_attribute", "restore", "takes a position");
    Napi::Object source = info[0].As<Napi::Object>();
    auto part = [&](const char* name) {
      std::optional<uint64_t> value = limit_of(source.Get(name), name);
      if (!value) throw Error("invalid_attribute", "restore", std::string(name) + " is missing");
      return *value;
    };
    Position position;
    position.epoch = part("epoch");
    position.batch = static_cast<int64_t>(part("batch"));
    position.step = part("step");
    trainer_->set_position(position);
    return info.Env().Undefined();
  });
}

// exportState() -> Promise<{tensors, position}>
Napi::Value TrainerWrap::export_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto settler = std::make_shared<Settler>(info.Env());
    Napi::Promise promise = settler->promise();
    trainer_->snapshot([settler](State state, Position position) {
      auto carried = std::make_shared<State>(std::move(state));
      Settler::settle(
          settler,
          [carried, position](Napi::Env env) -> Napi::Value {
            Napi::Object out = Napi::Object::New(env);
            out.Set("tensors", named_to_js(env, *carried));
            out.Set("position", position_to_js(env, position));
            return out;
          },
          nullptr);
    });
    return promise;
  });
}

// checkpoint(path, {key: text}) -> Promise<position>; the copy is taken at a step boundary, the
// file is written on the executor while training goes on.
Napi::Value TrainerWrap::checkpoint(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::string path = text_of(info[0], "path");
    std::map<std::string, std::string> metadata;
    Napi::Object source = info[1].As<Napi::Object>();
    Napi::Array keys = source.GetPropertyNames();
    for (uint32_t i = 0; i < keys.Length(); ++i) {
      std::string key = text_of(keys.Get(i), "metadata");
      metadata[key] = text_of(source.Get(key), "metadata");
    }
    auto settler = std::make_shared<Settler>(info.Env());
    Napi::Promise promise = settler->promise();
    trainer_->snapshot([settler, path, metadata](State state, Position position) {
      auto content = std::make_shared<Safetensors>();
      content->tensors = std::move(state);
      content->metadata = metadata;
      content->metadata["vanda.position"] = std::to_string(position.epoch) + " " +
                                            std::to_string(position.batch) + " " +
                                            std::to_string(position.step);
      Executor::shared().submit([settler, path, content, position] {
        std::shared_ptr<Error> failure;
        try {
          write_safetensors(path, *content);
        } catch (...) {
          failure = std::make_shared<Error>(from_current_exception());
        }
        Settler::settle(
            settler,
            [position](Napi::Env env) -> Napi::Value { return position_to_js(env, position); },
            failure);
      });
    });
    return promise;
  });
}

Napi::Value TrainerWrap::plan_report(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return plan_to_js(info.Env(), *owner_, *trainer_->plan());
  });
}

}  // namespace vanda::binding
