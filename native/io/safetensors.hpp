#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/tensor.hpp"
#include "io/file.hpp"

namespace vanda {

// The safetensors format: eight bytes with the length of a JSON header, the header, the bytes of
// the tensors in one piece without holes. https://huggingface.co/docs/safetensors
struct Safetensors {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;
};

// A file whose header was read and holds what the file does; the bytes of its tensors are read when
// it is known where they belong. Throws io or corrupt_file.
class SafetensorsFile {
 public:
  struct Entry {
    std::string name;
    TensorType type;
    uint64_t begin = 0;  // in bytes from the end of the header
    uint64_t end = 0;
  };
  // Where the bytes of a tensor belong: `to` has room for all of them.
  struct Part {
    const Entry* entry;
    void* to;
  };

  explicit SafetensorsFile(const std::string& path);
  // In the order in which they lie in the file.
  const std::vector<Entry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::string& path() const { return file_.path(); }
  // Null where there is none of that name; the last one where there are several.
  const Entry* find(const std::string& name) const;
  // In pieces, on at most that many threads. What was read so far stays where reading fails.
  void read(const std::vector<Part>& parts, int threads) const;

 private:
  InputFile file_;
  uint64_t data_begin_ = 0;
  std::vector<Entry> entries_;
  std::map<std::string, std::string> metadata_;
  std::unordered_map<std::string, size_t> places_;
};

// Bounded by the file's true size before anything is allocated; throws io or corrupt_file.
Safetensors read_safetensors(const std::string& path);

// Atomic: a temporary file beside it, fsync, rename, fsync of the folder. Whoever opens the path
// sees the old file or the new one, whole.
void write_safetensors(const std::string& path, const Safetensors& content);

}  // namespace vanda
