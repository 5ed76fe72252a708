#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/panels.hpp"

namespace vanda::cpu {

namespace {

// Multiply-adds below which one thread does all of it.
constexpr double kSharedWork = 5e5;
// Rows whose results are finished while they are still in the cache.
constexpr int64_t kRows = 96;

float* floats(const RunContext& context, int buffer) {
  return buffer < 0 ? nullptr : static_cast<float*>(context.data[buffer]);
}

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// c [rows, columns] = a [rows, inner] by one packed matrix, finished row by row.
struct PanelProduct {
  int64_t rows = 0, inner = 0, columns = 0;
  int a = -1, panels = -1, bias = -1, other = -1, c = -1, slope = -1;
  ProductEpilogue epilogue;

  void run(const RunContext& context) const {
    int64_t panel = kernels().panel;
    int64_t count = (columns + panel - 1) / panel;
    double work = static_cast<double>(rows) * static_cast<double>(inner * columns);
    int threads = work < kSharedWork ? 1 : context.threads;
    // Few rows: each thread reads its own part of the matrix once. Many: its own rows.
    if (rows <= kRows && count >= 2 * threads) {
      parallel_for(threads, count, 1, [&](int64_t begin, int64_t end, int) {
        run_part(context, 0, rows, begin * panel, least(end * panel, columns));
      });
      return;
    }
    parallel_for(threads, rows, 12, [&](int64_t begin, int64_t end, int) {
      run_part(context, begin, end, 0, columns);
    });
  }

  void run_part(const RunContext& context, int64_t first, int64_t last, int64_t begin,
                int64_t end) const {
    const KernelTable& k = kernels();
    ProductEpilogue finish = epilogue;
    finish.bias = floats(context, bias);
    finish.other = floats(context, other);
    finish.slope = floats(context, slope);
    bool plain = bias < 0 && other < 0 && epilogue.activation == Activation::none;
    float* to = floats(context, c);
    for (int64_t row = first; row < last; row += kRows) {
      int64_t height = least(kRows, last - row);
      k.product(to + row * columns + begin, columns, floats(context, a) + row * inner, inner, 1,
                floats(context, panels) + begin * inner, height, inner, end - begin, 0);
      if (!plain) k.product_epilogue(to, &finish, row, height, begin, end, columns);
    }
  }
};

// c [rows, columns] = a [inner, rows] turned, by b [inner, columns], and with it the sum of b over
// the inner dim: the gradient of a weight and its bias. Threads share the columns or the rows;
// each element is one sum in one order.
struct TurnedProduct {
  int64_t rows = 0, inner = 0, columns = 0;
  int a = -1, b = -1, c = -1, sums = -1;
  int64_t share = 0;
  std::vector<float> scratch;

  void run(const RunContext& context) {
    int64_t panel = kernels().panel;
    int64_t count = (columns + panel - 1) / panel;
    double work = static_cast<double>(rows) * static_cast<double>(inner * columns);
    int threads = work < kSharedWork ? 1 : context.threads;
    // Whichever is longer is shared out: each thread lays out all of the other for itself.
    bool by_columns = columns > rows && (count % threads == 0 || count >= 4 * threads);
    if (by_columns || rows < 12 * threads) {
      parallel_for(threads, count, 1, [&](int64_t begin, int64_t end, int thread) {
        int64_t first = begin * panel;
        run_part(context, 0, rows, first, least(end * panel, columns), thread);
      });
      return;
    }
    parallel_for(threads, rows, 12, [&](int64_t begin, int64_t end, int thread) {
      run_part(context, begin, end, 0, columns, thread);
    });
  }

  void run_part(const RunContext& context, int64_t first, int64_t last, int64_t begin, int64_t end,
                int thread) {
    const KernelTable& k = kernels();
    float* turned = scratch.data() + share * thread;
    float* packed = turned + rows * least(kTurnedDepth, inner);
    for (int64_t from = 0; from < inner; from += kTurnedDepth) {
      int64_t depth = least(kTurnedDepth, inner - from);
      k.pack_panels(packed, floats(context, b) + from * columns + begin, columns, 1, depth,
                    end - begin);
      // Where rows are shared out, the first thread sums for all.
      if (sums >= 0 && first == 0) add_sums(context, packed, depth, begin, end, from == 0);
      k.turn_block(turned, floats(context, a) + from * rows + first, rows, last - first, depth);
      k.product_turned(floats(context, c) + first * columns + begin, columns, turned, packed,
                       last - first, depth, end - begin, from > 0);
    }
  }

