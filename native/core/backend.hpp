#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/graph.hpp"
#include "core/pass_options.hpp"

namespace vanda {

// A variable's storage stays where it is for the life of its session; plans keep pointers to it.
struct Variable {
  std::string name;
  TensorType type;
  bool trainable = true;
  Tensor storage;
  // Counts writes, so that a plan knows when a copy in another layout has gone stale.
  std::atomic<uint64_t> version{1};
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
};

struct CompileRequest {
  const Program& program;         // optimised, every shape known
  const std::vector<int>& order;  // the schedule: node ids
  Placement (*place)(const std::vector<Lifetime>& lifetimes);
  VariableLookup variables;
  int threads = 1;
  PassOptions passes = {};  // "layout", "inPlace" and "reuse" are the backend's
};

// A compiled program with its own memory. One run at a time; the caller sees to that.
class Plan {
 public:
  virtual ~Plan() = default;
  // `feeds` in the order of feed_names(). Allocates nothing.
  virtual void run(std::span<const void* const> feeds, uint64_t step) = 0;
  // Valid until the next run.
  virtual const void* output(size_t index) const = 0;
  virtual const std::vector<TensorType>& output_types() const = 0;
  virtual const std::vector<std::string>& feed_names() const = 0;
  virtual size_t arena_bytes() const = 0;
  virtual std::vector<std::string> describe() const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Plan> compile(const CompileRequest& request) = 0;
  virtual std::string name() const = 0;
  virtual std::string isa() const = 0;
};

// Which backend this is, the linker decides: each backend folder defines this function.
Backend& linked_backend();

}  // namespace vanda
