#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "backend/cpu/onednn.hpp"

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

// Splits 0..count into one run of whole grains for each thread, always in the same way, so that
// results do not depend on timing. body(begin, end, thread) must not throw.
template <typename Body>
void parallel_for(int threads, int64_t count, int64_t grain, Body body) {
  int64_t grains = (count + grain - 1) / grain;
  int team = static_cast<int>(grains < threads ? grains : threads);
  if (team <= 1) {
    if (count > 0) body(int64_t{0}, count, 0);
    return;
  }
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (int thread = 0; thread < team; ++thread) {
    int64_t begin = grains * thread / team * grain;
    int64_t end = grains * (thread + 1) / team * grain;
    body(begin, end < count ? end : count, thread);
  }
}

}  // namespace vanda::cpu
