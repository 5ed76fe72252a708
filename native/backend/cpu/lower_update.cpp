#include <cmath>
#include <cstring>
#include <memory>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

// Elements of one piece of work; a multi-tensor update is a list of such pieces over all tensors.
constexpr int64_t kPiece = 16384;
// Below this, waking a team costs more than the work.
constexpr int64_t kParallelElements = 65536;

struct Tensors {
  int buffers[4];  // variable, slots..., gradient
  int64_t elements;
};

// All updates of one kind and setting in a row run as one step over all their tensors.
struct MultiUpdate {
  std::string op;
  float momentum = 0, l2 = 0;
  int nesterov = 0;
  AdamRates adam{};
  int rate_buffer = -1;
  int step_buffer = -1;
  std::vector<Tensors> tensors;
  int64_t elements = 0;
  struct Piece {
    size_t tensor;
    int64_t begin, end;
  };
  std::vector<Piece> pieces;

  void add(const Tensors& entry) {
    for (int64_t begin = 0; begin < entry.elements; begin += kPiece) {
      int64_t end = begin + kPiece < entry.elements ? begin + kPiece : entry.elements;
      pieces.push_back({tensors.size(), begin, end});
    }
    tensors.push_back(entry);
    elements += entry.elements;
  }

  void run(const RunContext& context) {
    const KernelTable& k = kernels();
    float rate = *static_cast<const float*>(context.data[rate_buffer]);
    AdamRates rates = adam;
    rates.rate = rate;
    if (step_buffer >= 0) {
      double t = static_cast<double>(*static_cast<const float*>(context.data[step_buffer])) + 1;
      rates.correction1 = static_cast<float>(1 / (1 - std::pow(double{adam.beta1}, t)));
      rates.correction2 = static_cast<float>(1 / (1 - std::pow(double{adam.beta2}, t)));
    }
    int64_t count = static_cast<int64_t>(pieces.size());
    parallel_for(elements >= kParallelElements ? context.threads : 1, count, 1,
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t p = begin; p < end; ++p) {
                     const Piece& piece = pieces[static_cast<size_t>(p)];
                     const Tensors& entry = tensors[piece.tensor];
                     auto at = [&](int i) {
                       return static_cast<float*>(context.data[entry.buffers[i]]) + piece.begin;
                     };
                     int64_t n = piece.end - piece.begin;
                     if (op == "apply_adam")
                       k.adam(at(0), at(1), at(2), at(3), &rates, n);
                     else if (op == "apply_momentum")
                       k.momentum(at(0), at(1), at(2), rate, momentum, l2, nesterov, n);
                     else
                       k.sgd(at(0), at(1), rate, l2, n);
                   }
                 });
  }
};

Variable& written_variable(Lowering& lowering, const Node& node, size_t input) {
  const Node& target = lowering.graph().node(node.inputs[input]);
  if (!target.is("variable")) {
    throw Error("invalid_graph", node.op->name, "only a variable can be written");
  }
  Variable& variable =
      *lowering.buffers[static_cast<size_t>(lowering.plain(node.inputs[input]))].variable;
  lowering.written.push_back(&variable);
  return variable;
}

void lower_assign(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  size_t bytes = written_variable(lowering, node, 0).type.bytes();
  int target = lowering.plain(node.inputs[0]);
  int source = lowering.snapshot(node.inputs[1]);
  lowering.add("assign", {source}, {target}, [=](const RunContext& context) {
    std::memmove(context.data[target], context.data[source], bytes);
  });
}

}  // namespace

bool lower_update(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.op->op_class != OpClass::effect) return false;
  if (node.is("assign")) {
    lower_assign(lowering, id);
    return true;
  }
  size_t scalars = node.is("apply_adam") ? 2 : 1;
  size_t tensors = node.inputs.size() - scalars;
  for (size_t i = 0; i + 1 < tensors; ++i) written_variable(lowering, node, i);
  if (lowering.type(node.inputs[0]).dtype != DType::f32) {
    throw Error("dtype_mismatch", node.op->name, "only f32 variables can be trained");
  }
  Tensors entry{};
  std::vector<int> buffers;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    bool target = i + 1 < tensors;
    buffers.push_back(target ? lowering.plain(node.inputs[i]) : lowering.snapshot(node.inputs[i]));
  }
  for (size_t i = 0; i < tensors; ++i) entry.buffers[i] = buffers[i];
  entry.elements = lowering.type(node.inputs[0]).shape.elements();
  std::vector<int> written(buffers.begin(), buffers.begin() + static_cast<int64_t>(tensors) - 1);
  std::vector<int> read(buffers.begin() + static_cast<int64_t>(tensors) - 1, buffers.end());

  // Joins the step before it when that is the same update with the same settings.
  std::string key = node.op->name;
  for (const auto& [name, value] : node.attributes) {
    key += "," + name + "=";
    if (std::holds_alternative<double>(value))
      key += std::to_string(std::get<double>(value) * 1e9);
    else if (std::holds_alternative<bool>(value))
      key += std::get<bool>(value) ? "1" : "0";
  }
  for (size_t i = tensors; i < buffers.size(); ++i) key += "," + std::to_string(buffers[i]);
  if (lowering.last_update && lowering.last_update_key == key) {
    static_cast<MultiUpdate*>(lowering.last_update.get())->add(entry);
    Step& step = lowering.steps[lowering.last_update_step];
    step.reads.insert(step.reads.end(), read.begin(), read.end());
    step.writes.insert(step.writes.end(), written.begin(), written.end());
    return true;
  }
  auto update = std::make_shared<MultiUpdate>();
  update->op = node.op->name;
  update->l2 = static_cast<float>(node.number("l2"));
  update->rate_buffer = buffers[tensors];
  if (node.is("apply_momentum")) {
    update->momentum = static_cast<float>(node.number("momentum"));
    update->nesterov = node.flag("nesterov") ? 1 : 0;
  }
  if (node.is("apply_adam")) {
    update->step_buffer = buffers[tensors + 1];
    update->adam.beta1 = static_cast<float>(node.number("beta1"));
    update->adam.beta2 = static_cast<float>(node.number("beta2"));
    update->adam.epsilon = static_cast<float>(node.number("epsilon"));
    update->adam.decay = static_cast<float>(node.number("weightDecay"));
    update->adam.l2 = update->l2;
  }
  update->add(entry);
  lowering.last_update = update;
  lowering.last_update_key = key;
  lowering.last_update_step = lowering.steps.size();
  lowering.add(node.op->name, read, written,
               [update](const RunContext& context) { update->run(context); });
  return true;
}

}  // namespace vanda::cpu
