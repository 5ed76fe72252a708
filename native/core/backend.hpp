#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/graph.hpp"
#include "core/pass_options.hpp"

namespace vanda {

// A variable's value in a form that a backend likes better; plans that want the same form share it.
class VariableCopy {
 public:
  virtual ~VariableCopy() = default;
};

// A variable's storage stays where it is for the life of its session; plans keep pointers to it.
struct Variable {
  std::string name;
  TensorType type;
  bool trainable = true;
  Tensor storage;
  // Counts writes, so that a plan knows when a copy in another layout has gone stale.
  std::atomic<uint64_t> version{1};
  std::mutex copies_mutex;
  std::vector<std::weak_ptr<VariableCopy>> copies;  // of the plans that are alive
};

// Finds a variable by name; throws unknown_name.
using VariableLookup = std::function<Variable&(const std::string& name)>;

// When a buffer is first written and last read, as positions in the schedule.
struct Lifetime {
  size_t bytes = 0;
  int first = 0;
  int last = 0;
};
struct Placement {
  std::vector<size_t> offsets;
  size_t total = 0;
  size_t lower_bound = 0;  // what lives at one time, at most: no placement needs less
};

// Where the memory of a plan goes, in bytes. Known before it runs.
struct PlanMemory {
  size_t arena = 0;  // everything that a run writes
  size_t arena_lower_bound = 0;
  size_t weights = 0;    // trainable variables that the plan reads or writes
  size_t state = 0;      // the other variables: optimizer slots, running statistics
  size_t packed = 0;     // copies of variables in the layout of a kernel
  size_t constants = 0;  // of the graph
  size_t feeds = 0;      // one batch of the plan's inputs
  size_t total() const { return arena + weights + state + packed + constants + feeds; }
};

class Plan;

struct CompileRequest {
  const Program& program;         // optimised, every shape known
  const std::vector<int>& order;  // the schedule: node ids
  Placement (*place)(const std::vector<Lifetime>& lifetimes);
  VariableLookup variables;
  int threads = 1;
  PassOptions passes = {};  // "layout", "inPlace" and "reuse" are the backend's
  // Compiles a graph that a node of control flow holds, under the same settings.
  std::function<std::unique_ptr<Plan>(const Program& body, const std::vector<TensorType>& inputs)>
      compile_body = nullptr;
  // Called before the arena is made; what it throws ends the compilation.
  std::function<void(const PlanMemory& memory)> admit = nullptr;
  // Instructions for bfloat16 make the products whose factors were rounded to it.
  bool bf16_products = false;
};

// One kernel call of a plan's schedule, for people.
struct StepInfo {
  std::string label;
  std::string result;  // type and layout of what it writes
  size_t bytes_read = 0;
  size_t bytes_written = 0;
};

// The begin and the end of each step of a run, in nanoseconds of the steady clock.
struct StepTimes {
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
};

// A compiled program with its own memory. One run at a time; the caller sees to that.
class Plan {
 public:
  virtual ~Plan() = default;
  // `feeds` in the order of feed_names(). Allocates nothing. `times` is filled where it is given.
  virtual void run(std::span<const void* const> feeds, uint64_t step,
                   StepTimes* times = nullptr) = 0;
  // Valid until the next run.
  virtual const void* output(size_t index) const = 0;
  virtual const std::vector<TensorType>& output_types() const = 0;
  virtual const std::vector<std::string>& feed_names() const = 0;
  virtual const std::vector<TensorType>& feed_types() const = 0;
  virtual const PlanMemory& memory() const = 0;
  virtual std::vector<StepInfo> steps() const = 0;
};

// What training word vectors needs beside plans: its loop is no graph. `random_words` fills whole
// blocks of four words of the counter-based generator; `skip_gram` learns one window, all of its
// contexts against the same targets (rows of floats), and gives the loss where that is asked for.
struct WordKernels {
  void (*random_words)(uint32_t* out, uint64_t first, int64_t blocks, const uint32_t* key,
                       uint64_t stream);
  void (*skip_gram)(float* const* contexts, int count, float* const* targets, int target_count,
                    int64_t width, float rate, float* loss);
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Plan> compile(const CompileRequest& request) = 0;
  virtual WordKernels word_kernels() const = 0;
  virtual std::string name() const = 0;
  virtual std::string isa() const = 0;
  // Whether it has instructions for products of bfloat16.
  virtual bool has_bf16() const = 0;
};

// Which backend this is, the linker decides: each backend folder defines this function.
Backend& linked_backend();

}  // namespace vanda
