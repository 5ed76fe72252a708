#include "backend/cpu/broadcast.hpp"

#include <cstring>

namespace vanda::cpu {

BroadcastReader::BroadcastReader(const TensorType& input, const Shape& output)
    : element_(dtype_bytes(input.dtype)),
      scalar_(input.shape.elements() == 1),
      contiguous_(input.shape.elements() == output.elements()) {
  std::vector<int64_t> own = input.shape.strides();
  int offset = output.rank() - input.shape.rank();
  for (int axis = 0; axis < output.rank(); ++axis) {
    int64_t dim = output[axis];
    if (dim == 1) continue;
    int mine = axis - offset;
    bool moves = mine >= 0 && input.shape[mine] != 1;
    int64_t stride = moves ? own[static_cast<size_t>(mine)] : 0;
    if (!dims_.empty() && strides_.back() == stride * dim) {
      dims_.back() *= dim;
      strides_.back() = stride;
    } else {
      dims_.push_back(dim);
      strides_.push_back(stride);
    }
  }
  if (dims_.empty()) {
    dims_.push_back(1);
    strides_.push_back(0);
  }
}

template <typename T>
void BroadcastReader::copy_as(T* out, const T* base, int64_t at, int64_t n) const {
  size_t last = dims_.size() - 1;
  int64_t inner = dims_[last];
  for (int64_t done = 0; done < n;) {
    int64_t column = (at + done) % inner;
    int64_t rest = (at + done) / inner;
    int64_t source = column * strides_[last];
    for (size_t axis = last; axis-- > 0;) {
      source += rest % dims_[axis] * strides_[axis];
      rest /= dims_[axis];
    }
    int64_t run = inner - column < n - done ? inner - column : n - done;
    if (strides_[last] == 1) {
      std::memcpy(out + done, base + source, static_cast<size_t>(run) * sizeof(T));
    } else {
      T value = base[source];
      for (int64_t i = 0; i < run; ++i) out[done + i] = value;
    }
    done += run;
  }
}

void BroadcastReader::copy(void* out, const void* base, int64_t at, int64_t n) const {
  if (element_ == 1)
    copy_as(static_cast<uint8_t*>(out), static_cast<const uint8_t*>(base), at, n);
  else if (element_ == 4)
    copy_as(static_cast<uint32_t*>(out), static_cast<const uint32_t*>(base), at, n);
  else
    copy_as(static_cast<uint64_t*>(out), static_cast<const uint64_t*>(base), at, n);
}

}  // namespace vanda::cpu
