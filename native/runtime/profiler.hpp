#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.hpp"

namespace vanda {

// Collects what each step of each run took, while it is switched on; off, it costs one load a run.
class Profiler {
 public:
  // Forgets what was collected before.
  void start();
  void stop() { on_.store(false); }
  bool on() const { return on_.load(std::memory_order_relaxed); }

  // The plan must be the one that `times` are of, and held still.
  void record(const std::shared_ptr<const Plan>& plan, uint64_t step, const StepTimes& times);
  // Mean microseconds of each step of a plan; empty when it did not run while this was on.
  std::vector<double> means(const Plan& plan) const;
  // In the format of Chrome's about:tracing and of Perfetto: one event for each step of each run.
  std::string trace_json() const;

 private:
  // A training of hours must not fill the memory: what comes later only counts into the means.
  static constexpr size_t kEventsMax = 1 << 20;
  struct Run {
    const Plan* plan;
    uint64_t step;
    uint64_t thread;
    StepTimes times;
  };
  struct Total {
    std::shared_ptr<const Plan> plan;
    std::vector<int64_t> nanoseconds;
    int64_t runs = 0;
  };
  std::atomic<bool> on_{false};
  mutable std::mutex mutex_;
  std::vector<Run> runs_;
  size_t events_ = 0;
  std::map<const Plan*, Total> totals_;
};

}  // namespace vanda
