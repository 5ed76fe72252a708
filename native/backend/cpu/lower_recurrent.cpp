#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/panels.hpp"
#include "ops/recurrent.hpp"

namespace vanda::cpu {

namespace {

// Multiply-adds below which one thread does all of it.
constexpr double kSharedWork = 5e5;
// Rows whose input goes through one product before the steps that need it: the input's and the
// recurrent weights would else push each other out of the cache at every step.
constexpr int64_t kChunkRows = 96;

// Rows of a batch do not meet within a recurrent layer: each thread takes some of them through all
// of time, with what a step needs in memory of its own, and waits for nobody.
struct Recurrence {
  RecurrentShape shape;
  int x = -1, bias = -1, h0 = -1, c0 = -1, mask = -1;
  int y = -1, gates = -1, cells = -1;
  int w = -1, u = -1, u_candidate = -1;  // panels; of a gru, u without and u_candidate with the rest

  int threads_for(int threads) const {
    double work = static_cast<double>(shape.batch * shape.steps) *
                  static_cast<double>(shape.columns() * (shape.inputs + shape.units));
    return work < kSharedWork ? 1 : threads;
  }
  int64_t rows_most(int threads) const { return (shape.batch + threads - 1) / threads; }
  bool masked(const RunContext& context, int64_t n, int64_t t) const {
    return mask >= 0 &&
           static_cast<const uint8_t*>(context.data[mask])[n * shape.steps + t] == 0;
  }
};

float* floats(const RunContext& context, int buffer) {
  return buffer < 0 ? nullptr : static_cast<float*>(context.data[buffer]);
}

void copy(float* to, const float* from, int64_t count) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

// What a thread's rows begin with; zeros where no state is given.
void start(float* to, const float* from, int64_t begin, int64_t rows, int64_t units) {
  if (from != nullptr)
    copy(to, from + begin * units, rows * units);
  else
    std::memset(to, 0, static_cast<size_t>(rows * units) * sizeof(float));
}

struct Forward : Recurrence {
  int last_h = -1, last_c = -1;
  int64_t share = 0;  // floats of scratch of each thread
  std::vector<float> scratch;

  // Steps whose input is multiplied at once.
  static int64_t chunk(int64_t rows) { return rows < kChunkRows ? kChunkRows / rows : 1; }

  void prepare(int threads) {
    int64_t rows = rows_most(threads);
    // A thread may have fewer rows, and so more of them at once.
    int64_t most = rows > kChunkRows ? rows : kChunkRows;
    share = most * (shape.inputs + 4 * shape.units) + 2 * rows * shape.units;
    scratch.resize(static_cast<size_t>(share * threads));
  }

  void run(const RunContext& context) {
    int threads = threads_for(context.threads);
    parallel_for(threads, shape.batch, 1, [&](int64_t begin, int64_t end, int thread) {
      run_rows(context, begin, end - begin, scratch.data() + share * thread);
    });
  }

  void run_rows(const RunContext& context, int64_t begin, int64_t rows, float* own) {
    int64_t units = shape.units;
    float* h = own;
    float* c = h + rows * units;
    float* now = c + rows * units;  // x at some steps
    float* sums = now + (rows > kChunkRows ? rows : kChunkRows) * shape.inputs;
    start(h, floats(context, h0), begin, rows, units);
    start(c, floats(context, c0), begin, rows, units);
    for (int64_t first = 0; first < shape.steps; first += chunk(rows)) {
      int64_t last = first + chunk(rows) < shape.steps ? first + chunk(rows) : shape.steps;
      multiply_inputs(context, begin, rows, first, last, now, sums);
      for (int64_t step = first; step < last; ++step) {
        run_step(context, begin, rows, step, sums + (step - first) * rows * 4 * units, h, c);
      }
    }
    if (last_h >= 0) copy(floats(context, last_h) + begin * units, h, rows * units);
    if (last_c >= 0) copy(floats(context, last_c) + begin * units, c, rows * units);
  }

