#include <cmath>
#include <vector>

#include "ops/recurrent.hpp"

namespace vanda {

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The views of one node by their names, with what every step reads.
struct Sequence {
  Sequence(const Node& node, std::span<const ConstView> inputs)
      : at(recurrent_inputs(node)),
        shape(recurrent_shape(node, *inputs[0].type, *inputs[2].type)),
        inputs(inputs) {}

  double in(int which, int64_t i) const { return inputs[static_cast<size_t>(which)].at(i); }
  double weight(int64_t i, int64_t column) const { return in(at.w, i * shape.columns() + column); }
  double recurrent(int64_t i, int64_t column) const {
    return in(at.u, i * shape.columns() + column);
  }
  bool masked(int64_t n, int64_t t) const {
    return at.mask >= 0 && in(at.mask, n * shape.steps + t) == 0;
  }
  int64_t row(int64_t n, int64_t t) const { return n * shape.steps + t; }

  RecurrentInputs at;
  RecurrentShape shape;
  std::span<const ConstView> inputs;
};

// What x and h give to one column of gates.
struct Sums {
  double from_x = 0;
  double from_h = 0;
};

Sums sums_of(const Sequence& s, int64_t n, int64_t t, const std::vector<double>& h, int64_t column) {
  Sums sums;
  for (int64_t i = 0; i < s.shape.inputs; ++i) {
    sums.from_x += s.in(s.at.x, s.row(n, t) * s.shape.inputs + i) * s.weight(i, column);
  }
  for (int64_t i = 0; i < s.shape.units; ++i) {
    sums.from_h += h[static_cast<size_t>(i)] * s.recurrent(i, column);
  }
  return sums;
}

// One step of one row: the new h (and c) replace the old ones; gates [4 * units] are kept.
void lstm_step(const Sequence& s, int64_t n, int64_t t, std::vector<double>& h,
               std::vector<double>& c, std::vector<double>& gates) {
  int64_t units = s.shape.units;
  for (int64_t column = 0; column < 4 * units; ++column) {
    Sums sums = sums_of(s, n, t, h, column);
    double sum = sums.from_x + sums.from_h + s.in(s.at.bias, column);
    gates[static_cast<size_t>(column)] =
        column / units == 2 ? std::tanh(sum) : sigmoid(sum);
  }
  for (int64_t j = 0; j < units; ++j) {
    auto gate = [&](int64_t block) { return gates[static_cast<size_t>(block * units + j)]; };
    double& cell = c[static_cast<size_t>(j)];
    cell = gate(1) * cell + gate(0) * gate(2);
    h[static_cast<size_t>(j)] = gate(3) * std::tanh(cell);
  }
}

void gru_step(const Sequence& s, int64_t n, int64_t t, std::vector<double>& h,
              std::vector<double>& gates) {
  int64_t units = s.shape.units;
  std::vector<double> next(h);
  for (int64_t j = 0; j < units; ++j) {
    auto bias = [&](int64_t row, int64_t block) {
      return s.in(s.at.bias, (row * 3 + block) * units + j);
    };
    Sums update = sums_of(s, n, t, h, j);
    Sums reset = sums_of(s, n, t, h, units + j);
    Sums candidate = sums_of(s, n, t, h, 2 * units + j);
    double z = sigmoid(update.from_x + update.from_h + bias(0, 0) + bias(1, 0));
    double r = sigmoid(reset.from_x + reset.from_h + bias(0, 1) + bias(1, 1));
    double q = candidate.from_h + bias(1, 2);
    double fresh = std::tanh(candidate.from_x + bias(0, 2) + r * q);
    next[static_cast<size_t>(j)] = z * h[static_cast<size_t>(j)] + (1 - z) * fresh;
    const double kept[] = {z, r, fresh, q};
    for (int64_t block = 0; block < 4; ++block) {
      gates[static_cast<size_t>(block * units + j)] = kept[block];
    }
  }
  h = next;
}

// The gradients that arrive at one step turn into those of its gates (before the activation) and of
// c, and of h as far as it does not go through the recurrent product.
void lstm_step_grad(const Sequence& s, int64_t row, const std::vector<double>& c_before,
                    std::vector<double>& dh, std::vector<double>& dc, std::vector<double>& d) {
  int64_t units = s.shape.units;
  for (int64_t j = 0; j < units; ++j) {
    auto gate = [&](int64_t block) { return s.in(s.at.gates, (row * 4 + block) * units + j); };
    auto slot = [&](int64_t block) -> double& { return d[static_cast<size_t>(block * units + j)]; };
    size_t at = static_cast<size_t>(j);
    double tanh_c = std::tanh(s.in(s.at.cells, row * units + j));
    double total = dc[at] + dh[at] * gate(3) * (1 - tanh_c * tanh_c);
    slot(0) = total * gate(2) * gate(0) * (1 - gate(0));
    slot(1) = total * c_before[at] * gate(1) * (1 - gate(1));
    slot(2) = total * gate(0) * (1 - gate(2) * gate(2));
    slot(3) = dh[at] * tanh_c * gate(3) * (1 - gate(3));
    dc[at] = total * gate(1);
    dh[at] = 0;
  }
}

void gru_step_grad(const Sequence& s, int64_t row, const std::vector<double>& h_before,
                   std::vector<double>& dh, std::vector<double>& d) {
  int64_t units = s.shape.units;
  for (int64_t j = 0; j < units; ++j) {
    auto gate = [&](int64_t block) { return s.in(s.at.gates, (row * 4 + block) * units + j); };
    auto slot = [&](int64_t block) -> double& { return d[static_cast<size_t>(block * units + j)]; };
    double& total = dh[static_cast<size_t>(j)];
    slot(0) = total * (h_before[static_cast<size_t>(j)] - gate(2)) * gate(0) * (1 - gate(0));
    slot(2) = total * (1 - gate(0)) * (1 - gate(2) * gate(2));
    slot(1) = slot(2) * gate(3) * gate(1) * (1 - gate(1));
    slot(3) = slot(2) * gate(1);
    total *= gate(0);
  }
}

struct Gradients {
  std::vector<double> x, w, u, bias;
};

// Adds what the gates' gradients of one step give to weights, x and the h before.
void spread(const Sequence& s, int64_t row, const std::vector<double>& h_before,
            const std::vector<double>& d, std::vector<double>& dh, Gradients& out) {
  int64_t units = s.shape.units;
  int64_t columns = s.shape.columns();
  for (int64_t column = 0; column < columns; ++column) {
    bool candidate = !s.shape.lstm && column >= 2 * units;
    double to_x = d[static_cast<size_t>(column)];
    double to_h = candidate ? d[static_cast<size_t>(column + units)] : to_x;
    for (int64_t i = 0; i < s.shape.inputs; ++i) {
      out.w[static_cast<size_t>(i * columns + column)] +=
          s.in(s.at.x, row * s.shape.inputs + i) * to_x;
      out.x[static_cast<size_t>(row * s.shape.inputs + i)] += to_x * s.weight(i, column);
    }
    for (int64_t i = 0; i < units; ++i) {
      out.u[static_cast<size_t>(i * columns + column)] += h_before[static_cast<size_t>(i)] * to_h;
      dh[static_cast<size_t>(i)] += to_h * s.recurrent(i, column);
    }
    out.bias[static_cast<size_t>(column)] += to_x;
    if (!s.shape.lstm) out.bias[static_cast<size_t>(columns + column)] += to_h;
  }
}

void put(const View& view, int64_t begin, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) view.set(begin + static_cast<int64_t>(i), values[i]);
}

