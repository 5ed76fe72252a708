#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>

#include "core/error.hpp"

#include "runtime/batch_reader.hpp"
#include "runtime/session.hpp"

namespace vanda {

struct Position {
  uint64_t epoch = 0;  // epochs finished
  int64_t batch = 0;   // batches done in the present one
  uint64_t step = 0;   // steps done in all
};

using State = std::vector<std::pair<std::string, Tensor>>;

struct TrainerOptions {
  std::shared_ptr<Session> session;
  std::shared_ptr<const Pipeline> pipeline;
  Request request;  // outputs: the loss, then the metrics; effects: the updates
  size_t points_max = size_t{1} << 20;  // numbers that may wait to be drained
};

// The training loop, on a thread of its own. Nothing of the host language runs in a step; points
// are handed over in batches, and requests (stop, snapshot) are met at the next step boundary.
class Trainer {
 public:
  struct Run {
    std::optional<uint64_t> until_epoch;
    std::optional<uint64_t> until_step;
    // Called on the training thread whenever the host has drained the last batch of points.
    std::function<void()> points_ready;
    std::function<void(bool stopped, const Error* error)> done;
  };

  explicit Trainer(TrainerOptions options) : options_(std::move(options)) {}
  ~Trainer();

  void train(Run run);  // throws busy while one runs
  // Ends the run at the next step boundary, also one that waits for its next batch.
  void stop();
  bool running() const { return running_.load(); }
  Position position();
  void set_position(Position position);  // throws busy while one runs
  // Calls `take` with all variables at the next step boundary, or at once when nothing runs.
  void snapshot(std::function<void(State, Position)> take);
  // The plan of a whole batch, compiled now if it was not before.
  std::shared_ptr<CachedPlan> plan();
  // Flat rows of [step, epoch, loss, metrics...] since the last call. Where too many wait,
  // a run that somebody listens to pauses until they are drained, any other forgets the oldest.
  std::vector<double> drain_points();

 private:
  void loop(Run run);
  void step(const Batch& batch, const Run& run, Position& at);
  void read_from(BatchReader* reader);
  void serve_snapshots();
  void make_room(const Run& run);
  void keep_point(const Plan& plan, uint64_t epoch, const Position& after, const Run& run);

  // A plan bound to the pipeline's columns: whole batches have one, the remainder another.
  struct Ready {
    int64_t rows = 0;
    std::shared_ptr<CachedPlan> cached;
    std::vector<size_t> columns;  // which feed each placeholder takes
    std::vector<const void*> pointers;
  };
  Ready& ready_for(const Batch& batch);

  TrainerOptions options_;
  std::vector<Ready> ready_;  // of the training thread
  bool points_full_ = false;  // of the training thread
  std::thread thread_;
  std::atomic<bool> running_{false};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;  // of everything below
  Position position_;
  std::vector<double> points_;
  std::condition_variable points_drained_;
  bool points_announced_ = false;
  std::chrono::steady_clock::time_point announced_at_{};
  BatchReader* reader_ = nullptr;  // of the present run
  std::vector<std::function<void(State, Position)>> snapshots_;
  std::atomic<bool> snapshot_wanted_{false};
};

}  // namespace vanda
