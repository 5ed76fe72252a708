#include <algorithm>
#include <cstring>
#include <memory>

#include "backend/cpu/update_settings.hpp"

namespace vanda::cpu {

namespace {

// Elements of one piece of work; a multi-tensor update is a list of such pieces over all tensors.
constexpr int64_t kPiece = 16384;
// Below this, waking a team costs more than the work.
constexpr int64_t kParallelElements = 65536;

// All updates of one rule and setting run as one step over all their tensors.
struct MultiUpdate {
  struct Tensors {
    int variable;
    int slots[kSlotsMax];
    int gradient;
  };
  struct Piece {
    size_t tensor;
    int64_t begin, end;
  };
  UpdateSettings settings;
  std::vector<Tensors> tensors;
  std::vector<Piece> pieces;
  int64_t elements = 0;

  void add(const Tensors& entry, int64_t count) {
    for (int64_t begin = 0; begin < count; begin += kPiece) {
      pieces.push_back({tensors.size(), begin, std::min(begin + kPiece, count)});
    }
    tensors.push_back(entry);
    elements += count;
  }

  void run(const RunContext& context) const {
    if (!settings.due(context)) return;
    UpdateRates rates = settings.rates(context);
    int64_t count = static_cast<int64_t>(pieces.size());
    parallel_for(elements >= kParallelElements ? context.threads : 1, count, 1,
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t p = begin; p < end; ++p) {
                     run_piece(context, rates, pieces[static_cast<size_t>(p)]);
                   }
                 });
  }

  void run_piece(const RunContext& context, const UpdateRates& rates, const Piece& piece) const {
    const Tensors& entry = tensors[piece.tensor];
    auto at = [&](int buffer) { return static_cast<float*>(context.data[buffer]) + piece.begin; };
    float* slots[kSlotsMax] = {};
    for (int i = 0; i < settings.slots; ++i) slots[i] = at(entry.slots[i]);
    settings.function(at(entry.variable), slots, at(entry.gradient), &rates,
                      piece.end - piece.begin);
  }
};

void lower_assign(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  size_t bytes = lowering.type(node.inputs[0]).bytes();
  int target = written_buffer(lowering, node, 0);
  int source = lowering.snapshot(node.inputs[1]);
  uint64_t every = static_cast<uint64_t>(node.integer("every"));
  lowering.add("assign", {source}, {target}, [=](const RunContext& context) {
    if ((context.step + 1) % every != 0) return;
    std::memmove(context.data[target], context.data[source], bytes);
  });
}

void lower_average(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  int64_t elements = lowering.type(node.inputs[0]).shape.elements();
  int target = written_buffer(lowering, node, 0);
  int updates = written_buffer(lowering, node, 1);
  int source = lowering.plain(node.inputs[2]);
  double decay = node.number("decay");
  bool from_start = node.flag("fromStart");
  uint64_t every = static_cast<uint64_t>(node.integer("every"));
  lowering.add("average", {source}, {target, updates}, [=](const RunContext& context) {
    if ((context.step + 1) % every != 0) return;
    // The first update is taken over as it is. From the start, the decay then rises with the updates,
    // much as TensorFlow's moving average does it, so that the beginnings are soon forgotten.
    float& count = *static_cast<float*>(context.data[updates]);
    double t = static_cast<double>(count);
    double keep = count == 0 ? 0 : from_start ? std::min(decay, t / (9 + t)) : decay;
    count += 1;
    float share = static_cast<float>(1 - keep);
    float* average = static_cast<float*>(context.data[target]);
    const float* x = static_cast<const float*>(context.data[source]);
    int threads = elements >= kParallelElements ? context.threads : 1;
    parallel_for(threads, elements, kPiece, [&](int64_t begin, int64_t end, int) {
      kernels().follow_average(average + begin, x + begin, share, end - begin);
    });
  });
}

void lower_apply(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  UpdateSettings settings = update_settings(lowering, node);
  UpdateInputs at = update_inputs(node);
  MultiUpdate::Tensors entry{};
  std::vector<int> written = {entry.variable = written_buffer(lowering, node, 0)};
  for (int i = 0; i < at.slots; ++i) {
    entry.slots[i] = written_buffer(lowering, node, static_cast<size_t>(i) + 1);
    written.push_back(entry.slots[i]);
  }
  entry.gradient = lowering.snapshot(node.inputs[static_cast<size_t>(at.gradient)]);
  std::vector<int> read = {entry.gradient, settings.rate_buffer};
  if (settings.step_buffer >= 0) read.push_back(settings.step_buffer);

  int64_t elements = lowering.type(node.inputs[0]).shape.elements();
  auto [open, fresh] = lowering.open_updates.try_emplace(update_key(node, settings));
  if (!fresh) {
    static_cast<MultiUpdate*>(open->second.update.get())->add(entry, elements);
    Step& step = lowering.steps[open->second.step];
    step.reads.insert(step.reads.end(), read.begin(), read.end());
    step.writes.insert(step.writes.end(), written.begin(), written.end());
    return;
  }
  auto update = std::make_shared<MultiUpdate>();
  update->settings = settings;
  update->add(entry, elements);
  open->second = {update, lowering.steps.size()};
  lowering.add(node.op->name, read, written,
               [update](const RunContext& context) { update->run(context); });
}

}  // namespace

bool lower_update(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.op->op_class != OpClass::effect || is_sparse_update(node)) return false;
  if (update_rule(node) != nullptr) {
    lower_apply(lowering, id);
    return true;
  }
  if (node.is("assign"))
    lower_assign(lowering, id);
  else if (node.is("apply_average"))
    lower_average(lowering, id);
  else
    return false;
  lowering.open_updates.clear();
  return true;
}

}  // namespace vanda::cpu
