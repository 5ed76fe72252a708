#include "binding/convert.hpp"
#include "binding/main_thread.hpp"
#include "binding/wraps.hpp"
#include "runtime/evaluate.hpp"

namespace vanda::binding {

namespace {

const napi_type_tag kSessionTag = {0x76616e64615f7365, 0x7373696f6e000001};

std::vector<NamedView> feeds_of(const Napi::Value& value) {
  if (!value.IsArray()) throw Error("invalid_feed", "", "the feeds must be a list");
  Napi::Array list = value.As<Napi::Array>();
  std::vector<NamedView> feeds;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Value entry = list.Get(i);
    if (!entry.IsObject()) throw Error("invalid_feed", "", "a feed must be a tensor");
    feeds.push_back(view_of(entry.As<Napi::Object>()));
  }
  return feeds;
}

// {name: on or off, ...}
PassOptions passes_of(const Napi::Value& value) {
  PassOptions passes;
  if (!value.IsObject()) return passes;
  for (const auto& [name, on] : attributes_of(value)) {
    require_pass(name);
    if (!std::holds_alternative<bool>(on))
      throw Error("invalid_attribute", "passes", "'" + name + "' must be true or false");
    passes.set(name, std::get<bool>(on));
  }
  return passes;
}

std::vector<Napi::ObjectReference> keep(std::initializer_list<Napi::Value> values) {
  std::vector<Napi::ObjectReference> out;
  for (const Napi::Value& value : values) out.push_back(Napi::Persistent(value.As<Napi::Object>()));
  return out;
}

}  // namespace

void SessionWrap::define(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(
      env, "Session",
      {InstanceMethod<&SessionWrap::run>("run"), InstanceMethod<&SessionWrap::run_sync>("runSync"),
       InstanceMethod<&SessionWrap::evaluate>("evaluate"),
       InstanceMethod<&SessionWrap::read_variables>("readVariables"),
       InstanceMethod<&SessionWrap::write_variables>("writeVariables"),
       InstanceMethod<&SessionWrap::plan_report>("planReport")});
  exports.Set("Session", constructor);
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionWrap>(info) {
  info.This().As<Napi::Object>().TypeTag(&kSessionTag);
  guarded(info.Env(), [&] {
    int64_t threads = integer_of(info[0], "threads");
    if (threads < 1 || threads > 1024)
      throw Error("invalid_attribute", "threads", "must be 1 to 1024");
    session = std::make_shared<Session>(static_cast<int>(threads), passes_of(info[1]));
  });
}

SessionWrap& SessionWrap::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kSessionTag)) {
    throw Error("invalid_graph", "", "a session was expected");
  }
  return *Unwrap(value.As<Napi::Object>());
}

// run(graph, feeds, flat outputs, step) -> Promise<tensors>
Napi::Value SessionWrap::run(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Request request = session->prepare(GraphWrap::from(info[0]).graph, values_of(info[2]), {});
    std::vector<NamedView> feeds = feeds_of(info[1]);
    uint64_t step = static_cast<uint64_t>(integer_of(info[3], "step"));
    return run_async(info.Env(), keep({info[1]}), [self = session, request, feeds, step]() {
      auto outputs = std::make_shared<std::vector<Tensor>>(self->run(request, feeds, step));
      return [outputs](Napi::Env env) -> Napi::Value { return tensors_to_js(env, *outputs); };
    });
  });
}

Napi::Value SessionWrap::run_sync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Request request = session->prepare(GraphWrap::from(info[0]).graph, values_of(info[2]), {});
    uint64_t step = static_cast<uint64_t>(integer_of(info[3], "step"));
    return tensors_to_js(info.Env(), session->run(request, feeds_of(info[1]), step));
  });
}

// evaluate(graph, pipeline, flat outputs, joined) -> Promise<tensors>
Napi::Value SessionWrap::evaluate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Request request = session->prepare(GraphWrap::from(info[0]).graph, values_of(info[2]), {});
    std::shared_ptr<const Pipeline> pipeline = PipelineWrap::from(info[1]).pipeline;
    std::vector<bool> joined;
    for (int64_t flag : integers_of(info[3], "joined")) joined.push_back(flag != 0);
    if (joined.size() != request.program->outputs.size()) {
      throw Error("invalid_attribute", "evaluate", "one flag for each output is needed");
    }
    return run_async(info.Env(), keep({info[1]}), [self = session, request, pipeline, joined]() {
      auto outputs =
          std::make_shared<std::vector<Tensor>>(vanda::evaluate(*self, request, pipeline, joined));
      return [outputs](Napi::Env env) -> Napi::Value { return tensors_to_js(env, *outputs); };
    });
  });
}

Napi::Value SessionWrap::read_variables(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    session->variables.sync(GraphWrap::from(info[0]).graph);
    return named_to_js(info.Env(), session->read_variables());
  });
}

Napi::Value SessionWrap::write_variables(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    session->variables.sync(GraphWrap::from(info[0]).graph);
    session->write_variables(feeds_of(info[1]));
    return info.Env().Undefined();
  });
}

// planReport(graph, [{name, dtype, shape}], flat outputs, effects)
Napi::Value SessionWrap::plan_report(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::vector<int> effects;
    for (int64_t id : integers_of(info[3], "effects")) effects.push_back(static_cast<int>(id));
    Request request = session->prepare(GraphWrap::from(info[0]).graph, values_of(info[2]), effects);
    FeedTypes types;
    Napi::Array list = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); ++i) {
      Napi::Object entry = list.Get(i).As<Napi::Object>();
      types[text_of(entry.Get("name"), "name")] = type_of(entry);
    }
    std::shared_ptr<CachedPlan> cached = session->plan_for(request, types);
    std::vector<std::string> steps = cached->plan->describe();
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("arenaBytes",
            Napi::Number::New(info.Env(), static_cast<double>(cached->plan->arena_bytes())));
    out.Set("nodes", Napi::Number::New(info.Env(), request.program->graph.size()));
    Napi::Array labels = Napi::Array::New(info.Env(), steps.size());
    for (uint32_t i = 0; i < steps.size(); ++i) labels.Set(i, steps[i]);
    out.Set("steps", labels);
    return out;
  });
}

}  // namespace vanda::binding
