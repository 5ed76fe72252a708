#pragma once

#include <list>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "passes/passes.hpp"
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
  std::unique_ptr<Plan> plan;
};

// Variables and the plans made for each set of feed shapes. The least recently used plans go.
class Session {
 public:
  explicit Session(int threads, PassOptions passes = {})
      : threads_(threads), passes_(std::move(passes)) {}

  // On the thread that owns the graph: takes in new variables and snapshots what is needed.
  Request prepare(const Graph& graph, const std::vector<Value>& outputs,
                  const std::vector<int>& effects);
  std::shared_ptr<CachedPlan> plan_for(const Request& request, const FeedTypes& feeds);
  // Runs without effects and copies the outputs.
  std::vector<Tensor> run(const Request& request, const std::vector<NamedView>& feeds,
                          uint64_t step);

  std::vector<std::pair<std::string, Tensor>> read_variables();
  void write_variables(const std::vector<NamedView>& values);

  VariableStore variables;
  StateLock state;
  int threads() const { return threads_; }

 private:
  static constexpr size_t kPlansMax = 24;
  struct Entry {
    std::string key;
    std::shared_ptr<CachedPlan> plan;
  };
  std::unique_ptr<Plan> compile(const Program& program, const FeedTypes& feeds);

  int threads_;
  PassOptions passes_;
  std::mutex plans_mutex_;
  std::list<Entry> plans_;  // most recently used first
};

// The feeds in the order that the plan wants.
std::vector<const void*> order_feeds(const Plan& plan, const std::vector<NamedView>& feeds);

}  // namespace vanda
