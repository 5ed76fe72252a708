#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vanda {

// A bounded number of threads that run plans, each with an OpenMP team of its own. Lives as long
// as the process: a plan may still be running when static objects are torn down.
//
// A task goes to the thread that was idle last. Calls that come one after the other so share one team:
// its caches are warm, and OpenMP's threads wait for the next kernel awake, which they do only while
// all teams together are no more threads than the machine has.
class Executor {
 public:
  static Executor& shared();
  void submit(std::function<void()> task);

 private:
  struct Seat {
    std::condition_variable wake;
    std::function<void()> task;
  };
  explicit Executor(int threads);
  void work(Seat& seat);
  std::mutex mutex_;
  std::vector<Seat*> idle_;                   // the one that was busy last at the end
  std::deque<std::function<void()>> tasks_;  // while none is idle
  std::deque<Seat> seats_;
  std::vector<std::thread> threads_;
};

}  // namespace vanda
