#pragma once

#include <napi.h>

#include "core/graph.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/session.hpp"
#include "runtime/skip_gram.hpp"
#include "runtime/trainer.hpp"

namespace vanda::binding {

// One thin class for each native object; the friendly layer above is TypeScript. Handles are
// tagged by their constructors, so that a wrong object is an error and not a crash.
class GraphWrap : public Napi::ObjectWrap<GraphWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit GraphWrap(const Napi::CallbackInfo& info);
  static GraphWrap& from(const Napi::Value& value);
  Graph graph;

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value add_constant(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  Napi::Value recompute(const Napi::CallbackInfo& info);
  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value size(const Napi::CallbackInfo& info);
  Napi::Value to_json(const Napi::CallbackInfo& info);
  Napi::Value load_json(const Napi::CallbackInfo& info);
};

class SessionWrap : public Napi::ObjectWrap<SessionWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit SessionWrap(const Napi::CallbackInfo& info);
  static SessionWrap& from(const Napi::Value& value);
  std::shared_ptr<Session> session;

 private:
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value run_sync(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value read_variables(const Napi::CallbackInfo& info);
  Napi::Value write_variables(const Napi::CallbackInfo& info);
  Napi::Value load_variables(const Napi::CallbackInfo& info);
  Napi::Value plan_report(const Napi::CallbackInfo& info);
  Napi::Value prepare(const Napi::CallbackInfo& info);
  Napi::Value start_profile(const Napi::CallbackInfo& info);
  Napi::Value stop_profile(const Napi::CallbackInfo& info);
};

class PipelineWrap : public Napi::ObjectWrap<PipelineWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit PipelineWrap(const Napi::CallbackInfo& info);
  static PipelineWrap& from(const Napi::Value& value);
  std::shared_ptr<Pipeline> pipeline;

 private:
  Napi::Value row_count(const Napi::CallbackInfo& info);
  Napi::Value batches(const Napi::CallbackInfo& info);
  Napi::Value take(const Napi::CallbackInfo& info);
  Napi::Value put(const Napi::CallbackInfo& info);
  Napi::Value fail(const Napi::CallbackInfo& info);
  Napi::Value on_room(const Napi::CallbackInfo& info);
  const Column& ring_column(const Napi::Value& name) const;
  std::vector<Napi::ObjectReference> kept_;  // the typed arrays that columns point into
  std::vector<std::shared_ptr<Napi::FunctionReference>> room_calls_;
};

class TrainerWrap : public Napi::ObjectWrap<TrainerWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit TrainerWrap(const Napi::CallbackInfo& info);
  ~TrainerWrap() override;

 private:
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value position(const Napi::CallbackInfo& info);
  Napi::Value set_position(const Napi::CallbackInfo& info);
  Napi::Value export_state(const Napi::CallbackInfo& info);
  Napi::Value checkpoint(const Napi::CallbackInfo& info);
  Napi::Value plan_report(const Napi::CallbackInfo& info);
  std::shared_ptr<Trainer> trainer_;
  std::shared_ptr<Session> owner_;
  Napi::ObjectReference session_;
  Napi::ObjectReference pipeline_;
};

class SkipGramWrap : public Napi::ObjectWrap<SkipGramWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit SkipGramWrap(const Napi::CallbackInfo& info);
  ~SkipGramWrap() override;

 private:
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  std::shared_ptr<SkipGram> skip_gram_;
};

// operations() -> the table of ops, as docs/OPERATIONS.md shows it.
Napi::Value operations(const Napi::CallbackInfo& info);

}  // namespace vanda::binding
