#pragma once

#include <vector>

#include "core/emit.hpp"

namespace vanda {

// A batch of matrices [..., rows, columns], one after the other.
struct Matrices {
  explicit Matrices(const Shape& shape)
      : rows(shape[shape.rank() - 2]), columns(shape[shape.rank() - 1]) {
    for (int axis = 0; axis < shape.rank() - 2; ++axis) count *= shape[axis];
  }
  int64_t size() const { return rows * columns; }
  int64_t count = 1, rows, columns;
};

// Throws shape_mismatch unless the type is f32 [..., rows, columns] of known rows and columns.
void require_matrices(const Node& node, const TensorType& type);
// The same, with as many rows as columns.
void require_square(const Node& node, const TensorType& type);
// Elements of one matrix in double precision, and back; what plain references work on.
std::vector<double> matrix_at(const ConstView& view, const Matrices& shape, int64_t index);
void set_matrix(const View& view, const Matrices& shape, int64_t index,
                const std::vector<double>& values);
// Says which matrix of a batch has no answer, and why.
[[noreturn]] void refuse_matrix(const std::string& op, int64_t index, const char* what);

// The product of batches of matrices, either of them transposed.
Value matrix_product(Emit& emit, Value a, Value b, bool transpose_a = false,
                     bool transpose_b = false);
Value transposed(Emit& emit, Value x);
// x with every element times `weight(row, column)`.
Value masked(Emit& emit, Value x, double (*weight)(int64_t row, int64_t column));
double lower_part(int64_t row, int64_t column);
double upper_part(int64_t row, int64_t column);
// The lower part with half of the diagonal.
double lower_half(int64_t row, int64_t column);
// (x + x^T) / 2
Value symmetric_part(Emit& emit, Value x);
// x [..., n] as rows [..., 1, n] or as columns [..., n, 1].
Value as_row(Emit& emit, Value x);
Value as_column(Emit& emit, Value x);
// 1 / (b_j - b_i) off the diagonal of a batch of rows b [..., n], 0 where both are equal.
Value inverse_gaps(Emit& emit, Value b);

}  // namespace vanda
