#include "ops/ctc.hpp"

#include <cmath>
#include <limits>

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"

namespace vanda {

CtcShape ctc_shape(const Node& node, const TensorType& x, const TensorType& labels,
                   const TensorType& step_counts, const TensorType& label_counts) {
  auto whole = [](const TensorType& type) { return is_integer(type.dtype); };
  bool fits = is_float(x.dtype) && x.shape.rank() == 3 && labels.shape.rank() == 2 &&
              step_counts.shape.rank() == 1 && label_counts.shape.rank() == 1 && whole(labels) &&
              whole(step_counts) && whole(label_counts) && labels.shape[0] == x.shape[0] &&
              step_counts.shape[0] == x.shape[0] && label_counts.shape[0] == x.shape[0] &&
              x.shape[1] >= 1;
  if (!fits) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 log-probabilities [N, T, K], integer labels [N, S], step counts [N] and "
                "label counts [N], not " +
                    x.text() + ", " + labels.text() + ", " + step_counts.text() + " and " +
                    label_counts.text());
  }
  CtcShape shape{x.shape[0], x.shape[1], x.shape[2], labels.shape[1], node.integer("blank")};
  if (shape.blank < 0 || shape.blank >= shape.classes) {
    throw Error("invalid_attribute", node.op->name,
                "the blank must be one of " + std::to_string(shape.classes) + " classes");
  }
  return shape;
}

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  if (a == kNever) return b;
  if (b == kNever) return a;
  return a > b ? a + std::log1p(std::exp(b - a)) : b + std::log1p(std::exp(a - b));
}

// One row of the batch: its labels with blanks between them, and its log-probabilities.
struct Row {
  std::vector<int64_t> states;
  int64_t steps;
  const ConstView& x;
  int64_t base, classes;

  double at(int64_t t, size_t s) const { return x.at(base + t * classes + states[s]); }
  // From a state one stays, goes on, or leaps over a blank between two labels that differ.
  bool leaps(size_t s, int64_t blank) const {
    return s >= 2 && states[s] != blank && states[s] != states[s - 2];
  }
};

Row row_of(const Node& node, const CtcShape& shape, Inputs inputs, int64_t n) {
  int64_t steps = inputs[2].at_integer(n);
  int64_t labels = inputs[3].at_integer(n);
  bool fits = steps >= 1 && steps <= shape.steps && labels >= 0 && labels <= shape.places;
  std::vector<int64_t> states(1, shape.blank);
  for (int64_t i = 0; fits && i < labels; ++i) {
    int64_t label = inputs[1].at_integer(n * shape.places + i);
    fits = label >= 0 && label < shape.classes && label != shape.blank;
    states.push_back(label);
    states.push_back(shape.blank);
  }
  if (!fits) {
    throw Error("invalid_feed", node.op->name,
                "row " + std::to_string(n) +
                    " has a step count, a label count or a label that is "
                    "out of range, or the blank as a label");
  }
  return {std::move(states), steps, inputs[0], n * shape.steps * shape.classes, shape.classes};
}

using Lattice = std::vector<std::vector<double>>;

// How likely each state is at each step together with all that came before it.
Lattice forward(const Row& row, int64_t blank) {
  Lattice alpha(static_cast<size_t>(row.steps), std::vector<double>(row.states.size(), kNever));
  alpha[0][0] = row.at(0, 0);
  if (row.states.size() > 1) alpha[0][1] = row.at(0, 1);
  for (size_t t = 1; t < alpha.size(); ++t) {
    for (size_t s = 0; s < row.states.size(); ++s) {
      double sum = alpha[t - 1][s];
      if (s >= 1) sum = log_add(sum, alpha[t - 1][s - 1]);
      if (row.leaps(s, blank)) sum = log_add(sum, alpha[t - 1][s - 2]);
      alpha[t][s] = sum + row.at(static_cast<int64_t>(t), s);
    }
  }
  return alpha;
}

// The same with all that comes after it.
Lattice backward(const Row& row, int64_t blank) {
  size_t count = row.states.size();
  Lattice beta(static_cast<size_t>(row.steps), std::vector<double>(count, kNever));
  beta.back()[count - 1] = 0;
  if (count > 1) beta.back()[count - 2] = 0;
  for (size_t t = beta.size() - 1; t-- > 0;) {
    for (size_t s = 0; s < count; ++s) {
      auto next = [&](size_t to) {
        return beta[t + 1][to] + row.at(static_cast<int64_t>(t) + 1, to);
      };
      double sum = next(s);
      if (s + 1 < count) sum = log_add(sum, next(s + 1));
      if (s + 2 < count && row.leaps(s + 2, blank)) sum = log_add(sum, next(s + 2));
      beta[t][s] = sum;
    }
  }
  return beta;
}