  void add_sums(const RunContext& context, const float* packed, int64_t depth, int64_t begin,
                int64_t end, bool fresh) const {
    const KernelTable& k = kernels();
    float* to = floats(context, sums);
    for (int64_t j = begin; j < end; j += k.panel) {
      float part[64] = {};
      k.add_rows(part, packed + (j - begin) * depth, depth, k.panel);
      for (int64_t i = 0; i < least(k.panel, end - j); ++i) {
        to[j + i] = fresh ? part[i] : to[j + i] + part[i];
      }
    }
  }
};

Activation activation_of(const Node& node) {
  if (node.is("matmul")) return Activation::none;
  const std::string& name = node.text("activation");
  return name == "relu" ? Activation::relu : name == "gelu" ? Activation::gelu : Activation::none;
}

void lower_straight(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool fused = node.is("fused_product");
  bool transposed = !node.is("dense") && node.flag("transposeB");
  const Shape& b = lowering.type(node.inputs[1]).shape;
  auto kernel = std::make_shared<PanelProduct>();
  MatrixView view{0, b[1], 1, b[0], b[1]};
  if (transposed) view = view.transposed();
  kernel->inner = view.inner;
  kernel->columns = view.columns;
  kernel->rows = node.outputs[0].shape.elements() / view.columns;
  kernel->a = lowering.plain(node.inputs[0]);
  std::vector<int> reads = {kernel->a};
  size_t next = 2;
  std::string label = node.op->name;
  if (fused ? node.flag("bias") : node.inputs.size() == 3) {
    kernel->bias = lowering.plain(node.inputs[next++]);
    reads.push_back(kernel->bias);
  }
  kernel->epilogue.activation = activation_of(node);
  if (fused) label = node.flag("bias") ? "dense" : "matmul";
  if (kernel->epilogue.activation != Activation::none) label += "+" + node.text("activation");
  if (fused && !node.text("join").empty()) {
    kernel->epilogue.join = node.text("join") == "add" ? Join::add : Join::mul;
    label += "+" + node.text("join");
    kernel->other = lowering.plain(node.inputs[next]);
  }
  // The packing comes before the step that reads it.
  kernel->panels = packed_panels(lowering, node.inputs[1], view);
  reads.push_back(kernel->panels);
  if (kernel->other >= 0) reads.push_back(kernel->other);
  kernel->c = lowering.define_new(Value{id, 0});
  std::vector<int> writes = {kernel->c};
  if (fused && node.flag("slope")) {
    kernel->slope = lowering.define_new(Value{id, 1});
    writes.push_back(kernel->slope);
    label += " and slope";
  }
  lowering.add(std::move(label), reads, writes,
               [kernel](const RunContext& context) { kernel->run(context); });
}

// The sum over all rows of a value, where the graph wants one that is not made yet.
int sum_of_rows(Lowering& lowering, Value value) {
  for (int reader : lowering.readers(value)) {
    const Node& node = lowering.graph().node(reader);
    bool sums = node.is("sum") && node.integers("axes") == std::vector<int64_t>{0} &&
                node.outputs[0].shape.elements() == lowering.type(value).shape[1];
    if (sums && !lowering.is_defined(Value{reader, 0})) {
      return lowering.define_new(Value{reader, 0});
    }
  }
  return -1;
}

void lower_turned(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  const Shape& a = lowering.type(node.inputs[0]).shape;
  const Shape& b = lowering.type(node.inputs[1]).shape;
  auto kernel = std::make_shared<TurnedProduct>();
  kernel->rows = a[1];
  kernel->inner = a[0];
  kernel->columns = b[1];
  kernel->a = lowering.plain(node.inputs[0]);
  kernel->b = lowering.plain(node.inputs[1]);
  kernel->c = lowering.define_new(Value{id, 0});
  kernel->sums = sum_of_rows(lowering, node.inputs[1]);
  int64_t depth = least(kTurnedDepth, kernel->inner);
  kernel->share = kernel->rows * depth + panel_floats(depth, kernel->columns);
  kernel->scratch.resize(static_cast<size_t>(kernel->share * lowering.threads()));
  std::vector<int> writes = {kernel->c};
  if (kernel->sums >= 0) writes.push_back(kernel->sums);
  lowering.add(kernel->sums >= 0 ? "matmul and sum" : "matmul", {kernel->a, kernel->b}, writes,
               [kernel](const RunContext& context) { kernel->run(context); });
}

}  // namespace

bool lower_panel_product(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool matmul = node.is("matmul");
  if (!matmul && !node.is("dense") && !node.is("fused_product")) return false;
  if (node.outputs[0].dtype != DType::f32 || node.outputs[0].shape.elements() == 0) return false;
  const Shape& a = lowering.type(node.inputs[0]).shape;
  const Shape& b = lowering.type(node.inputs[1]).shape;
  if (b.rank() != 2 || b.elements() == 0) return false;
  if (!matmul || !node.flag("transposeA")) {
    lower_straight(lowering, id);
    return true;
  }
  if (a.rank() != 2 || node.flag("transposeB")) return false;
  lower_turned(lowering, id);
  return true;
}

}  // namespace vanda::cpu
