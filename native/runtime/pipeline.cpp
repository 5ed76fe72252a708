#include "runtime/pipeline.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <numeric>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace vanda {

MappedFile::MappedFile(const std::string& path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw Error("io", path, std::string("cannot be opened: ") + std::strerror(errno));
  struct stat info {};
  if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(file);
    throw Error("io", path, "is not a regular file");
  }
  size_ = static_cast<size_t>(info.st_size);
  if (size_ > 0) {
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
      ::close(file);
      throw Error("io", path, std::string("cannot be mapped: ") + std::strerror(errno));
    }
    data_ = static_cast<const char*>(mapped);
  }
  ::close(file);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

Pipeline::Pipeline(PipelineOptions options) : options_(std::move(options)) {
  if (options_.columns.empty()) throw Error("invalid_feed", "pipeline", "a column is needed");
  if (options_.batch_size < 1)
    throw Error("invalid_attribute", "pipeline", "batchSize must be at least 1");
  if (options_.prefetch < 1 || options_.prefetch > 64) {
    throw Error("invalid_attribute", "pipeline", "prefetch must be 1 to 64");
  }
  int64_t rows = options_.columns[0].rows;
  for (const Column& column : options_.columns) {
    column.row.validate(column.name);
    if (column.rows != rows) {
      throw Error("invalid_feed", column.name,
                  "has " + std::to_string(column.rows) + " rows where the others have " +
                      std::to_string(rows));
    }
    size_t last =
        column.row.rank() == 0 ? 1 : static_cast<size_t>(column.row[column.row.rank() - 1]);
    bool fits = column.scale.size() == column.shift.size() &&
                (column.scale.size() <= 1 || column.scale.size() == last);
    if (!fits) {
      throw Error("invalid_attribute", column.name,
                  "normalize needs one number, or one for each element of the last dim");
    }
  }
  if (rows >= int64_t{1} << 32) throw Error("limit", "pipeline", "at most 4294967295 rows");
  for (uint32_t row : options_.rows) {
    if (row >= rows) throw Error("invalid_feed", "pipeline", "a row number is outside the columns");
  }
  count_ = options_.use_rows ? static_cast<int64_t>(options_.rows.size()) : rows;
  if (count_ == 0) throw Error("invalid_feed", "pipeline", "there is no row");
  if (options_.batch_size > count_) {
    if (options_.drop_remainder) {
      throw Error("invalid_attribute", "pipeline",
                  "a batch of " + std::to_string(options_.batch_size) + " is larger than the " +
                      std::to_string(count_) + " rows, and the remainder is dropped");
    }
    options_.batch_size = count_;
  }
}

int64_t Pipeline::batches_per_epoch() const {
  int64_t size = options_.batch_size;
  return options_.drop_remainder ? count_ / size : (count_ + size - 1) / size;
}

std::vector<uint32_t> Pipeline::order(uint64_t epoch) const {
  std::vector<uint32_t> order(static_cast<size_t>(count_));
  if (options_.use_rows)
    order = options_.rows;
  else
    std::iota(order.begin(), order.end(), 0u);
  if (!options_.shuffle) return order;
  PhiloxStream random(options_.seed, epoch);
  for (size_t i = order.size() - 1; i > 0; --i) {
    std::swap(order[i], order[random.below(static_cast<uint32_t>(i + 1))]);
  }
  return order;
}

BatchReader::BatchReader(std::shared_ptr<const Pipeline> pipeline, uint64_t epoch, int64_t batch,
                         std::optional<uint64_t> end_epoch)
    : pipeline_(std::move(pipeline)), end_epoch_(end_epoch) {
  const PipelineOptions& options = pipeline_->options();
  size_t bytes = 0;
  bool copied = true;
  for (const Column& column : options.columns) {
    bytes += static_cast<size_t>(column.row.elements() * options.batch_size) *
             dtype_bytes(column.output_dtype());
    copied = copied && column.scale.empty();
  }
  bool by_caller = copied && bytes <= kInlineBytes;
  slots_.resize(by_caller ? 1 : static_cast<size_t>(options.prefetch) + 1);
  for (Slot& slot : slots_) {
    for (const Column& column : options.columns) {
      size_t elements = static_cast<size_t>(column.row.elements() * options.batch_size);
      slot.memory.push_back(
          std::make_unique<AlignedBytes>(elements * dtype_bytes(column.output_dtype())));
    }
  }
  Cursor cursor{epoch, batch, {}};
  if (by_caller)
    inline_ = std::move(cursor);
  else
    thread_ = std::thread([this, cursor = std::move(cursor)] { produce(cursor); });
}

