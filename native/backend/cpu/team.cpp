#include "backend/cpu/team.hpp"

#include <system_error>

#ifdef __linux__
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vanda::cpu {

namespace {

// Looks at the next job before a helper falls asleep: some 200 microseconds, more than a kernel
// that one thread runs alone takes, less than anybody else on the machine would notice.
constexpr int kLooks = 6000;
// Looks between two glances at the core that one runs on.
constexpr int kLooksAtCore = 256;
// Looks at a helper that is not done before its core is offered to it.
constexpr int kLooksAtHelpers = 4000;

thread_local Team* current_team = nullptr;
// Jobs within a part are not shared again.
thread_local bool in_part = false;
thread_local int own_seat = 0;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int core_of_thread() {
#ifdef __linux__
  return ::sched_getcpu();
#else
  return -1;
#endif
}

// Two threads that wait for each other on one core are half as fast as one alone, and it takes the
// system milliseconds to part them. A hint to the system: where it has no such call or refuses,
// nothing happens.
class Whereabouts {
 public:
#ifdef __linux__
  Whereabouts() { known_ = ::sched_getaffinity(0, sizeof allowed_, &allowed_) == 0; }
  // Leaves `core`, if the calling thread is there, for any other that it was ever allowed to be on.
  void avoid(int core) {
    if (!known_ || core < 0 || core >= CPU_SETSIZE || core_of_thread() != core) return;
    cpu_set_t others = allowed_;
    CPU_CLR(core, &others);
    if (CPU_COUNT(&others) > 0) ::sched_setaffinity(0, sizeof others, &others);
  }

 private:
  cpu_set_t allowed_;
  bool known_;
#else
  void avoid(int) {}
#endif
};

}  // namespace

Team* Team::current() { return current_team; }
int Team::seat() { return own_seat; }

Team& Team::of_thread() {
  thread_local Team team;
  return team;
}

Team::Turn::Turn(int size, bool shared) : before_(current_team) {
  if (!shared || size <= 1) {
    current_team = nullptr;
    return;
  }
  current_team = &of_thread();
  current_team->grow(size);
}

Team::Turn::~Turn() { current_team = before_; }

void Team::grow(int size) {
  while (static_cast<int>(helpers_.size()) < size - 1) {
    int helper = static_cast<int>(helpers_.size());
    try {
      helpers_.emplace_back([this, helper] { help(helper); });
    } catch (const std::system_error&) {
      break;  // the system gives no more threads; those there are do it all
    }
  }
  helpers_wanted_.store(size - 1, std::memory_order_relaxed);
}

Team::~Team() {
  stopped_.store(true, std::memory_order_relaxed);
  job_.store(++number_ == 0 ? ++number_ : number_);
  job_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Team::share(int parts, Part part, void* context) {
  if (in_part || parts <= 1) {
    for (int i = 0; i < parts; ++i) part(context, i);
    return;
  }
  part_ = part;
  context_ = context;
  parts_ = parts;
  next_.store(0, std::memory_order_relaxed);
  core_.store(core_of_thread(), std::memory_order_relaxed);
  if (++number_ == 0) ++number_;
  job_.store(number_);
  job_.notify_all();
  take_parts();
  // A helper either sees that the job is closed, or is seen here: both stores are before both
  // loads.
  job_.store(0);
  for (int looks = 0; inside_.load() != 0; ++looks) {
    if (looks < kLooksAtHelpers)
      relax();
    else
      std::this_thread::yield();
  }
}

void Team::take_parts() {
  in_part = true;
  for (int part = next_.fetch_add(1, std::memory_order_relaxed); part < parts_;
       part = next_.fetch_add(1, std::memory_order_relaxed)) {
    part_(context_, part);
  }
  in_part = false;
}

void Team::help(int helper) {
  current_team = this;
  own_seat = helper + 1;
  Whereabouts whereabouts;
  uint32_t last = 0;
  int looks = 0;
  while (true) {
    uint32_t job = job_.load(std::memory_order_acquire);
    if (stopped_.load(std::memory_order_relaxed)) return;
    bool wanted = helper < helpers_wanted_.load(std::memory_order_relaxed);
    if (job != 0 && job != last && wanted) {
      inside_.fetch_add(1);
      // Only while a job is open may its parts be looked at; this one may be closed by now, and the
      // next one may be that of a smaller turn.
      job = job_.load();
      if (job != 0 && helper < helpers_wanted_.load(std::memory_order_relaxed)) take_parts();
      inside_.fetch_sub(1);
      last = job;
      looks = 0;
      continue;
    }
    if (++looks < kLooks && wanted) {
      if (looks % kLooksAtCore == 0) whereabouts.avoid(core_.load(std::memory_order_relaxed));
      relax();
      continue;
    }
    job_.wait(job, std::memory_order_acquire);
    looks = 0;
  }
}

}  // namespace vanda::cpu
