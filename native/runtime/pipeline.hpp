#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.hpp"
#include "runtime/augment.hpp"
#include "runtime/picture_ring.hpp"

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
  // Instead of `data`: the host makes the rows while they are needed.
  std::shared_ptr<PictureRing> ring;
  std::optional<Augment> augment;
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
  int prefetch = 2;  // batches made ahead, at most
  // Bytes that the batches made ahead may take; at least one is made.
  size_t prefetch_bytes = size_t{256} << 20;
  int threads = 1;  // that make batches
};

// Immutable once made; readers on any thread share it.
class Pipeline {
 public:
  explicit Pipeline(PipelineOptions options);
  int64_t row_count() const { return count_; }
  int64_t batches_per_epoch() const;
  // Rows of all batches of an epoch: without a remainder that is dropped.
  int64_t rows_per_epoch() const;
  const PipelineOptions& options() const { return options_; }
  // What a batch of that many rows holds, by column.
  std::map<std::string, TensorType> batch_types(int64_t rows) const;
  // How many batches a reader holds: those made ahead and the one in use.
  size_t slots() const;
  // The memory of a reader, and of the rings that it reads.
  size_t reader_bytes() const;
  // The order of rows in an epoch: Fisher-Yates over the whole set, a function of (seed, epoch).
  std::vector<uint32_t> order(uint64_t epoch) const;

 private:
  size_t batch_bytes() const;

  PipelineOptions options_;
  int64_t count_ = 0;
};

}  // namespace vanda
