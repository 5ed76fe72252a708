#include "runtime/executor.hpp"

#include <algorithm>

namespace vanda {

namespace {
// Two plans overlap where one waits for memory; more would only fight for the cores.
constexpr int kThreadsMin = 2;
constexpr int kThreadsMax = 8;
}  // namespace

Executor& Executor::shared() {
  static Executor* executor = new Executor(std::clamp(
      static_cast<int>(std::thread::hardware_concurrency()) / 2, kThreadsMin, kThreadsMax));
  return *executor;
}

Executor::Executor(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void Executor::submit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Executor::work() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !tasks_.empty(); });
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace vanda
