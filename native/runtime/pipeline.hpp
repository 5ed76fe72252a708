#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/tensor.hpp"
#include "runtime/session.hpp"

namespace vanda {

// A file mapped read-only; unmapped when the last user lets go.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// One column: rows of equal shape, one after the other in memory.
struct Column {
  std::string name;
  DType dtype = DType::f32;
  Shape row;  // of one row
  const char* data = nullptr;
  int64_t rows = 0;
  std::shared_ptr<MappedFile> file;
  // y = x * scale + shift; one number, or one for each element of the last dim. Empty: as it is.
  std::vector<float> scale;
  std::vector<float> shift;

  DType output_dtype() const { return scale.empty() ? dtype : DType::f32; }
};

struct PipelineOptions {
  std::vector<Column> columns;
  std::vector<uint32_t> rows;  // a subset; empty: all
  bool use_rows = false;
  int64_t batch_size = 1;
  bool shuffle = false;
  uint64_t seed = 0;
  bool drop_remainder = false;
  int prefetch = 2;
};

// Immutable once made; readers on any thread share it.
class Pipeline {
 public:
  explicit Pipeline(PipelineOptions options);
  int64_t row_count() const { return count_; }
  int64_t batches_per_epoch() const;
  const PipelineOptions& options() const { return options_; }
  // The order of rows in an epoch: Fisher-Yates over the whole set, a function of (seed, epoch).
  std::vector<uint32_t> order(uint64_t epoch) const;

 private:
  PipelineOptions options_;
  int64_t count_ = 0;
};

struct Batch {
  std::vector<NamedView> feeds;
  int64_t rows = 0;
  uint64_t epoch = 0;
  int64_t index = 0;  // in the epoch
  bool last = false;  // of the epoch
};

// Fills batches ahead on its own thread into a bounded ring of buffers; batches so small that handing
// them over would cost more than filling them are filled by whoever asks.
class BatchReader {
 public:
  BatchReader(std::shared_ptr<const Pipeline> pipeline, uint64_t epoch, int64_t batch,
              std::optional<uint64_t> end_epoch);
  ~BatchReader();
  // The next batch, valid until the next call; null after the end.
  const Batch* next();

 private:
  struct Slot {
    std::vector<std::unique_ptr<AlignedBytes>> memory;
    Batch batch;
  };
  // Where the next batch begins.
  struct Cursor {
    uint64_t epoch = 0;
    int64_t batch = 0;
    std::vector<uint32_t> order;
  };
  void produce(Cursor cursor);
  bool fill_next(Slot& slot, Cursor& cursor);
  void fill(Slot& slot, const std::vector<uint32_t>& order, uint64_t epoch, int64_t batch);

  static constexpr size_t kInlineBytes = size_t{64} << 10;

  std::shared_ptr<const Pipeline> pipeline_;
  std::optional<uint64_t> end_epoch_;
  std::vector<Slot> slots_;
  std::optional<Cursor> inline_;  // of batches that the caller fills
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t produced_ = 0;
  size_t consumed_ = 0;  // batches that the reader is done with
  size_t taken_ = 0;     // batches handed out
  bool stop_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace vanda
