#include <atomic>
#include <thread>
#include <vector>

#include "backend/cpu/steps.hpp"
#include "tests/check.hpp"

namespace vanda {
namespace {

using cpu::parallel_for;
using cpu::share_out;
using cpu::Team;

// How often each of `count` elements was worked on, after a job in each way of sharing.
std::vector<int> worked_on(int threads, int64_t count, int64_t grain) {
  std::vector<int> times(static_cast<size_t>(count), 0);
  std::vector<std::atomic<int>> seats(static_cast<size_t>(threads));
  auto work = [&](int64_t begin, int64_t end, int seat) {
    bool alone = seat >= 0 && seat < threads && seats[static_cast<size_t>(seat)]++ == 0;
    for (int64_t i = begin; i < end && alone; ++i) ++times[static_cast<size_t>(i)];
    --seats[static_cast<size_t>(seat)];
  };
  parallel_for(threads, count, grain, work);
  share_out(threads, count, grain, work);
  return times;
}

bool all_twice(const std::vector<int>& times) {
  for (int each : times) {
    if (each != 2) return false;
  }
  return true;
}

TEST("a team does every part of every job once, however many there are") {
  for (int threads : {1, 2, 3, 5}) {
    Team::Turn turn(threads, true);
    CHECK((Team::current() != nullptr) == (threads > 1));
    for (int64_t count : {0, 1, 2, 7, 12, 13, 100, 1001}) {
      for (int64_t grain : {1, 5, 12}) CHECK(all_twice(worked_on(threads, count, grain)));
    }
  }
  CHECK(Team::current() == nullptr);
}

TEST("jobs that follow one another at once keep apart, on several teams too") {
  std::atomic<int> wrong{0};
  auto jobs = [&] {
    Team::Turn turn(3, true);
    std::vector<int64_t> sums(3);
    for (int64_t job = 0; job < 4000; ++job) {
      parallel_for(3, 3, 1, [&](int64_t begin, int64_t, int part) {
        sums[static_cast<size_t>(part)] = job * 10 + begin;
      });
      for (int64_t i = 0; i < 3; ++i) {
        if (sums[static_cast<size_t>(i)] != job * 10 + i) ++wrong;
      }
    }
  };
  std::thread one(jobs);
  std::thread other(jobs);
  one.join();
  other.join();
  CHECK(wrong == 0);
}

TEST("a job within a part runs there, and a turn within a turn gives the first one back") {
  Team::Turn turn(2, true);
  Team* team = Team::current();
  std::atomic<int> done{0};
  parallel_for(2, 2, 1, [&](int64_t, int64_t, int) {
    parallel_for(2, 8, 1,
                 [&](int64_t begin, int64_t end, int) { done += static_cast<int>(end - begin); });
  });
  CHECK(done == 16);
  {
    Team::Turn inner(2, false);
    CHECK(Team::current() == nullptr);
  }
  CHECK(Team::current() == team);
}

TEST("a thread that had a team ends with it") {
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      Team::Turn turn(4, true);
      CHECK(all_twice(worked_on(4, 64, 1)));
    }).join();
  }
}

}  // namespace
}  // namespace vanda
