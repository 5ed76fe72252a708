#include "runtime/batch_reader.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.hpp"

namespace vanda {

namespace {

template <typename T>
void normalize_row(const Column& column, const T* x, float* to, size_t elements) {
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

template <typename T>
const T* as(const char* from) {
  return reinterpret_cast<const T*>(from);
}

void normalize_bytes(const Column& column, const char* from, float* to, size_t elements) {
  switch (column.dtype) {
    case DType::f32:
      return normalize_row(column, as<float>(from), to, elements);
    case DType::f64:
      return normalize_row(column, as<double>(from), to, elements);
    case DType::i32:
      return normalize_row(column, as<int32_t>(from), to, elements);
    case DType::i64:
      return normalize_row(column, as<int64_t>(from), to, elements);
    case DType::u8:
    case DType::boolean:
      return normalize_row(column, as<uint8_t>(from), to, elements);
  }
}

// What was changed leaves in the dtype of the column, or normalised.
void store_pixels(const Column& column, const float* pixels, char* to, size_t elements) {
  if (!column.scale.empty()) {
    normalize_row(column, pixels, reinterpret_cast<float*>(to), elements);
  } else if (column.dtype == DType::f32) {
    std::memcpy(to, pixels, elements * sizeof(float));
  } else {
    for (size_t i = 0; i < elements; ++i) {
      to[i] = static_cast<char>(static_cast<uint8_t>(
          std::clamp(std::nearbyint(pixels[i]), 0.0f, 255.0f)));
    }
  }
}

}  // namespace

BatchReader::BatchReader(std::shared_ptr<const Pipeline> pipeline, uint64_t epoch, int64_t batch,
                         std::optional<uint64_t> end_epoch)
    : pipeline_(std::move(pipeline)), epoch_(epoch), batch_(batch), end_epoch_(end_epoch) {
  const PipelineOptions& options = pipeline_->options();
  inline_ = copies_little();
  slots_.resize(inline_ ? 1 : pipeline_->slots());
  for (Slot& slot : slots_) {
    for (const Column& column : options.columns) {
      size_t elements = static_cast<size_t>(column.row.elements() * options.batch_size);
      slot.memory.push_back(
          std::make_unique<AlignedBytes>(elements * dtype_bytes(column.output_dtype())));
    }
  }
  open_rings();
  for (int i = 0; i < options.threads && !inline_; ++i) threads_.emplace_back([this] { work(); });
}

BatchReader::~BatchReader() {
  cancel();
  for (std::thread& thread : threads_) thread.join();
}

void BatchReader::open_rings() {
  const PipelineOptions& options = pipeline_->options();
  uint64_t per_epoch = static_cast<uint64_t>(pipeline_->rows_per_epoch());
  uint64_t first = epoch_ * per_epoch + static_cast<uint64_t>(batch_ * options.batch_size);
  std::optional<uint64_t> end;
  if (end_epoch_) end = *end_epoch_ * per_epoch;
  auto order = [pipeline = pipeline_.get()](uint64_t epoch) { return pipeline->order(epoch); };
  try {
    for (const Column& column : options.columns) {
      if (!column.ring) continue;
      column.ring->open(first, end, per_epoch, order);
      opened_.push_back(column.ring.get());
    }
  } catch (const Error&) {
    // Another reader has one of them; those that this one has opened are free again.
    close_rings();
    throw;
  }
}

void BatchReader::close_rings() {
  for (PictureRing* ring : opened_) ring->close();
}

void BatchReader::cancel() {
  {
    std::lock_guard lock(mutex_);
    if (stop_) return;
    stop_ = true;
  }
  close_rings();
  changed_.notify_all();
}

bool BatchReader::copies_little() const {
  size_t bytes = 0;
  for (const Column& column : pipeline_->options().columns) {
    if (column.ring || column.augment || !column.scale.empty()) return false;
    bytes += static_cast<size_t>(column.row.elements() * pipeline_->options().batch_size) *
             dtype_bytes(column.output_dtype());
  }
  return bytes <= kInlineBytes;
}

const Batch* BatchReader::next_inline() {
  {
    std::lock_guard lock(mutex_);
    consumed_ = taken_;
  }
  std::optional<Job> job = claim();
  if (!job) return nullptr;
  fill(slots_[0], *job, pixels_);
  ++taken_;
  return &slots_[0].batch;
}

const Batch* BatchReader::next() {
  if (inline_) return next_inline();
  std::unique_lock lock(mutex_);
  consumed_ = taken_;
  if (taken_ > 0) slots_[(taken_ - 1) % slots_.size()].full = false;
  changed_.notify_all();
  Slot& slot = slots_[taken_ % slots_.size()];
  auto ended = [&] { return end_epoch_ && epoch_ >= *end_epoch_ && taken_ == claimed_; };
  changed_.wait(lock, [&] { return stop_ || failure_ || slot.full || ended(); });
  if (failure_) throw *failure_;
  if (stop_ || !slot.full) return nullptr;
  ++taken_;
  return &slot.batch;
}

std::optional<BatchReader::Job> BatchReader::claim() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || claimed_ - consumed_ < slots_.size(); });
  if (stop_ || (end_epoch_ && epoch_ >= *end_epoch_)) return std::nullopt;
  if (!order_) order_ = std::make_shared<const std::vector<uint32_t>>(pipeline_->order(epoch_));
  Job job{claimed_++, epoch_, batch_, order_};
  if (++batch_ == pipeline_->batches_per_epoch()) {
    ++epoch_;
    batch_ = 0;
    order_.reset();
  }
  return job;
}

