#pragma once

#include <vector>

#include "core/shape.hpp"

namespace vanda::cpu {

// How to read an operand of any element size in the order of the output that it broadcasts to.
class BroadcastReader {
 public:
  BroadcastReader(const TensorType& input, const Shape& output);

  bool scalar() const { return scalar_; }
  // The elements lie as in the output: no copy is needed to read a run of them.
  bool contiguous() const { return contiguous_; }
  // Copies the n elements that belong to elements at, at + 1, ... of the output.
  void copy(void* out, const void* base, int64_t at, int64_t n) const;

 private:
  template <typename T>
  void copy_as(T* out, const T* base, int64_t at, int64_t n) const;

  size_t element_;
  bool scalar_;
  bool contiguous_;
  std::vector<int64_t> dims_;     // of the output, neighbours joined where the operand allows it
  std::vector<int64_t> strides_;  // 0 where it is repeated
};

}  // namespace vanda::cpu
