#include "runtime/core_budget.hpp"

#include <algorithm>
#include <thread>

namespace vanda {

CoreBudget& CoreBudget::shared() {
  static auto* budget =
      new CoreBudget(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  return *budget;
}

CoreBudget::Share CoreBudget::take(int wanted) {
  int cores = std::clamp(wanted, 1, cores_);
  std::unique_lock lock(mutex_);
  uint64_t ticket = next_++;
  changed_.wait(lock, [&] { return serving_ == ticket && free_ >= cores; });
  free_ -= cores;
  ++serving_;
  // What is left may be enough for the one behind.
  if (free_ > 0 && next_ != serving_) changed_.notify_all();
  return Share(*this, cores);
}

void CoreBudget::give(int cores) {
  std::lock_guard lock(mutex_);
  free_ += cores;
  if (next_ != serving_) changed_.notify_all();
}

}  // namespace vanda
