#include "runtime/profiler.hpp"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <thread>

namespace vanda {

void Profiler::start() {
  std::lock_guard lock(mutex_);
  runs_.clear();
  totals_.clear();
  events_ = 0;
  on_.store(true);
}

void Profiler::record(const std::shared_ptr<const Plan>& plan, uint64_t step,
                      const StepTimes& times) {
  uint64_t thread = std::hash<std::thread::id>{}(std::this_thread::get_id()) & 0xffffffu;
  std::lock_guard lock(mutex_);
  Total& total = totals_[plan.get()];
  total.plan = plan;
  total.nanoseconds.resize(times.begin.size(), 0);
  for (size_t i = 0; i < times.begin.size(); ++i) {
    total.nanoseconds[i] += times.end[i] - times.begin[i];
  }
  ++total.runs;
  if (events_ + times.begin.size() > kEventsMax) return;
  events_ += times.begin.size();
  runs_.push_back({plan.get(), step, thread, times});
}

std::vector<double> Profiler::means(const Plan& plan) const {
  std::lock_guard lock(mutex_);
  std::vector<double> means;
  auto found = totals_.find(&plan);
  if (found == totals_.end()) return means;
  for (int64_t sum : found->second.nanoseconds) {
    means.push_back(static_cast<double>(sum) / 1000.0 / static_cast<double>(found->second.runs));
  }
  return means;
}

std::string Profiler::trace_json() const {
  std::lock_guard lock(mutex_);
  std::map<const Plan*, std::vector<StepInfo>> steps;
  for (const auto& [plan, total] : totals_) steps[plan] = plan->steps();
  int64_t origin = 0;
  for (const Run& run : runs_) {
    if (run.times.begin.empty()) continue;
    origin = origin == 0 ? run.times.begin[0] : std::min(origin, run.times.begin[0]);
  }
  std::ostringstream out;
  out.setf(std::ios::fixed);
  out.precision(3);
  out << "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
  bool first = true;
  for (const Run& run : runs_) {
    for (size_t i = 0; i < run.times.begin.size(); ++i) {
      const StepInfo& info = steps[run.plan][i];
      // Labels and types are our own words: letters, digits, brackets, plus signs.
      out << (first ? "\n" : ",\n") << "{\"name\":\"" << info.label
          << "\",\"cat\":\"step\",\"ph\":\"X\",\"pid\":" << ::getpid() << ",\"tid\":" << run.thread
          << ",\"ts\":" << static_cast<double>(run.times.begin[i] - origin) / 1000.0
          << ",\"dur\":" << static_cast<double>(run.times.end[i] - run.times.begin[i]) / 1000.0
          << ",\"args\":{\"step\":" << run.step << ",\"result\":\"" << info.result
          << "\",\"bytesRead\":" << info.bytes_read << ",\"bytesWritten\":" << info.bytes_written
          << "}}";
      first = false;
    }
  }
  out << "\n]}\n";
  return out.str();
}

}  // namespace vanda
