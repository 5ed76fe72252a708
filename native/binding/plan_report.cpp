#include "binding/plan_report.hpp"

namespace vanda::binding {

namespace {

Napi::Number bytes(Napi::Env env, size_t count) {
  return Napi::Number::New(env, static_cast<double>(count));
}

Napi::Object memory_to_js(Napi::Env env, const PlanMemory& memory) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("arena", bytes(env, memory.arena));
  out.Set("arenaLowerBound", bytes(env, memory.arena_lower_bound));
  out.Set("weights", bytes(env, memory.weights));
  out.Set("state", bytes(env, memory.state));
  out.Set("packed", bytes(env, memory.packed));
  out.Set("constants", bytes(env, memory.constants));
  out.Set("feeds", bytes(env, memory.feeds));
  out.Set("total", bytes(env, memory.total()));
  return out;
}

}  // namespace

Napi::Object plan_to_js(Napi::Env env, const Session& session, const CachedPlan& cached) {
  const Plan& plan = *cached.plan;
  std::vector<StepInfo> steps = plan.steps();
  std::vector<double> means = session.profiler.means(plan);
  Napi::Object out = Napi::Object::New(env);
  out.Set("arenaBytes", bytes(env, plan.memory().arena));
  out.Set("memory", memory_to_js(env, plan.memory()));
  Napi::Array labels = Napi::Array::New(env, steps.size());
  Napi::Array schedule = Napi::Array::New(env, steps.size());
  for (uint32_t i = 0; i < steps.size(); ++i) {
    labels.Set(i, steps[i].label);
    Napi::Object step = Napi::Object::New(env);
    step.Set("label", steps[i].label);
    step.Set("result", steps[i].result);
    step.Set("bytesRead", bytes(env, steps[i].bytes_read));
    step.Set("bytesWritten", bytes(env, steps[i].bytes_written));
    if (i < means.size()) step.Set("meanUs", Napi::Number::New(env, means[i]));
    schedule.Set(i, step);
  }
  out.Set("steps", labels);
  out.Set("schedule", schedule);
  return out;
}

}  // namespace vanda::binding
