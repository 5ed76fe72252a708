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
class Executor {
 public:
  static Executor& shared();
  void submit(std::function<void()> task);

 private:
  explicit Executor(int threads);
  void work();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
};

}  // namespace vanda
