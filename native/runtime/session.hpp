#pragma once

#include <list>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "io/safetensors.hpp"
#include "passes/passes.hpp"
#include "runtime/profiler.hpp"
#include "runtime/variables.hpp"

namespace vanda {

struct NamedView {
  std::string name;
  TensorType type;
  const void* data = nullptr;
};

// What to compute, as a snapshot that other threads may read while the graph grows.
struct Request {
  std::shared_ptr<const Program> program;
  std::string key;
};

// Who may touch the variables when: plans without effects share them, a training step and whoever
// reads or writes them from outside has them alone. The gate is passed in order of arrival, so that
// a training loop that lets go of the lock for a moment only cannot starve the others.
class StateLock {
 public:
  std::shared_lock<std::shared_mutex> share() {
    std::lock_guard gate(gate_);
    return std::shared_lock(mutex_);
  }
  std::unique_lock<std::shared_mutex> own() {
    std::lock_guard gate(gate_);
    return std::unique_lock(mutex_);
  }

 private:
  std::mutex gate_;
  std::shared_mutex mutex_;
};

// A plan with its own memory; `running` is held while it runs and while its outputs are read.
struct CachedPlan {
  std::mutex running;
  std::shared_ptr<Plan> plan;
  StepTimes times;  // of the last run that was profiled
};

struct SessionOptions {
  int threads = 1;
  PassOptions passes = {};
  // A plan that needs more bytes than this (see PlanMemory) is refused; 0: no limit.
  size_t memory_limit = 0;
  Precision precision = Precision::float32;
};

// Variables and the plans made for each set of feed shapes. The least recently used plans go.
class Session {
 public:
  explicit Session(int threads) : Session(SessionOptions{threads}) {}
  // Throws unsupported for bfloat16 where the processor has no instructions for it.
  explicit Session(SessionOptions options);

  // On the thread that owns the graph: takes in new variables and snapshots what is needed.
  Request prepare(const Graph& graph, const std::vector<Value>& outputs,
                  const std::vector<int>& effects);
  // `reserved`: bytes that whoever runs the plan needs beside it, for the limit.
  std::shared_ptr<CachedPlan> plan_for(const Request& request, const FeedTypes& feeds,
                                       size_t reserved = 0);
  // Runs a plan that the caller holds (`running` and `state`), with its share of the cores.
  void execute(CachedPlan& cached, std::span<const void* const> feeds, uint64_t step);
  // Runs and copies the outputs.
  std::vector<Tensor> run(const Request& request, const std::vector<NamedView>& feeds,
                          uint64_t step);

  std::vector<std::pair<std::string, Tensor>> read_variables();
  void write_variables(const std::vector<NamedView>& values);
  // Reads every variable of the graph from a file of safetensors, straight to where it lives.
  // corrupt_file where one is missing or of another type, before anything is written. A file that
  // ends while it is being read leaves the variables half written: until all of them have been
  // loaded or written again the session runs nothing and gives none of them out.
  void load_variables(const Graph& graph, const SafetensorsFile& file);

  VariableStore variables;
  StateLock state;
  Profiler profiler;
  int threads() const { return options_.threads; }

 private:
  static constexpr size_t kPlansMax = 24;
  struct Entry {
    std::string key;
    std::shared_ptr<CachedPlan> plan;
  };
  static constexpr size_t kRequestsMax = 64;
  std::unique_ptr<Plan> compile(const Program& program, const FeedTypes& feeds, size_t reserved);
  void admit(const PlanMemory& memory, size_t reserved) const;
  void refuse_half_written() const;

  SessionOptions options_;
  std::set<std::string> half_written_;  // variables; `state` guards it as it does their values
  std::mutex plans_mutex_;  // of the two below
  std::list<Entry> plans_;  // most recently used first
  std::map<std::string, Request> requests_;
};

// The feeds in the order that the plan wants.
std::vector<const void*> order_feeds(const Plan& plan, const std::vector<NamedView>& feeds);

}  // namespace vanda