  void multiply_inputs(const RunContext& context, int64_t begin, int64_t rows, int64_t first,
                       int64_t last, float* now, float* sums) const {
    int64_t inputs = shape.inputs;
    const float* source = floats(context, x) + begin * shape.steps * inputs;
    for (int64_t step = first; step < last; ++step) {
      float* to = now + (step - first) * rows * inputs;
      for (int64_t r = 0; r < rows; ++r) {
        copy(to + r * inputs, source + (r * shape.steps + shape.time(step)) * inputs, inputs);
      }
    }
    kernels().product(sums, 4 * shape.units, now, inputs, 1, floats(context, w),
                      (last - first) * rows, inputs, shape.columns(), 0);
  }

  void run_step(const RunContext& context, int64_t begin, int64_t rows, int64_t step, float* sums,
                float* h, float* c) const {
    const KernelTable& k = kernels();
    int64_t units = shape.units;
    int64_t joined = shape.lstm ? 4 * units : 2 * units;
    k.product(sums, 4 * units, h, units, 1, floats(context, u), rows, units, joined, 1);
    if (!shape.lstm) {
      k.product(sums + 3 * units, 4 * units, h, units, 1, floats(context, u_candidate), rows,
                units, units, 0);
    }
    for (int64_t r = 0; r < rows; ++r) {
      step_row(context, k, begin + r, shape.time(step), sums + r * 4 * units, h + r * units,
               c + r * units);
    }
  }

  void step_row(const RunContext& context, const KernelTable& k, int64_t n, int64_t t, float* sums,
                float* h, float* c) const {
    int64_t units = shape.units;
    int64_t row = n * shape.steps + t;
    float* kept = gates >= 0 ? floats(context, gates) + row * 4 * units : sums;
    if (masked(context, n, t)) {
      std::memset(kept, 0, static_cast<size_t>(4 * units) * sizeof(float));
    } else if (shape.lstm) {
      k.lstm_cell(kept, sums, floats(context, bias), c, c, h, units);
    } else {
      k.gru_cell(kept, sums, floats(context, bias), h, h, units);
    }
    copy(floats(context, y) + row * units, h, units);
    if (cells >= 0) copy(floats(context, cells) + row * units, c, units);
  }
};

// Backwards through time: what arrives at the outputs becomes the gradient of the gates' sums
// (d_gates, which may lie where the gates did), of x and of the initial state.
struct Backward : Recurrence {
  int dy = -1, dh = -1, dc = -1;
  int d_gates = -1, dx = -1, dh0 = -1, dc0 = -1;
  int64_t share = 0;
  std::vector<float> scratch;

  void prepare(int threads) {
    share = rows_most(threads) * 6 * shape.units + shape.units;
    scratch.resize(static_cast<size_t>(share * threads));
  }

  void run(const RunContext& context) {
    int threads = threads_for(context.threads);
    parallel_for(threads, shape.batch, 1, [&](int64_t begin, int64_t end, int thread) {
      run_rows(context, begin, end - begin, scratch.data() + share * thread);
    });
  }

  void run_rows(const RunContext& context, int64_t begin, int64_t rows, float* own) {
    const KernelTable& k = kernels();
    int64_t units = shape.units, steps = shape.steps, inputs = shape.inputs;
    float* sums = own;
    float* to_h = sums + rows * 4 * units;
    float* to_c = to_h + rows * units;
    float* zeros = to_c + rows * units;
    start(to_h, floats(context, dh), begin, rows, units);
    start(to_c, floats(context, dc), begin, rows, units);
    std::memset(zeros, 0, static_cast<size_t>(units) * sizeof(float));
    for (int64_t step = steps; step-- > 0;) {
      for (int64_t r = 0; r < rows; ++r) {
        step_row(context, k, begin + r, step, sums + r * 4 * units, to_h + r * units,
                 to_c + r * units, zeros);
      }
      if (step > 0 || dh0 >= 0) {
        int64_t joined = shape.lstm ? 4 * units : 2 * units;
        k.product(to_h, units, sums, 4 * units, 1, floats(context, u), rows, joined, units, 1);
        if (!shape.lstm) {
          k.product(to_h, units, sums + 3 * units, 4 * units, 1, floats(context, u_candidate),
                    rows, units, units, 1);
        }
      }
    }
    if (dx >= 0) {
      k.product(floats(context, dx) + begin * steps * inputs, inputs,
                floats(context, d_gates) + begin * steps * 4 * units, 4 * units, 1,
                floats(context, w), rows * steps, shape.columns(), inputs, 0);
    }
    if (dh0 >= 0) copy(floats(context, dh0) + begin * units, to_h, rows * units);
    if (dc0 >= 0) copy(floats(context, dc0) + begin * units, to_c, rows * units);
  }

