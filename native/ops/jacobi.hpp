#pragma once

#include <cstdint>

namespace vanda {

// The plane rotations of Jacobi (1846), in double precision. Matrices are row-major; nothing is
// allocated. Cyclic sweeps until what is left is below rounding, or a number of sweeps that no
// matrix of finite numbers has been seen to need.

// Makes the rows of w [n, m] orthogonal and applies the same rotations to the rows of v [n, n]
// (Hestenes, 1958): w begins as the columns of a matrix, v as the identity.
void orthogonalize_rows(double* w, double* v, int64_t n, int64_t m);

// The eigenvalues of a symmetric a [n, n] on its diagonal, the vectors in the rows of v [n, n].
void diagonalize(double* a, double* v, int64_t n);

// Sorts n values (greatest first, or smallest first) with their rows of a [n, m] and b [n, k]; b
// may be null.
void sort_rows(double* values, double* a, int64_t m, double* b, int64_t k, int64_t n,
               bool descending);

// The sign that makes the element of the greatest magnitude of a row, the first of equals,
// positive.
double sign_of_row(const double* row, int64_t n);

// Makes row `at` of the rows [.., m] a unit vector that is orthogonal to all rows before it.
void complete_row(double* rows, int64_t at, int64_t m);

}  // namespace vanda
