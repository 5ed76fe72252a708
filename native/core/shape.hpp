#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/dtype.hpp"

namespace vanda {

// The batch: a dim that becomes known when a plan is made for given feed shapes.
constexpr int64_t kDynamic = -1;
// Limits on everything that comes from outside; both far beyond any real model.
constexpr int kRankMax = 8;
constexpr int64_t kElementsMax = int64_t{1} << 33;

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  int64_t& operator[](int axis) { return dims_[static_cast<size_t>(axis)]; }
  const std::vector<int64_t>& dims() const { return dims_; }
  bool is_static() const;
  // Product of the dims; only for static shapes.
  int64_t elements() const;
  std::string text() const;
  bool operator==(const Shape& other) const = default;

  // Refuses negative dims (other than dynamic ones), too many dims, too many elements.
  void validate(const std::string& op) const;
  std::vector<int64_t> strides() const;

 private:
  std::vector<int64_t> dims_;
};

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const TensorType& other) const = default;
  std::string text() const;
  size_t bytes() const { return static_cast<size_t>(shape.elements()) * dtype_bytes(dtype); }
};

// NumPy broadcasting; a dynamic dim goes with 1 or with another dynamic dim.
Shape broadcast(const Shape& a, const Shape& b, const std::string& op);
// Turns a possibly negative axis into 0..rank-1 or throws invalid_attribute.
int normalize_axis(int64_t axis, int rank, const std::string& op);

}  // namespace vanda
