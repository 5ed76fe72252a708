#include "core/shape.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace vanda {

bool Shape::is_static() const {
  return std::all_of(dims_.begin(), dims_.end(), [](int64_t dim) { return dim >= 0; });
}

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int64_t dim : dims_) product *= dim;
  return product;
}

std::string Shape::text() const {
  std::string out = "[";
  for (size_t i = 0; i < dims_.size(); ++i) {
    if (i > 0) out += ", ";
    out += dims_[i] == kDynamic ? "batch" : std::to_string(dims_[i]);
  }
  return out + "]";
}

void Shape::validate(const std::string& op) const {
  if (rank() > kRankMax) {
    throw Error("limit", op, "a tensor may have at most " + std::to_string(kRankMax) + " dims");
  }
  int64_t product = 1;
  for (int axis = 0; axis < rank(); ++axis) {
    int64_t dim = dims_[static_cast<size_t>(axis)];
    if (dim == kDynamic) continue;
    if (dim < 0) throw Error("shape_mismatch", op, "the shape " + text() + " has a negative dim");
    if (dim > 0 && product > kElementsMax / dim) {
      throw Error("limit", op, "the shape " + text() + " has too many elements");
    }
    product *= dim;
  }
}

std::vector<int64_t> Shape::strides() const {
  std::vector<int64_t> out(dims_.size(), 1);
  for (int axis = rank() - 2; axis >= 0; --axis) {
    out[static_cast<size_t>(axis)] =
        out[static_cast<size_t>(axis) + 1] * dims_[static_cast<size_t>(axis) + 1];
  }
  return out;
}

std::string TensorType::text() const { return std::string(dtype_name(dtype)) + shape.text(); }

Shape broadcast(const Shape& a, const Shape& b, const std::string& op) {
  int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> dims(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) {
    int64_t x = i < rank - a.rank() ? 1 : a[i - (rank - a.rank())];
    int64_t y = i < rank - b.rank() ? 1 : b[i - (rank - b.rank())];
    if (x != y && x != 1 && y != 1) {
      throw Error("shape_mismatch", op,
                  "the shapes " + a.text() + " and " + b.text() + " do not broadcast together");
    }
    dims[static_cast<size_t>(i)] = x == 1 ? y : x;
  }
  return Shape(std::move(dims));
}

int normalize_axis(int64_t axis, int rank, const std::string& op) {
  int64_t wrapped = axis < 0 ? axis + rank : axis;
  if (wrapped < 0 || wrapped >= rank) {
    throw Error("invalid_attribute", op,
                "the axis " + std::to_string(axis) + " is outside a tensor of " +
                    std::to_string(rank) + " dims");
  }
  return static_cast<int>(wrapped);
}

}  // namespace vanda
