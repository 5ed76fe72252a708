#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "backend/cpu/onednn.hpp"
#include "backend/cpu/team.hpp"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace vanda::cpu {

// What a step sees while it runs: where each buffer is, and which step of training this is.
struct RunContext {
  void* const* data = nullptr;
  uint64_t step = 0;
  int threads = 1;
};

// One kernel call of the static schedule. Buffers are numbers until the arena is laid out.
struct Step {
  std::string label;
  std::vector<int> reads;
  std::vector<int> writes;
  std::function<void(const RunContext&)> run;
  int in_place = -1;  // a read buffer that the first written one may take over
};

// A oneDNN primitive with its arguments bound to buffers; running it allocates nothing of ours.
class PrimitiveCall {
 public:
  struct Argument {
    int number;
    int buffer;
    Layout layout;
  };
  // `team`: with how many threads the primitive was made and so must run.
  PrimitiveCall(dnnl::primitive primitive, const std::vector<Argument>& arguments,
                const dnnl::stream& stream, int team);
  void operator()(const RunContext& context);

 private:
  struct Bound {
    dnnl::memory memory;
    int buffer;
    void* last;
  };
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  int team_;
  std::vector<Bound> bound_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

#ifdef __SANITIZE_THREAD__
// libgomp is not instrumented: ThreadSanitizer is told here what the fork and the join of a team
// put in order. Where the team is made, nothing is looked at, since its variables are handed over
// before anything can be said; a body is looked at as ever.
#define VANDA_MAKES_TEAM __attribute__((no_sanitize("thread")))
struct TeamOrder {
  char forked = 0;
  char joined = 0;
  void fork() { __tsan_release(&forked); }
  void begin() { __tsan_acquire(&forked); }
  void end() { __tsan_release(&joined); }
  void join() { __tsan_acquire(&joined); }
};
#else
#define VANDA_MAKES_TEAM
struct TeamOrder {
  void fork() {}
  void begin() {}
  void end() {}
  void join() {}
};
#endif

// Splits 0..count into one run of whole grains for each thread, always in the same way, so that
// results do not depend on timing. body(begin, end, thread) must not throw.
template <typename Body>
VANDA_MAKES_TEAM void parallel_for(int threads, int64_t count, int64_t grain, Body body) {
  int64_t grains = (count + grain - 1) / grain;
  int team = static_cast<int>(grains < threads ? grains : threads);
  if (team <= 1) {
    if (count > 0) body(int64_t{0}, count, 0);
    return;
  }
  auto part = [&](int index) {
    int64_t begin = grains * index / team * grain;
    int64_t end = grains * (index + 1) / team * grain;
    body(begin, end < count ? end : count, index);
  };
  if (Team* helpers = Team::current()) {
    helpers->run(team, part);
    return;
  }
  TeamOrder order;
  order.fork();
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (int index = 0; index < team; ++index) {
    order.begin();
    part(index);
    order.end();
  }
  order.join();
}

// Splits 0..count into more runs of whole grains than there are threads, the last ones the
// smallest, so that threads which get on at different speeds are done together: for work whose
// results do not depend on where it is split. body(begin, end, seat) must not throw; no two bodies
// at work have the same seat, and all are below `threads`.
template <typename Body>
void share_out(int threads, int64_t count, int64_t grain, Body body) {
  Team* helpers = Team::current();
  int64_t grains = (count + grain - 1) / grain;
  if (helpers == nullptr || threads <= 1 || grains <= threads) {
    parallel_for(threads, count, grain, body);
    return;
  }
  constexpr int kPartsMax = 64;
  int64_t begins[kPartsMax + 1] = {0};
  int parts = 0;
  while (begins[parts] < grains) {
    int64_t left = grains - begins[parts];
    int64_t share = (left + 2 * threads - 1) / (2 * threads);
    begins[parts + 1] = begins[parts] + (parts + 1 == kPartsMax ? left : share);
    ++parts;
  }
  auto part = [&](int index) {
    int64_t end = begins[index + 1] * grain;
    body(begins[index] * grain, end < count ? end : count, Team::seat());
  };
  helpers->run(parts, part);
}

}  // namespace vanda::cpu
