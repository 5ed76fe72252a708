#pragma once

#include <cstdint>
#include <string>

namespace vanda {

class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  // Reads exactly that many bytes or throws corrupt_file.
  void read(void* to, uint64_t bytes);
  // The same from a place that is no thread's own: several may read at once.
  void read_at(void* to, uint64_t bytes, uint64_t offset) const;

 private:
  std::string path_;
  int file_ = -1;
  uint64_t size_ = 0;
};

// Written under a temporary name in the same folder; commit() makes it durable and moves it into
// place. Without commit nothing of it stays.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* from, uint64_t bytes);
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  int file_ = -1;
  bool committed_ = false;
};

}  // namespace vanda
