#include "ops/jacobi.hpp"

#include <cmath>
#include <utility>

namespace vanda {

namespace {

constexpr int kSweepsMax = 60;
constexpr double kRounding = 1e-14;

// In four sums, which the processor can add up beside each other.
double dot(const double* a, const double* b, int64_t n) {
  double sums[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int64_t k = 0; k < 4; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

struct Rotation {
  double cosine, sine;
};

// The smaller of the two angles that bring the off-diagonal element of [[p, g], [g, q]] to zero.
Rotation rotation_of(double p, double q, double g) {
  double zeta = (q - p) / (2 * g);
  double tangent = (zeta >= 0 ? 1 : -1) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
  double cosine = 1 / std::sqrt(1 + tangent * tangent);
  return {cosine, cosine * tangent};
}

void rotate(double* __restrict a, double* __restrict b, int64_t n, Rotation r) {
  for (int64_t i = 0; i < n; ++i) {
    double x = a[i];
    double y = b[i];
    a[i] = r.cosine * x - r.sine * y;
    b[i] = r.sine * x + r.cosine * y;
  }
}

}  // namespace

void orthogonalize_rows(double* w, double* v, int64_t n, int64_t m) {
  for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
    bool turned = false;
    for (int64_t i = 0; i < n; ++i) {
      double* a = w + i * m;
      double p = dot(a, a, m);
      for (int64_t j = i + 1; j < n; ++j) {
        double* b = w + j * m;
        double q = dot(b, b, m);
        double g = dot(a, b, m);
        // Written so that what is no number ends the sweeps as well.
        if (!(std::fabs(g) > kRounding * std::sqrt(p * q))) continue;
        turned = true;
        Rotation r = rotation_of(p, q, g);
        rotate(a, b, m, r);
        p = dot(a, a, m);
        rotate(v + i * n, v + j * n, n, r);
      }
    }
    if (!turned) return;
  }
}

void diagonalize(double* a, double* v, int64_t n) {
  for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
    bool turned = false;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = i + 1; j < n; ++j) {
        double g = a[i * n + j];
        double p = a[i * n + i];
        double q = a[j * n + j];
        double scale = std::sqrt(std::fabs(p * q));
        double least = kRounding * (std::fabs(p) + std::fabs(q));
        if (!(std::fabs(g) > kRounding * scale) || !(std::fabs(g) > least * kRounding)) continue;
        turned = true;
        Rotation r = rotation_of(p, q, g);
        rotate(a + i * n, a + j * n, n, r);
        for (int64_t k = 0; k < n; ++k) {
          double x = a[k * n + i];
          double y = a[k * n + j];
          a[k * n + i] = r.cosine * x - r.sine * y;
          a[k * n + j] = r.sine * x + r.cosine * y;
        }
        a[i * n + j] = a[j * n + i] = 0;
        rotate(v + i * n, v + j * n, n, r);
      }
    }
    if (!turned) return;
  }
}

void sort_rows(double* values, double* a, int64_t m, double* b, int64_t k, int64_t n,
               bool descending) {
  for (int64_t i = 0; i < n; ++i) {
    int64_t best = i;
    for (int64_t j = i + 1; j < n; ++j) {
      if (descending ? values[j] > values[best] : values[j] < values[best]) best = j;
    }
    if (best == i) continue;
    std::swap(values[i], values[best]);
    for (int64_t c = 0; c < m; ++c) std::swap(a[i * m + c], a[best * m + c]);
    for (int64_t c = 0; b != nullptr && c < k; ++c) std::swap(b[i * k + c], b[best * k + c]);
  }
}

double sign_of_row(const double* row, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; ++i) {
    // Magnitudes that rounding alone tells apart count as equal, so that the choice is stable.
    if (std::fabs(row[i]) > std::fabs(row[best]) * (1 + 1e-5)) best = i;
  }
  return row[best] < 0 ? -1 : 1;
}

void complete_row(double* rows, int64_t at, int64_t m) {
  double* row = rows + at * m;
  // Of the unit vectors, one is far from what the rows before span: the one with the longest rest.
  int64_t best = 0;
  double longest = -1;
  for (int64_t i = 0; i < m; ++i) {
    double rest = 1;
    for (int64_t k = 0; k < at; ++k) rest -= rows[k * m + i] * rows[k * m + i];
    if (rest > longest + 1e-9) {
      longest = rest;
      best = i;
    }
  }
  for (int64_t i = 0; i < m; ++i) row[i] = i == best ? 1 : 0;
  for (int round = 0; round < 2; ++round) {
    for (int64_t k = 0; k < at; ++k) {
      double share = dot(row, rows + k * m, m);
      for (int64_t i = 0; i < m; ++i) row[i] -= share * rows[k * m + i];
    }
    double length = std::sqrt(dot(row, row, m));
    for (int64_t i = 0; i < m; ++i) row[i] /= length;
  }
}

}  // namespace vanda