  void step_row(const RunContext& context, const KernelTable& k, int64_t n, int64_t step,
                float* sums, float* to_h, float* to_c, const float* zeros) const {
    int64_t units = shape.units;
    int64_t row = n * shape.steps + shape.time(step);
    int64_t before = step > 0 ? n * shape.steps + shape.time(step - 1) : n;
    auto state_before = [&](int sequence, int initial) {
      int buffer = step > 0 ? sequence : initial;
      return buffer < 0 ? zeros : floats(context, buffer) + before * units;
    };
    if (dy >= 0) {
      const float* arrives = floats(context, dy) + row * units;
      for (int64_t j = 0; j < units; ++j) to_h[j] += arrives[j];
    }
    const float* kept = floats(context, gates) + row * 4 * units;
    if (masked(context, n, shape.time(step))) {
      std::memset(sums, 0, static_cast<size_t>(4 * units) * sizeof(float));
    } else if (shape.lstm) {
      k.lstm_cell_grad(sums, kept, state_before(cells, c0), floats(context, cells) + row * units,
                       to_h, to_c, units);
    } else {
      k.gru_cell_grad(sums, kept, state_before(y, h0), to_h, units);
    }
    copy(floats(context, d_gates) + row * 4 * units, sums, 4 * units);
  }
};

// One product over all rows and steps for each matrix of weights; the bias comes along with the
// packing. Columns of the gates are shared out among threads: each result is one sum in one order.
struct WeightGradients : Recurrence {
  int d_gates = -1, dw = -1, du = -1, d_bias = -1;
  int64_t share = 0;
  std::vector<float> scratch;

  // Columns of the gates that go to the same columns of w and u (-1: to none).
  struct Segment {
    int64_t begin, end, to_w, to_u;
  };
  std::vector<Segment> segments() const {
    int64_t units = shape.units;
    if (shape.lstm) return {{0, 4 * units, 0, 0}};
    return {{0, 2 * units, 0, 0}, {2 * units, 3 * units, 2 * units, -1},
            {3 * units, 4 * units, -1, 2 * units}};
  }

  void prepare(int threads) {
    int64_t widest = shape.units > shape.inputs ? shape.units : shape.inputs;
    share = kTurnedDepth * (shape.units + widest) + panel_floats(kTurnedDepth, 4 * shape.units);
    scratch.resize(static_cast<size_t>(share * threads));
  }

  void run(const RunContext& context) {
    int64_t panel = kernels().panel;
    int threads = threads_for(context.threads);
    for (const Segment& segment : segments()) {
      int64_t width = segment.end - segment.begin;
      parallel_for(threads, (width + panel - 1) / panel, 1,
                   [&](int64_t from, int64_t to, int thread) {
                     int64_t first = from * panel;
                     int64_t last = to * panel < width ? to * panel : width;
                     run_columns(context, segment, first, last - first,
                                 scratch.data() + share * thread);
                   });
    }
  }

  void run_columns(const RunContext& context, const Segment& segment, int64_t first, int64_t width,
                   float* own) const {
    const KernelTable& k = kernels();
    int64_t columns = shape.columns(), units = shape.units;
    float* before = own;
    float* packed = before + kTurnedDepth * units;
    float* turned = packed + panel_floats(kTurnedDepth, 4 * units);
    const float* from = floats(context, d_gates) + segment.begin + first;
    float* to_w = segment.to_w < 0 ? nullptr : floats(context, dw) + segment.to_w + first;
    float* to_u = segment.to_u < 0 ? nullptr : floats(context, du) + segment.to_u + first;
    sum_bias(context, segment, first, width, nullptr, 0);
    int64_t count = shape.batch * shape.steps;
    for (int64_t row = 0; row < count; row += kTurnedDepth) {
      int64_t rows = count - row < kTurnedDepth ? count - row : kTurnedDepth;
      k.pack_panels(packed, from + row * 4 * units, 4 * units, 1, rows, width);
      sum_bias(context, segment, first, width, packed, rows);
      if (to_w != nullptr) {
        k.turn_block(turned, floats(context, x) + row * shape.inputs, shape.inputs, shape.inputs,
                     rows);
        k.product_turned(to_w, columns, turned, packed, shape.inputs, rows, width, row > 0);
      }
      if (to_u != nullptr) {
        gather_before(context, row, rows, before);
        k.turn_block(turned, before, units, units, rows);
        k.product_turned(to_u, columns, turned, packed, units, rows, width, row > 0);
      }
    }
  }

