#pragma once

#include <napi.h>

#include "runtime/session.hpp"

namespace vanda::binding {

// {arenaBytes, memory: {...}, steps: [label...], schedule: [{label, result, bytesRead,
// bytesWritten, meanUs?}...]}; times where the session's profiler has seen the plan run.
Napi::Object plan_to_js(Napi::Env env, const Session& session, const CachedPlan& cached);

}  // namespace vanda::binding
