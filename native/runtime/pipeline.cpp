#include "runtime/pipeline.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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
  if (options_.threads < 1 || options_.threads > 64) {
    throw Error("invalid_attribute", "pipeline", "threads must be 1 to 64");
  }
  int64_t rows = options_.columns[0].rows;
  for (const Column& column : options_.columns) {
    column.row.validate(column.name);
    if (column.augment) column.augment->validate(column.name, {column.dtype, column.row});
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

int64_t Pipeline::rows_per_epoch() const {
  return options_.drop_remainder ? batches_per_epoch() * options_.batch_size : count_;
}

std::map<std::string, TensorType> Pipeline::batch_types(int64_t rows) const {
  std::map<std::string, TensorType> types;
  for (const Column& column : options_.columns) {
    std::vector<int64_t> dims = {rows};
    dims.insert(dims.end(), column.row.dims().begin(), column.row.dims().end());
    types[column.name] = TensorType{column.output_dtype(), Shape(std::move(dims))};
  }
  return types;
}

size_t Pipeline::reader_bytes() const {
  size_t bytes = batch_bytes() * slots();
  for (const Column& column : options_.columns) {
    if (column.ring) bytes += column.ring->bytes();
  }
  return bytes;
}

size_t Pipeline::batch_bytes() const {
  size_t bytes = 0;
  for (const auto& [name, type] : batch_types(options_.batch_size)) bytes += type.bytes();
  return bytes;
}

size_t Pipeline::slots() const {
  size_t fit = options_.prefetch_bytes / std::max<size_t>(1, batch_bytes());
  return std::clamp<size_t>(fit, 1, static_cast<size_t>(options_.prefetch)) + 1;
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

}  // namespace vanda
