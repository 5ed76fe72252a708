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

Executor::Executor(int threads) : seats_(static_cast<size_t>(threads)) {
  for (Seat& seat : seats_) threads_.emplace_back([this, &seat] { work(seat); });
}

void Executor::submit(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    tasks_.push_back(std::move(task));
    return;
  }
  Seat* seat = idle_.back();
  idle_.pop_back();
  seat->task = std::move(task);
  seat->wake.notify_one();
}

void Executor::work(Seat& seat) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (tasks_.empty()) {
      idle_.push_back(&seat);
      seat.wake.wait(lock, [&seat] { return seat.task != nullptr; });
    } else {
      seat.task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    std::function<void()> task = std::move(seat.task);
    seat.task = nullptr;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace vanda
