#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/pipeline.hpp"
#include "runtime/session.hpp"

namespace vanda {

struct Batch {
  std::vector<NamedView> feeds;
  int64_t rows = 0;
  uint64_t epoch = 0;
  int64_t index = 0;  // in the epoch
  bool last = false;  // of the epoch
};

// Fills batches ahead on threads of its own into a bounded ring of buffers. Each batch is made by
// one thread and handed out in its turn, so that what it holds does not hang on their number.
// Batches so small that handing them over would cost more are filled by whoever asks.
class BatchReader {
 public:
  BatchReader(std::shared_ptr<const Pipeline> pipeline, uint64_t epoch, int64_t batch,
              std::optional<uint64_t> end_epoch);
  ~BatchReader();
  // The next batch, valid until the next call; null after the end or a cancel. Throws what kept a
  // batch from being made.
  const Batch* next();
  // From any thread: next() gives null from now on, also to whoever waits in it.
  void cancel();

 private:
  struct Slot {
    std::vector<std::unique_ptr<AlignedBytes>> memory;
    Batch batch;
    bool full = false;
  };
  struct Job {
    size_t number;
    uint64_t epoch;
    int64_t batch;
    std::shared_ptr<const std::vector<uint32_t>> order;
  };
  static constexpr size_t kInlineBytes = size_t{64} << 10;
  bool copies_little() const;
  const Batch* next_inline();
  void work();
  // The next batch to make; waits for a free slot. None at the end.
  std::optional<Job> claim();
  // False when the reading was cancelled meanwhile.
  bool fill(Slot& slot, const Job& job, std::vector<float>& pixels);
  void describe(Slot& slot, int64_t rows);
  bool fill_column(Slot& slot, const Job& job, size_t column, std::vector<float>& pixels);
  void open_rings();
  void close_rings();

  std::shared_ptr<const Pipeline> pipeline_;
  std::vector<PictureRing*> opened_;
  bool inline_ = false;
  std::vector<Slot> slots_;
  std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  uint64_t epoch_;
  int64_t batch_;
  std::optional<uint64_t> end_epoch_;
  std::shared_ptr<const std::vector<uint32_t>> order_;  // of the present epoch
  size_t claimed_ = 0;
  size_t consumed_ = 0;  // batches that the reader is done with
  size_t taken_ = 0;     // batches handed out
  bool stop_ = false;
  std::optional<Error> failure_;
  std::vector<float> pixels_;  // of batches that the caller fills
  std::vector<std::thread> threads_;
};

}  // namespace vanda