void BatchReader::work() {
  std::vector<float> pixels;
  std::optional<Error> failure;
  try {
    while (std::optional<Job> job = claim()) {
      Slot& slot = slots_[job->number % slots_.size()];
      if (!fill(slot, *job, pixels)) return;
      std::lock_guard lock(mutex_);
      slot.full = true;
      changed_.notify_all();
    }
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error("internal", "pipeline", error.what());
  }
  std::lock_guard lock(mutex_);
  if (failure && !failure_) failure_ = failure;
  changed_.notify_all();
}

bool BatchReader::fill(Slot& slot, const Job& job, std::vector<float>& pixels) {
  const PipelineOptions& options = pipeline_->options();
  int64_t first = job.batch * options.batch_size;
  int64_t rows = std::min(options.batch_size, pipeline_->row_count() - first);
  if (slot.batch.rows != rows) describe(slot, rows);
  slot.batch.epoch = job.epoch;
  slot.batch.index = job.batch;
  slot.batch.last = job.batch + 1 == pipeline_->batches_per_epoch();
  for (size_t c = 0; c < options.columns.size(); ++c) {
    if (!fill_column(slot, job, c, pixels)) return false;
  }
  return true;
}

bool BatchReader::fill_column(Slot& slot, const Job& job, size_t c, std::vector<float>& pixels) {
  const PipelineOptions& options = pipeline_->options();
  const Column& column = options.columns[c];
  int64_t rows = slot.batch.rows;
  size_t first = static_cast<size_t>(job.batch * options.batch_size);
  size_t elements = static_cast<size_t>(column.row.elements());
  size_t from_bytes = elements * dtype_bytes(column.dtype);
  size_t to_bytes = elements * dtype_bytes(column.output_dtype());
  char* to = static_cast<char*>(slot.memory[c]->data());
  uint64_t per_epoch = static_cast<uint64_t>(pipeline_->rows_per_epoch());
  if (column.augment) pixels.resize(elements);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r, to += to_bytes) {
    uint32_t item = (*job.order)[first + r];
    uint64_t sequence = job.epoch * per_epoch + first + r;
    const char* from = column.ring ? column.ring->wait(sequence) : column.data + item * from_bytes;
    if (from == nullptr) return false;
    if (column.augment) {
      AugmentDraw draw = draw_augment(*column.augment, options.seed, job.epoch, item);
      if (column.dtype == DType::u8)
        augment_picture(as<uint8_t>(from), pixels.data(), column.row, draw);
      else
        augment_picture(as<float>(from), pixels.data(), column.row, draw);
      store_pixels(column, pixels.data(), to, elements);
    } else if (column.scale.empty()) {
      std::memcpy(to, from, from_bytes);
    } else {
      normalize_bytes(column, from, reinterpret_cast<float*>(to), elements);
    }
    if (column.ring) column.ring->release(sequence);
  }
  return true;
}

// Names and types stay from batch to batch but for a remainder: nothing is allocated on the way.
void BatchReader::describe(Slot& slot, int64_t rows) {
  std::map<std::string, TensorType> types = pipeline_->batch_types(rows);
  slot.batch.rows = rows;
  slot.batch.feeds.clear();
  for (size_t c = 0; c < slot.memory.size(); ++c) {
    const std::string& name = pipeline_->options().columns[c].name;
    slot.batch.feeds.push_back({name, types.at(name), slot.memory[c]->data()});
  }
}

}  // namespace vanda
