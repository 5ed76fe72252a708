#include "ops/ctc.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// log(exp(a) + exp(b) + exp(c))
double log_add(double a, double b, double c) {
  double most = std::max(a, std::max(b, c));
  if (most == kNever) return kNever;
  return most + std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most));
}

int64_t whole(DType dtype, const void* data, int64_t i) {
  if (dtype == DType::i64) return static_cast<const int64_t*>(data)[i];
  return static_cast<const int32_t*>(data)[i];
}

// The lattice of one row at a time, in scratch that was made with the plan.
struct Ctc {
  CtcShape shape;
  DType labels_type, steps_type, counts_type;

  int64_t states_max() const { return shape.states(shape.places); }
  // alpha of all steps, beta of two, and the states.
  int64_t scratch() const { return (shape.steps + 3) * states_max(); }

  struct Row {
    int64_t steps = 0, states = 0;
    const float* x = nullptr;
    double *alpha = nullptr, *beta = nullptr, *state = nullptr;
  };

  // False where the row's numbers are out of range.
  bool open(Row& row, const float* x, const void* labels, const void* steps, const void* counts,
            int64_t n, double* scratch) const {
    row.steps = whole(steps_type, steps, n);
    int64_t count = whole(counts_type, counts, n);
    if (row.steps < 1 || row.steps > shape.steps || count < 0 || count > shape.places) return false;
    row.states = shape.states(count);
    row.x = x + n * shape.steps * shape.classes;
    row.alpha = scratch;
    row.beta = scratch + shape.steps * states_max();
    row.state = row.beta + 2 * states_max();
    for (int64_t s = 0; s < row.states; ++s) {
      int64_t label =
          s % 2 == 0 ? shape.blank : whole(labels_type, labels, n * shape.places + s / 2);
      if (label < 0 || label >= shape.classes || (s % 2 == 1 && label == shape.blank)) return false;
      row.state[s] = static_cast<double>(label);
    }
    return true;
  }

  double at(const Row& row, int64_t t, int64_t s) const {
    return static_cast<double>(row.x[t * shape.classes + static_cast<int64_t>(row.state[s])]);
  }
  static bool leaps(const Row& row, int64_t s) {
    return s >= 2 && s % 2 == 1 && row.state[s] != row.state[s - 2];
  }

  // Fills alpha; gives the logarithm of how likely the labels are.
  double forward(const Row& row) const {
    double* before = row.alpha;
    std::fill(before, before + row.states, kNever);
    for (int64_t s = 0; s < std::min<int64_t>(2, row.states); ++s) before[s] = at(row, 0, s);
    for (int64_t t = 1; t < row.steps; ++t) {
      double* now = row.alpha + t * states_max();
      for (int64_t s = 0; s < row.states; ++s) {
        double one = s >= 1 ? before[s - 1] : kNever;
        double two = leaps(row, s) ? before[s - 2] : kNever;
        now[s] = log_add(before[s], one, two) + at(row, t, s);
      }
      before = now;
    }
    return log_add(before[row.states - 1], row.states > 1 ? before[row.states - 2] : kNever,
                   kNever);
  }

  // Goes back through the steps with two rows of beta; adds -dloss times each state's share.
  void backward(const Row& row, double total, float dloss, float* dx) const {
    double* after = row.beta;
    double* now = row.beta + states_max();
    for (int64_t t = row.steps - 1; t >= 0; --t) {
      for (int64_t s = 0; s < row.states; ++s) {
        if (t == row.steps - 1) {
          now[s] = s >= row.states - 2 ? 0 : kNever;
          continue;
        }
        double one = s + 1 < row.states ? after[s + 1] : kNever;
        double two = s + 2 < row.states && leaps(row, s + 2) ? after[s + 2] : kNever;
        now[s] = log_add(after[s], one, two);
      }
      for (int64_t s = 0; s < row.states; ++s) {
        double share = std::exp(row.alpha[t * states_max() + s] + now[s] - total);
        dx[t * shape.classes + static_cast<int64_t>(row.state[s])] -=
            dloss * static_cast<float>(share);
        // What the step before will want of this one.
        now[s] += at(row, t, s);
      }
      std::swap(after, now);
    }
  }
};

struct CtcBuffers {
  int x, labels, steps, counts, dloss, target;
};

}  // namespace

bool lower_ctc(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool gradient = node.is("ctc_loss_grad");
  if (!gradient && !node.is("ctc_loss")) return false;
  if (node.outputs[0].dtype != DType::f32 || node.outputs[0].shape.elements() == 0) return false;
  auto type = [&](size_t i) { return lowering.type(node.inputs[i]); };
  Ctc ctc{ctc_shape(node, type(0), type(1), type(2), type(3)), type(1).dtype, type(2).dtype,
          type(3).dtype};
  std::vector<int> reads;
  for (Value input : node.inputs) reads.push_back(lowering.plain(input));
  int target = lowering.define_new(Value{id, 0});
  CtcBuffers at{reads[0], reads[1], reads[2], reads[3], gradient ? reads[4] : -1, target};
  int64_t team = std::min<int64_t>(lowering.threads(), ctc.shape.batch);
  int scratch = lowering.new_buffer(static_cast<size_t>(team * ctc.scratch()) * sizeof(double));
  std::string op = node.op->name;
  lowering.add(op, reads, {target, scratch}, [=](const RunContext& context) {
    std::atomic<bool> bad{false};
    parallel_for(context.threads, ctc.shape.batch, 1, [&](int64_t begin, int64_t end, int thread) {
      double* own = static_cast<double*>(context.data[scratch]) + thread * ctc.scratch();
      for (int64_t n = begin; n < end; ++n) {
        Ctc::Row row;
        if (!ctc.open(row, static_cast<const float*>(context.data[at.x]), context.data[at.labels],
                      context.data[at.steps], context.data[at.counts], n, own)) {
          bad = true;
          continue;
        }
        double total = ctc.forward(row);
        float* out = static_cast<float*>(context.data[at.target]);
        if (!gradient) {
          out[n] = static_cast<float>(-total);
          continue;
        }
        float* dx = out + n * ctc.shape.steps * ctc.shape.classes;
        std::fill(dx, dx + ctc.shape.steps * ctc.shape.classes, 0.0f);
        float dloss = static_cast<const float*>(context.data[at.dloss])[n];
        if (total != kNever) ctc.backward(row, total, dloss, dx);
      }
    });
    if (!bad) return;
    throw Error(
        "invalid_feed", op,
        "a row has a step count, a label count or a label that is out of range, or the blank "
        "as a label");
  });
  return true;
}

}  // namespace vanda::cpu
