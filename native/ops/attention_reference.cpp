#include <cmath>
#include <vector>

#include "ops/attention.hpp"

namespace vanda {

namespace {

struct Operands {
  Operands(const Node& node, std::span<const ConstView> inputs)
      : at(attention_inputs(node)), inputs(inputs) {
    std::vector<TensorType> types;
    for (const ConstView& input : inputs) types.push_back(*input.type);
    shape = attention_shape(node, types);
  }
  const ConstView& view(int which) const { return inputs[static_cast<size_t>(which)]; }

  bool looks(int64_t n, int64_t i, int64_t j) const {
    if (shape.causal && j > i) return false;
    return at.mask < 0 || view(at.mask).at(n * shape.mask_batch + i * shape.mask_row + j) != 0;
  }
  double score(int64_t n, int64_t h, int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t d = 0; d < shape.depth; ++d) {
      sum += view(at.q).at(shape.q.at(n, h, i) + d) * view(at.k).at(shape.k.at(n, h, j) + d);
    }
    return sum * shape.scale;
  }

  AttentionInputs at;
  AttentionShape shape;
  std::span<const ConstView> inputs;
};

// One query: its output, and the logarithm of the sum of exponentials (0 when it looks at nothing).
void attend(const Operands& o, int64_t n, int64_t h, int64_t i, const View& out,
            const View& norms) {
  const AttentionShape& s = o.shape;
  double top = -INFINITY;
  std::vector<double> scores(static_cast<size_t>(s.keys), -INFINITY);
  for (int64_t j = 0; j < s.keys; ++j) {
    if (!o.looks(n, i, j)) continue;
    scores[static_cast<size_t>(j)] = o.score(n, h, i, j);
    top = std::fmax(top, scores[static_cast<size_t>(j)]);
  }
  double sum = 0;
  for (double score : scores) sum += score == -INFINITY ? 0 : std::exp(score - top);
  double norm = sum > 0 ? top + std::log(sum) : 0;
  norms.set((n * s.heads + h) * s.queries + i, norm);
  for (int64_t e = 0; e < s.value_depth; ++e) {
    double total = 0;
    for (int64_t j = 0; j < s.keys; ++j) {
      double score = scores[static_cast<size_t>(j)];
      if (score != -INFINITY)
        total += std::exp(score - norm) * o.view(o.at.v).at(s.v.at(n, h, j) + e);
    }
    out.set(s.out.at(n, h, i) + e, total);
  }
}

struct Sums {
  std::vector<double> q, k, v;
};

void add(std::vector<double>& to, int64_t at, double value) { to[static_cast<size_t>(at)] += value; }

void attend_grad(const Operands& o, int64_t n, int64_t h, int64_t i, Sums& sums) {
  const AttentionShape& s = o.shape;
  const ConstView& dy = o.view(o.at.gradient);
  double norm = o.view(o.at.norms).at((n * s.heads + h) * s.queries + i);
  double delta = 0;
  for (int64_t e = 0; e < s.value_depth; ++e) {
    int64_t at = s.out.at(n, h, i) + e;
    delta += dy.at(at) * o.view(o.at.out).at(at);
  }
  for (int64_t j = 0; j < s.keys; ++j) {
    if (!o.looks(n, i, j)) continue;
    double p = std::exp(o.score(n, h, i, j) - norm);
    double dp = 0;
    for (int64_t e = 0; e < s.value_depth; ++e) {
      double arrives = dy.at(s.out.at(n, h, i) + e);
      dp += arrives * o.view(o.at.v).at(s.v.at(n, h, j) + e);
      add(sums.v, s.v.at(n, h, j) + e, p * arrives);
    }
    double ds = p * (dp - delta) * s.scale;
    for (int64_t d = 0; d < s.depth; ++d) {
      add(sums.q, s.q.at(n, h, i) + d, ds * o.view(o.at.k).at(s.k.at(n, h, j) + d));
      add(sums.k, s.k.at(n, h, j) + d, ds * o.view(o.at.q).at(s.q.at(n, h, i) + d));
    }
  }
}

template <typename Body>
void for_queries(const AttentionShape& s, Body body) {
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t h = 0; h < s.heads; ++h) {
      for (int64_t i = 0; i < s.queries; ++i) body(n, h, i);
    }
  }
}

}  // namespace

void attention_reference(const Node& node, std::span<const ConstView> inputs,
                         std::span<const View> outputs) {
  Operands o(node, inputs);
  for_queries(o.shape, [&](int64_t n, int64_t h, int64_t i) {
    attend(o, n, h, i, outputs[0], outputs[1]);
  });
}

void attention_grad_reference(const Node& node, std::span<const ConstView> inputs,
                              std::span<const View> outputs) {
  Operands o(node, inputs);
  auto zeros = [&](int which) {
    return std::vector<double>(static_cast<size_t>(o.view(which).elements()), 0);
  };
  Sums sums{zeros(o.at.q), zeros(o.at.k), zeros(o.at.v)};
  for_queries(o.shape,
              [&](int64_t n, int64_t h, int64_t i) { attend_grad(o, n, h, i, sums); });
  auto put = [&](size_t output, const std::vector<double>& values, bool join) {
    const View& view = outputs[output];
    ConstView before{view.type, view.data};
    for (int64_t i = 0; i < view.elements(); ++i) {
      view.set(i, values[static_cast<size_t>(i)] + (join ? before.at(i) : 0));
    }
  };
  bool packed = node.flag("packed");
  put(0, sums.q, false);
  put(packed ? 0 : 1, sums.k, packed);
  put(packed ? 0 : 2, sums.v, packed);
}

}  // namespace vanda
