#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "core/shape.hpp"

namespace vanda {

constexpr size_t kAlignment = 64;

// Cache-line aligned bytes, zeroed. Never throws an exception of another kind than bad_alloc.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size) : size_(size) {
    // Large ones come from calloc as pages that are zero already and cost nothing until they are
    // touched; it aligns too little, hence the rest.
    block_ = std::calloc(1, size + kAlignment);
    if (block_ == nullptr) throw std::bad_alloc();
    size_t offset = kAlignment - reinterpret_cast<uintptr_t>(block_) % kAlignment;
    data_ = static_cast<char*>(block_) + offset;
  }
  // A part of memory that somebody else has made, zeroed and aligned, and that `owner` keeps.
  AlignedBytes(std::shared_ptr<void> owner, void* data, size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}
  ~AlignedBytes() { std::free(block_); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::shared_ptr<void> owner_;
  void* block_ = nullptr;
  void* data_ = nullptr;
  size_t size_ = 0;
};

// A tensor in host memory. Copies share the bytes; whoever fills it does so before sharing.
struct Tensor {
  TensorType type;
  std::shared_ptr<AlignedBytes> bytes;

  Tensor() = default;
  explicit Tensor(TensorType type)
      : type(std::move(type)), bytes(std::make_shared<AlignedBytes>(this->type.bytes())) {}
  Tensor(TensorType type, std::shared_ptr<AlignedBytes> bytes)
      : type(std::move(type)), bytes(std::move(bytes)) {}
  void* data() const { return bytes->data(); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(bytes->data());
  }
};

// Borrowed views, what kernels and reference functions see.
struct ConstView {
  const TensorType* type = nullptr;
  const void* data = nullptr;

  int64_t elements() const { return type->shape.elements(); }
  double at(int64_t i) const {
    switch (type->dtype) {
      case DType::f32:
        return static_cast<const float*>(data)[i];
      case DType::f64:
        return static_cast<const double*>(data)[i];
      case DType::i32:
        return static_cast<const int32_t*>(data)[i];
      case DType::i64:
        return static_cast<double>(static_cast<const int64_t*>(data)[i]);
      case DType::u8:
      case DType::boolean:
        return static_cast<const uint8_t*>(data)[i];
    }
    return 0;
  }
  int64_t at_integer(int64_t i) const {
    if (type->dtype == DType::i64) return static_cast<const int64_t*>(data)[i];
    return static_cast<int64_t>(at(i));
  }
};

struct View {
  const TensorType* type = nullptr;
  void* data = nullptr;

  int64_t elements() const { return type->shape.elements(); }
  void set(int64_t i, double value) const {
    switch (type->dtype) {
      case DType::f32:
        static_cast<float*>(data)[i] = static_cast<float>(value);
        break;
      case DType::f64:
        static_cast<double*>(data)[i] = value;
        break;
      case DType::boolean:
        static_cast<uint8_t*>(data)[i] = value != 0 ? 1 : 0;
        break;
      default:
        set_integer(i, saturate(value));
    }
  }
  void set_integer(int64_t i, int64_t value) const {
    switch (type->dtype) {
      case DType::i32:
        static_cast<int32_t*>(data)[i] = static_cast<int32_t>(value);
        break;
      case DType::i64:
        static_cast<int64_t*>(data)[i] = value;
        break;
      case DType::u8:
        static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(value);
        break;
      case DType::boolean:
        static_cast<uint8_t*>(data)[i] = value != 0 ? 1 : 0;
        break;
      default:
        set(i, static_cast<double>(value));
    }
  }

 private:
  // Casting a float outside the integer's range is undefined in C++; it saturates here.
  int64_t saturate(double value) const {
    double low = type->dtype == DType::u8 ? 0 : type->dtype == DType::i32 ? -2147483648.0 : -9.2e18;
    double high = type->dtype == DType::u8    ? 255
                  : type->dtype == DType::i32 ? 2147483647.0
                                              : 9.2e18;
    if (!(value >= low)) return static_cast<int64_t>(value != value ? 0 : low);
    return static_cast<int64_t>(value > high ? high : value);
  }
};

}  // namespace vanda