  // Without rows: sets the sums to zero.
  void sum_bias(const RunContext& context, const Segment& segment, int64_t first, int64_t width,
                const float* packed, int64_t rows) const {
    const KernelTable& k = kernels();
    float* bias_of_x = floats(context, d_bias);
    float* bias_of_h = shape.lstm ? nullptr : bias_of_x + 3 * shape.units;
    for (int64_t j = 0; j < width; j += k.panel) {
      float sums[64] = {};
      int64_t own = width - j < k.panel ? width - j : k.panel;
      if (rows > 0) k.add_rows(sums, packed + j * rows, rows, k.panel);
      auto add = [&](float* bias, int64_t to) {
        if (bias == nullptr || to < 0) return;
        float* slot = bias + to + first + j;
        for (int64_t i = 0; i < own; ++i) slot[i] = rows > 0 ? slot[i] + sums[i] : 0.0f;
      };
      add(bias_of_x, segment.to_w);
      add(bias_of_h, segment.to_u);
    }
  }

  // The h that each of these rows saw.
  void gather_before(const RunContext& context, int64_t row, int64_t rows, float* to) const {
    int64_t units = shape.units;
    int64_t first = shape.reverse ? shape.steps - 1 : 0;
    int64_t back = shape.reverse ? 1 : -1;
    for (int64_t i = 0; i < rows; ++i) {
      int64_t n = (row + i) / shape.steps;
      int64_t t = (row + i) % shape.steps;
      if (t != first)
        copy(to + i * units, floats(context, y) + (row + i + back) * units, units);
      else
        start(to + i * units, floats(context, h0), n, 1, units);
    }
  }
};

// Weights seen as they are multiplied with: [I or H, columns], all of them or a part.
MatrixView part(const RecurrentShape& shape, int64_t rows, int64_t from, int64_t columns) {
  return {from, shape.columns(), 1, rows, columns};
}

class Builder {
 public:
  Builder(Lowering& lowering, int id)
      : lowering_(lowering),
        node_(lowering.graph().node(id)),
        id_(id),
        at_(recurrent_inputs(node_)),
        shape_(recurrent_shape(node_, lowering.type(node_.inputs[0]),
                               lowering.type(node_.inputs[2]))) {}

  void forward() {
    auto kernel = std::make_shared<Forward>();
    fill(*kernel);
    kernel->w = packed_panels(lowering_, node_.inputs[1],
                              part(shape_, shape_.inputs, 0, shape_.columns()));
    pack_recurrent(*kernel, false);
    int kept = shape_.lstm ? 3 : 2;
    kernel->y = lowering_.define_new(Value{id_, 0});
    kernel->last_h = lowering_.define_new(Value{id_, 1});
    if (shape_.lstm) kernel->last_c = lowering_.define_new(Value{id_, 2});
    // Without a gradient nobody reads what is kept for it.
    if (lowering_.is_read(Value{id_, kept})) kernel->gates = lowering_.define_new(Value{id_, kept});
    if (shape_.lstm && lowering_.is_read(Value{id_, 4}))
      kernel->cells = lowering_.define_new(Value{id_, 4});
    kernel->prepare(lowering_.threads());
    add(node_.op->name,
        {kernel->x, kernel->w, kernel->u, kernel->u_candidate, kernel->bias, kernel->h0, kernel->c0,
         kernel->mask},
        {kernel->y, kernel->last_h, kernel->last_c, kernel->gates, kernel->cells}, kernel);
  }