std::vector<double> take(const Sequence& s, int which, int64_t begin) {
  std::vector<double> values(static_cast<size_t>(s.shape.units), 0);
  for (size_t i = 0; which >= 0 && i < values.size(); ++i) {
    values[i] = s.in(which, begin + static_cast<int64_t>(i));
  }
  return values;
}

}  // namespace

void recurrent_reference(const Node& node, std::span<const ConstView> inputs,
                         std::span<const View> outputs) {
  Sequence s(node, inputs);
  int64_t units = s.shape.units;
  for (int64_t n = 0; n < s.shape.batch; ++n) {
    std::vector<double> h = take(s, s.at.h0, n * units);
    std::vector<double> c = take(s, s.at.c0, n * units);
    for (int64_t step = 0; step < s.shape.steps; ++step) {
      int64_t t = s.shape.time(step);
      std::vector<double> gates(static_cast<size_t>(4 * units), 0);
      if (!s.masked(n, t)) {
        if (s.shape.lstm)
          lstm_step(s, n, t, h, c, gates);
        else
          gru_step(s, n, t, h, gates);
      }
      put(outputs[0], s.row(n, t) * units, h);
      put(outputs[s.shape.lstm ? 3 : 2], s.row(n, t) * 4 * units, gates);
      if (s.shape.lstm) put(outputs[4], s.row(n, t) * units, c);
    }
    put(outputs[1], n * units, h);
    if (s.shape.lstm) put(outputs[2], n * units, c);
  }
}

void recurrent_grad_reference(const Node& node, std::span<const ConstView> inputs,
                              std::span<const View> outputs) {
  Sequence s(node, inputs);
  int64_t units = s.shape.units;
  Gradients sums;
  for (auto [list, output] : {std::pair{&sums.x, 0}, std::pair{&sums.w, 1}, std::pair{&sums.u, 2},
                              std::pair{&sums.bias, 3}}) {
    list->resize(static_cast<size_t>(outputs[static_cast<size_t>(output)].elements()), 0);
  }
  for (int64_t n = 0; n < s.shape.batch; ++n) {
    std::vector<double> dh = take(s, s.at.dh, n * units);
    std::vector<double> dc = take(s, s.at.dc, n * units);
    for (int64_t step = s.shape.steps; step-- > 0;) {
      int64_t row = s.row(n, s.shape.time(step));
      std::vector<double> dy = take(s, s.at.dy, row * units);
      for (size_t j = 0; j < dh.size(); ++j) dh[j] += dy[j];
      if (s.masked(n, s.shape.time(step))) continue;
      int64_t before = step > 0 ? s.row(n, s.shape.time(step - 1)) : n;
      std::vector<double> h_before = take(s, step > 0 ? s.at.y : s.at.h0, before * units);
      std::vector<double> d(static_cast<size_t>(4 * units));
      if (s.shape.lstm) {
        lstm_step_grad(s, row, take(s, step > 0 ? s.at.cells : s.at.c0, before * units), dh, dc, d);
      } else {
        gru_step_grad(s, row, h_before, dh, d);
      }
      spread(s, row, h_before, d, dh, sums);
    }
    if (s.at.h0 >= 0) put(outputs[4], n * units, dh);
    if (s.at.c0 >= 0) put(outputs[5], n * units, dc);
  }
  put(outputs[0], 0, sums.x);
  put(outputs[1], 0, sums.w);
  put(outputs[2], 0, sums.u);
  put(outputs[3], 0, sums.bias);
}

}  // namespace vanda
