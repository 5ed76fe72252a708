#include "runtime/trainer.hpp"

#include <cmath>
#include <new>

namespace vanda {

Trainer::~Trainer() {
  stop_.store(true);
  if (!thread_.joinable()) return;
  // The callbacks of a run keep the trainer alive, so its own thread may be the last to let go.
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

void Trainer::train(Run run) {
  if (running_.exchange(true)) throw Error("busy", "train", "this trainer is already running");
  if (thread_.joinable()) thread_.join();
  stop_.store(false);
  thread_ = std::thread([this, run = std::move(run)] { loop(run); });
}

Position Trainer::position() {
  std::lock_guard lock(mutex_);
  return position_;
}

void Trainer::set_position(Position position) {
  if (running_.load()) throw Error("busy", "restore", "the trainer is running");
  std::lock_guard lock(mutex_);
  position_ = position;
}

void Trainer::snapshot(std::function<void(State, Position)> take) {
  {
    std::lock_guard lock(mutex_);
    if (running_.load()) {
      snapshots_.push_back(std::move(take));
      snapshot_wanted_.store(true);
      return;
    }
  }
  take(options_.session->read_variables(), position());
}

void Trainer::serve_snapshots() {
  std::vector<std::function<void(State, Position)>> waiting;
  {
    std::lock_guard lock(mutex_);
    waiting.swap(snapshots_);
    snapshot_wanted_.store(false);
  }
  if (waiting.empty()) return;
  State state = options_.session->read_variables();
  Position at = position();
  for (auto& take : waiting) take(state, at);
}

std::vector<double> Trainer::drain_points() {
  std::lock_guard lock(mutex_);
  points_announced_ = false;
  std::vector<double> out;
  out.swap(points_);
  return out;
}

void Trainer::loop(Run run) {
  bool stopped = false;
  std::optional<Error> failure;
  auto reached = [&run](const Position& at) {
    return (run.until_epoch && at.epoch >= *run.until_epoch) ||
           (run.until_step && at.step >= *run.until_step);
  };
  try {
    Position start = position();
    if (!reached(start)) {
      BatchReader reader(options_.pipeline, start.epoch, start.batch, run.until_epoch);
      while (!reached(position())) {
        if (stop_.load(std::memory_order_relaxed)) {
          stopped = true;
          break;
        }
        const Batch* batch = reader.next();
        if (batch == nullptr || !step(*batch, run)) break;
        if (snapshot_wanted_.load(std::memory_order_relaxed)) serve_snapshots();
      }
    }
  } catch (const Error& error) {
    failure = error;
  } catch (const std::bad_alloc&) {
    failure = Error("out_of_memory", "train", "there is not enough memory for this batch size");
  } catch (const std::exception& error) {
    failure = Error("internal", "train", error.what());
  }
  {
    // Under the lock, so that a snapshot is either queued before and served here, or sees no run.
    std::lock_guard lock(mutex_);
    running_.store(false);
  }
  serve_snapshots();
  run.done(stopped, failure ? &*failure : nullptr);
}

Trainer::Ready& Trainer::ready_for(const Batch& batch) {
  for (Ready& ready : ready_) {
    if (ready.rows == batch.rows) return ready;
  }
  FeedTypes types;
  for (const NamedView& feed : batch.feeds) types[feed.name] = feed.type;
  Ready ready;
  ready.rows = batch.rows;
  ready.cached = options_.session->plan_for(options_.request, types);
  for (const std::string& name : ready.cached->plan->feed_names()) {
    for (size_t i = 0; i < batch.feeds.size(); ++i) {
      if (batch.feeds[i].name == name) ready.columns.push_back(i);
    }
  }
  ready.pointers.resize(ready.columns.size());
  ready_.push_back(std::move(ready));
  return ready_.back();
}

bool Trainer::step(const Batch& batch, const Run& run) {
  Ready& ready = ready_for(batch);
  std::lock_guard running(ready.cached->running);
  Position at = position();
  Plan& plan = *ready.cached->plan;
  for (size_t i = 0; i < ready.columns.size(); ++i) {
    ready.pointers[i] = batch.feeds[ready.columns[i]].data;
  }
  {
    auto alone = options_.session->state.own();
    plan.run(ready.pointers, at.step);
  }
  size_t count = plan.output_types().size();
  bool finite = true;
  bool announce = false;
  {
    std::lock_guard lock(mutex_);
    ++position_.step;
    position_.batch = batch.last ? 0 : batch.index + 1;
    position_.epoch = batch.last ? batch.epoch + 1 : batch.epoch;
    points_.push_back(static_cast<double>(position_.step));
    points_.push_back(static_cast<double>(batch.epoch));
    for (size_t i = 0; i < count; ++i) {
      ConstView value{&plan.output_types()[i], plan.output(i)};
      points_.push_back(value.at(0));
      if (i == 0) finite = std::isfinite(points_.back());
    }
    announce = !points_announced_;
    points_announced_ = true;
  }
  if (announce && run.points_ready) run.points_ready();
  if (!finite) {
    throw Error("diverged", "train",
                "the loss is no longer a finite number at step " + std::to_string(at.step + 1) +
                    "; a smaller learning rate may help");
  }
  return true;
}

}  // namespace vanda