  void backward() {
    auto kernel = std::make_shared<Backward>();
    fill(*kernel);
    bool wants_x = lowering_.is_read(Value{id_, 0});
    if (wants_x) {
      kernel->w = packed_panels(lowering_, node_.inputs[1],
                                part(shape_, shape_.inputs, 0, shape_.columns()).transposed());
    }
    pack_recurrent(*kernel, true);
    kernel->dy = input(at_.dy);
    kernel->dh = input(at_.dh);
    kernel->dc = input(at_.dc);
    size_t bytes = lowering_.type(node_.inputs[static_cast<size_t>(at_.gates)]).bytes();
    kernel->d_gates = lowering_.new_buffer(bytes);
    int dx = lowering_.define_new(Value{id_, 0});
    if (wants_x) kernel->dx = dx;
    if (at_.h0 >= 0) kernel->dh0 = lowering_.define_new(Value{id_, 4});
    if (at_.c0 >= 0) kernel->dc0 = lowering_.define_new(Value{id_, 5});
    kernel->prepare(lowering_.threads());
    // The gates come last: they are read once, so their memory may be taken over.
    Step& step = add(node_.op->name + " steps",
                     {kernel->w, kernel->u, kernel->u_candidate, kernel->h0, kernel->c0,
                      kernel->mask, kernel->y, kernel->cells, kernel->dy, kernel->dh, kernel->dc,
                      kernel->gates},
                     {kernel->d_gates, kernel->dx, kernel->dh0, kernel->dc0}, kernel);
    step.in_place = kernel->gates;
    weights(*kernel);
  }

 private:
  int input(int index) {
    return index < 0 ? -1 : lowering_.plain(node_.inputs[static_cast<size_t>(index)]);
  }

  void fill(Recurrence& kernel) {
    kernel.shape = shape_;
    kernel.x = input(at_.x);
    kernel.bias = input(at_.bias);
    kernel.h0 = input(at_.h0);
    kernel.c0 = input(at_.c0);
    kernel.mask = input(at_.mask);
    kernel.y = input(at_.y);
    kernel.gates = input(at_.gates);
    kernel.cells = input(at_.cells);
  }

  void pack_recurrent(Recurrence& kernel, bool transposed) {
    int64_t units = shape_.units;
    auto packed = [&](int64_t from, int64_t columns) {
      MatrixView view = part(shape_, units, from, columns);
      return packed_panels(lowering_, node_.inputs[2], transposed ? view.transposed() : view);
    };
    kernel.u = packed(0, shape_.lstm ? 4 * units : 2 * units);
    if (!shape_.lstm) kernel.u_candidate = packed(2 * units, units);
  }

  void weights(const Backward& steps) {
    auto kernel = std::make_shared<WeightGradients>();
    static_cast<Recurrence&>(*kernel) = steps;
    kernel->d_gates = steps.d_gates;
    kernel->dw = lowering_.define_new(Value{id_, 1});
    kernel->du = lowering_.define_new(Value{id_, 2});
    kernel->d_bias = lowering_.define_new(Value{id_, 3});
    kernel->prepare(lowering_.threads());
    add(node_.op->name + " weights", {kernel->x, kernel->h0, kernel->y, kernel->d_gates},
        {kernel->dw, kernel->du, kernel->d_bias}, kernel);
  }

  template <typename Kernel>
  Step& add(std::string label, std::vector<int> reads, std::vector<int> writes,
            std::shared_ptr<Kernel> kernel) {
    std::erase(reads, -1);
    std::erase(writes, -1);
    return lowering_.add(std::move(label), std::move(reads), std::move(writes),
                         [kernel](const RunContext& context) { kernel->run(context); });
  }

  Lowering& lowering_;
  const Node& node_;
  int id_;
  RecurrentInputs at_;
  RecurrentShape shape_;
};

}  // namespace

bool lower_recurrent(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.outputs.empty() || node.outputs[0].dtype != DType::f32) return false;
  if (node.is("lstm") || node.is("gru"))
    Builder(lowering, id).forward();
  else if (node.is("lstm_grad") || node.is("gru_grad"))
    Builder(lowering, id).backward();
  else
    return false;
  return true;
}

}  // namespace vanda::cpu
