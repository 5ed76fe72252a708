#include "runtime/trainer.hpp"

#include <cmath>
#include <new>

namespace vanda {

namespace {

template <typename Call>
class Finally {
 public:
  explicit Finally(Call call) : call_(std::move(call)) {}
  ~Finally() { call_(); }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;

 private:
  Call call_;
};

}  // namespace

Trainer::~Trainer() {
  stop();
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

void Trainer::read_from(BatchReader* reader) {
  std::lock_guard lock(mutex_);
  reader_ = reader;
  if (reader_ != nullptr && stop_.load()) reader_->cancel();
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
  std::vector<double> out;
  {
    std::lock_guard lock(mutex_);
    points_announced_ = false;
    out.swap(points_);
  }
  points_drained_.notify_all();
  return out;
}

void Trainer::stop() {
  {
    // Under the lock, so that a loop that is about to wait for its points to be drained sees it.
    std::lock_guard lock(mutex_);
    stop_.store(true);
    if (reader_ != nullptr) reader_->cancel();
  }
  points_drained_.notify_all();
}

void Trainer::loop(Run run) {
  bool stopped = false;
  std::optional<Error> failure;
  auto reached = [&run](const Position& at) {
    return (run.until_epoch && at.epoch >= *run.until_epoch) ||
           (run.until_step && at.step >= *run.until_step);
  };
  try {
    Position at = position();
    if (!reached(at)) {
      BatchReader reader(options_.pipeline, at.epoch, at.batch, run.until_epoch);
      read_from(&reader);
      Finally forget([this] { read_from(nullptr); });
      while (!reached(at)) {
        if (stop_.load(std::memory_order_relaxed)) {
          stopped = true;
          break;
        }
        const Batch* batch = reader.next();
        if (batch == nullptr) {
          stopped = stop_.load();
          break;
        }
        step(*batch, run, at);
        if (points_full_) make_room(run);
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

std::shared_ptr<CachedPlan> Trainer::plan() {
  const Pipeline& pipeline = *options_.pipeline;
  return options_.session->plan_for(options_.request,
                                    pipeline.batch_types(pipeline.options().batch_size),
                                    pipeline.reader_bytes());
}

Trainer::Ready& Trainer::ready_for(const Batch& batch) {
  for (Ready& ready : ready_) {
    if (ready.rows == batch.rows) return ready;
  }
  FeedTypes types;
  for (const NamedView& feed : batch.feeds) types[feed.name] = feed.type;
  Ready ready;
  ready.rows = batch.rows;
  ready.cached = options_.session->plan_for(options_.request, types,
                                             options_.pipeline->reader_bytes());
  for (const std::string& name : ready.cached->plan->feed_names()) {
    for (size_t i = 0; i < batch.feeds.size(); ++i) {
      if (batch.feeds[i].name == name) ready.columns.push_back(i);
    }
  }
  ready.pointers.resize(ready.columns.size());
  ready_.push_back(std::move(ready));
  return ready_.back();
}

// `at` is the training thread's own copy of the position; others see it when the step is done.
void Trainer::step(const Batch& batch, const Run& run, Position& at) {
  Ready& ready = ready_for(batch);
  std::lock_guard running(ready.cached->running);
  Plan& plan = *ready.cached->plan;
  for (size_t i = 0; i < ready.columns.size(); ++i) {
    ready.pointers[i] = batch.feeds[ready.columns[i]].data;
  }
  {
    auto alone = options_.session->state.own();
    options_.session->execute(*ready.cached, ready.pointers, at.step);
  }
  ++at.step;
  at.batch = batch.last ? 0 : batch.index + 1;
  at.epoch = batch.last ? batch.epoch + 1 : batch.epoch;
  keep_point(plan, batch.epoch, at, run);
  if (std::isfinite(ConstView{&plan.output_types()[0], plan.output(0)}.at(0))) return;
  throw Error("diverged", "train",
              "the loss is no longer a finite number at step " + std::to_string(at.step) +
                  "; a smaller learning rate may help");
}

// Between two steps, when no lock is held that whoever drains the points may be waiting for.
void Trainer::make_room(const Run& run) {
  std::unique_lock lock(mutex_);
  points_full_ = false;
  if (run.points_ready) {
    points_drained_.wait(lock, [this] {
      return points_.size() < options_.points_max || stop_.load();
    });
    return;
  }
  size_t width = ready_[0].cached->plan->output_types().size() + 2;
  int64_t half = static_cast<int64_t>(points_.size() / width / 2 * width);
  points_.erase(points_.begin(), points_.begin() + half);
}

void Trainer::keep_point(const Plan& plan, uint64_t epoch, const Position& after,
                         const Run& run) {
  // Steps of microseconds are announced many at a time, slow ones each by itself.
  constexpr size_t kAnnouncedPoints = 4096;
  constexpr auto kAnnouncedEvery = std::chrono::milliseconds(20);
  bool announce = false;
  {
    std::lock_guard lock(mutex_);
    position_ = after;
    size_t count = plan.output_types().size();
    points_.push_back(static_cast<double>(after.step));
    points_.push_back(static_cast<double>(epoch));
    for (size_t i = 0; i < count; ++i) {
      points_.push_back(ConstView{&plan.output_types()[i], plan.output(i)}.at(0));
    }
    points_full_ = points_.size() >= options_.points_max;
    if (run.points_ready && !points_announced_) {
      auto now = std::chrono::steady_clock::now();
      announce = points_.size() >= kAnnouncedPoints || now - announced_at_ >= kAnnouncedEvery;
      if (announce) announced_at_ = now;
      points_announced_ = announce;
    }
  }
  if (announce) run.points_ready();
}

}  // namespace vanda
