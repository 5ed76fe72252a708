#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace vanda {

// The cores that plans may use, in the whole process. A plan runs with a team of a set size, since
// its results depend on it; teams that would not fit beside each other take turns, in order of
// arrival, instead of fighting for the cores. A plan never waits here while it holds what another
// one needs to go on: it takes its cores last.
class CoreBudget {
 public:
  static CoreBudget& shared();  // of all cores
  explicit CoreBudget(int cores) : cores_(cores), free_(cores) {}

  class Share {
   public:
    Share(CoreBudget& budget, int cores) : budget_(budget), cores_(cores) {}
    ~Share() { budget_.give(cores_); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    CoreBudget& budget_;
    int cores_;
  };
  // Waits until that many cores are free (all of them, where there are fewer).
  Share take(int wanted);

 private:
  friend class Share;
  void give(int cores);

  const int cores_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
  uint64_t next_ = 0;     // ticket of whoever comes next
  uint64_t serving_ = 0;  // ticket whose turn it is
};

}  // namespace vanda