double log_likelihood(const Lattice& alpha) {
  const std::vector<double>& last = alpha.back();
  double total = last.back();
  return last.size() > 1 ? log_add(total, last[last.size() - 2]) : total;
}

std::vector<TensorType> infer_ctc(const Node& node, Types inputs) {
  CtcShape shape = ctc_shape(node, inputs[0], inputs[1], inputs[2], inputs[3]);
  return {TensorType{inputs[0].dtype, Shape{shape.batch}}};
}

CtcShape shape_of(const Node& node, Inputs inputs) {
  return ctc_shape(node, *inputs[0].type, *inputs[1].type, *inputs[2].type, *inputs[3].type);
}

void reference_ctc(const Node& node, Inputs inputs, Outputs outputs) {
  CtcShape shape = shape_of(node, inputs);
  for (int64_t n = 0; n < shape.batch; ++n) {
    Row row = row_of(node, shape, inputs, n);
    outputs[0].set(n, -log_likelihood(forward(row, shape.blank)));
  }
}

std::vector<Value> grad_ctc(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  std::vector<Value> all = inputs;
  all.push_back(grads[0]);
  Value dx = Emit(graph).op("ctc_loss_grad", all, graph.node(node).attributes);
  return {dx, kNoValue, kNoValue, kNoValue};
}

std::vector<TensorType> infer_ctc_grad(const Node& node, Types inputs) {
  CtcShape shape = ctc_shape(node, inputs[0], inputs[1], inputs[2], inputs[3]);
  if (inputs[4].dtype != inputs[0].dtype || inputs[4].shape != Shape{shape.batch}) {
    throw Error("shape_mismatch", node.op->name, "the gradient does not go with the loss");
  }
  return {inputs[0]};
}

void reference_ctc_grad(const Node& node, Inputs inputs, Outputs outputs) {
  CtcShape shape = shape_of(node, inputs);
  std::vector<double> dx(static_cast<size_t>(outputs[0].elements()), 0);
  for (int64_t n = 0; n < shape.batch; ++n) {
    Row row = row_of(node, shape, inputs, n);
    Lattice alpha = forward(row, shape.blank);
    Lattice beta = backward(row, shape.blank);
    double total = log_likelihood(alpha);
    for (size_t t = 0; total != kNever && t < alpha.size(); ++t) {
      for (size_t s = 0; s < row.states.size(); ++s) {
        int64_t at = row.base + static_cast<int64_t>(t) * shape.classes + row.states[s];
        dx[static_cast<size_t>(at)] -= inputs[4].at(n) * std::exp(alpha[t][s] + beta[t][s] - total);
      }
    }
  }
  for (size_t i = 0; i < dx.size(); ++i) outputs[0].set(static_cast<int64_t>(i), dx[i]);
}

}  // namespace

void register_ctc() {
  OpSpec loss;
  loss.name = "ctc_loss";
  loss.inputs_min = loss.inputs_max = 4;
  loss.attributes = {{"blank", AttributeKind::integer, int64_t{0}}};
  loss.infer = infer_ctc;
  loss.reference = reference_ctc;
  loss.gradient = grad_ctc;
  loss.first_order = true;
  loss.doc = {
      "Connectionist temporal classification (Graves et al., 2006): minus the logarithm of how "
      "likely the labels are, over all ways to lay them along the steps; infinite where there "
      "is none.",
      "log-probabilities [N, T, K], labels [N, S], step counts [N], label counts [N] -> [N]"};
  OpSpec grad = loss;
  grad.name = "ctc_loss_grad";
  grad.inputs_min = grad.inputs_max = 5;
  grad.infer = infer_ctc_grad;
  grad.reference = reference_ctc_grad;
  grad.gradient = refuse_second_order;
  grad.first_order = false;
  grad.doc = {
      "The gradient of ctc_loss towards the log-probabilities; 0 where the loss is infinite.",
      "what ctc_loss takes, dloss [N] -> [N, T, K]"};
  register_op(std::move(loss));
  register_op(std::move(grad));
}

}  // namespace vanda