BatchReader::~BatchReader() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

const Batch* BatchReader::next() {
  if (inline_) return fill_next(slots_[0], *inline_) ? &slots_[0].batch : nullptr;
  std::unique_lock lock(mutex_);
  consumed_ = taken_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return produced_ > taken_ || ended_; });
  if (produced_ == taken_) return nullptr;
  return &slots_[taken_++ % slots_.size()].batch;
}

// False at the end.
bool BatchReader::fill_next(Slot& slot, Cursor& cursor) {
  int64_t batches = pipeline_->batches_per_epoch();
  while (cursor.batch >= batches) {
    ++cursor.epoch;
    cursor.batch = 0;
    cursor.order.clear();
  }
  if (end_epoch_ && cursor.epoch >= *end_epoch_) return false;
  if (cursor.order.empty()) cursor.order = pipeline_->order(cursor.epoch);
  fill(slot, cursor.order, cursor.epoch, cursor.batch++);
  return true;
}

void BatchReader::produce(Cursor cursor) {
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || produced_ - consumed_ < slots_.size(); });
    if (stop_) return;
    Slot& slot = slots_[produced_ % slots_.size()];
    lock.unlock();
    bool filled = fill_next(slot, cursor);
    lock.lock();
    produced_ += filled ? 1 : 0;
    ended_ = !filled;
    changed_.notify_all();
    if (!filled) return;
  }
}

namespace {

template <typename T>
void normalize_row(const Column& column, const char* from, float* to, size_t elements) {
  const T* x = reinterpret_cast<const T*>(from);
  size_t period = column.scale.size();
  if (period == 1) {
    float scale = column.scale[0];
    float shift = column.shift[0];
    for (size_t i = 0; i < elements; ++i) to[i] = static_cast<float>(x[i]) * scale + shift;
    return;
  }
  for (size_t i = 0; i < elements; i += period) {
    for (size_t k = 0; k < period; ++k) {
      to[i + k] = static_cast<float>(x[i + k]) * column.scale[k] + column.shift[k];
    }
  }
}

void normalize_row(const Column& column, const char* from, char* to, size_t elements) {
  float* out = reinterpret_cast<float*>(to);
  switch (column.dtype) {
    case DType::f32:
      return normalize_row<float>(column, from, out, elements);
    case DType::f64:
      return normalize_row<double>(column, from, out, elements);
    case DType::i32:
      return normalize_row<int32_t>(column, from, out, elements);
    case DType::i64:
      return normalize_row<int64_t>(column, from, out, elements);
    case DType::u8:
    case DType::boolean:
      return normalize_row<uint8_t>(column, from, out, elements);
  }
}

}  // namespace

void BatchReader::fill(Slot& slot, const std::vector<uint32_t>& order, uint64_t epoch,
                       int64_t batch) {
  const PipelineOptions& options = pipeline_->options();
  int64_t first = batch * options.batch_size;
  int64_t rows = std::min(options.batch_size, pipeline_->row_count() - first);
  bool same = slot.batch.rows == rows && slot.batch.feeds.size() == options.columns.size();
  slot.batch.feeds.resize(options.columns.size());
  for (size_t c = 0; c < options.columns.size(); ++c) {
    const Column& column = options.columns[c];
    size_t elements = static_cast<size_t>(column.row.elements());
    size_t from_bytes = elements * dtype_bytes(column.dtype);
    size_t to_bytes = elements * dtype_bytes(column.output_dtype());
    char* to = static_cast<char*>(slot.memory[c]->data());
    for (int64_t r = 0; r < rows; ++r, to += to_bytes) {
      const char* from = column.data + order[static_cast<size_t>(first + r)] * from_bytes;
      if (column.scale.empty())
        std::memcpy(to, from, from_bytes);
      else
        normalize_row(column, from, to, elements);
    }
    if (same) continue;
    std::vector<int64_t> dims = {rows};
    dims.insert(dims.end(), column.row.dims().begin(), column.row.dims().end());
    slot.batch.feeds[c] = {column.name, TensorType{column.output_dtype(), Shape(std::move(dims))},
                           slot.memory[c]->data()};
  }
  slot.batch.rows = rows;
  slot.batch.epoch = epoch;
  slot.batch.index = batch;
  slot.batch.last = batch + 1 == pipeline_->batches_per_epoch();
}

}  // namespace vanda
