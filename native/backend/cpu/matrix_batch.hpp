#pragma once

#include <algorithm>
#include <atomic>

#include "backend/cpu/lowering.hpp"
#include "ops/matrices.hpp"

namespace vanda::cpu {

// Matrices of a batch are worked on one by one, in double precision, each by one thread: results do
// not depend on how many there are. The scratch lies in the plan's arena.
class MatrixBatch {
 public:
  // `doubles` of scratch for each matrix; `work` of one matrix in multiply-adds.
  MatrixBatch(Lowering& lowering, int id, int64_t count, int64_t doubles, double work)
      : op_(lowering.graph().node(id).op->name),
        count_(count),
        doubles_(doubles),
        grain_(static_cast<int64_t>(kGrainWork / (work + 1)) + 1),
        scratch_(lowering.new_buffer(
            static_cast<size_t>(doubles * std::min<int64_t>(lowering.threads(), count)) *
            sizeof(double))) {}

  // To be named among what the step writes.
  int scratch() const { return scratch_; }

  // body(matrix, scratch) -> whether the matrix has an answer; `what` says what it is without one.
  template <typename Body>
  void run(const RunContext& context, const char* what, Body body) const {
    std::atomic<int64_t> first_bad{count_};
    parallel_for(context.threads, count_, grain_, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t m = begin; m < end; ++m) {
        if (body(m, static_cast<double*>(context.data[scratch_]) + thread * doubles_)) continue;
        int64_t seen = first_bad.load();
        while (m < seen && !first_bad.compare_exchange_weak(seen, m)) {
        }
      }
    });
    if (first_bad < count_) refuse_matrix(op_, first_bad, what);
  }

 private:
  static constexpr double kGrainWork = 50000;
  std::string op_;
  int64_t count_, doubles_, grain_;
  int scratch_;
};

inline void copy_in(double* to, const float* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<double>(from[i]);
}
inline void copy_out(float* to, const double* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]);
}
inline void copy_transposed(double* to, const float* from, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      to[j * rows + i] = static_cast<double>(from[i * columns + j]);
    }
  }
}
// y -= factor * x
inline void subtract_row(double* __restrict y, const double* __restrict x, double factor,
                         int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] -= factor * x[i];
}

}  // namespace vanda::cpu
