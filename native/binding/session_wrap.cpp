#include "binding/convert.hpp"
#include "binding/main_thread.hpp"
#include "binding/plan_report.hpp"
#include "binding/prepared_wrap.hpp"
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

Precision precision_of(const Napi::Value& value) {
  if (value.IsUndefined()) return Precision::float32;
  std::string name = text_of(value, "precision");
  if (name == "float32") return Precision::float32;
  if (name == "bfloat16") return Precision::bfloat16;
  if (name == "emulated-bfloat16") return Precision::bfloat16_emulated;
  throw Error("invalid_attribute", "precision",
              "there is no '" + name + "'; there are float32, bfloat16, emulated-bfloat16");
}

// [{name, dtype, shape}]
FeedTypes types_of(const Napi::Value& value) {
  if (!value.IsArray()) throw Error("invalid_feed", "", "the feeds must be a list");
  FeedTypes types;
  Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Value entry = list.Get(i);
    if (!entry.IsObject()) throw Error("invalid_feed", "", "a feed must have a shape");
    types[text_of(entry.As<Napi::Object>().Get("name"), "name")] =
        type_of(entry.As<Napi::Object>());
  }
  return types;
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
       InstanceMethod<&SessionWrap::load_variables>("loadVariables"),
       InstanceMethod<&SessionWrap::plan_report>("planReport"),
       InstanceMethod<&SessionWrap::prepare>("prepare"),
       InstanceMethod<&SessionWrap::start_profile>("startProfile"),
       InstanceMethod<&SessionWrap::stop_profile>("stopProfile")});
  exports.Set("Session", constructor);
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionWrap>(info) {
  info.This().As<Napi::Object>().TypeTag(&kSessionTag);
  guarded(info.Env(), [&] {
    int64_t threads = integer_of(info[0], "threads");
    if (threads < 1 || threads > 1024)
      throw Error("invalid_attribute", "threads", "must be 1 to 1024");
    SessionOptions options{static_cast<int>(threads), passes_of(info[1])};
    if (!info[2].IsUndefined()) {
      int64_t limit = integer_of(info[2], "memoryLimit");
      if (limit < 1) throw Error("invalid_attribute", "memoryLimit", "must be at least 1 byte");
      options.memory_limit = static_cast<size_t>(limit);
    }
    options.precision = precision_of(info[3]);
    session = std::make_shared<Session>(std::move(options));
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

// loadVariables(graph, path) -> Promise<undefined>
Napi::Value SessionWrap::load_variables(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    // A copy: the graph may grow on the JavaScript thread meanwhile.
    auto graph = std::make_shared<const Graph>(GraphWrap::from(info[0]).graph);
    std::string path = text_of(info[1], "path");
    return run_async(info.Env(), {}, [self = session, graph, path]() {
      self->load_variables(*graph, SafetensorsFile(path));
      return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
    });
  });
}

// planReport(graph, [{name, dtype, shape}], flat outputs, effects)
Napi::Value SessionWrap::plan_report(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Request request = session->prepare(GraphWrap::from(info[0]).graph, values_of(info[2]),
                                       effects_of(info[3]));
    return plan_to_js(info.Env(), *session, *session->plan_for(request, types_of(info[1])));
  });
}

// prepare(graph, [{name, dtype, shape}], flat outputs) -> PreparedCall
Napi::Value SessionWrap::prepare(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Request request = session->prepare(GraphWrap::from(info[0]).graph, values_of(info[2]), {});
    return PreparedWrap::create(
        info.Env(), std::make_shared<PreparedCall>(session, request, types_of(info[1])));
  });
}

Napi::Value SessionWrap::start_profile(const Napi::CallbackInfo& info) {
  session->profiler.start();
  return info.Env().Undefined();
}

// stopProfile() -> Chrome trace JSON
Napi::Value SessionWrap::stop_profile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    session->profiler.stop();
    return Napi::String::New(info.Env(), session->profiler.trace_json());
  });
}

}  // namespace vanda::binding
