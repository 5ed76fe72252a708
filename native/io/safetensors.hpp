#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.hpp"

namespace vanda {

// The safetensors format: eight bytes with the length of a JSON header, the header, the bytes of
// the tensors in one piece without holes. https://huggingface.co/docs/safetensors
struct Safetensors {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;
};

// Bounded by the file's true size before anything is allocated; throws io or corrupt_file.
Safetensors read_safetensors(const std::string& path);

// Atomic: a temporary file beside it, fsync, rename, fsync of the folder. Whoever opens the path
// sees the old file or the new one, whole.
void write_safetensors(const std::string& path, const Safetensors& content);

}  // namespace vanda
