#include "backend/cpu/lowering.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "backend/cpu/packed_variable.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

// The first one that says yes lowers a node.
using Lower = bool (*)(Lowering& lowering, int id);
constexpr Lower kFamilies[] = {
    lower_fused,         lower_bf16,           lower_direct_convolution,
    lower_network,       lower_pooling,        lower_resize,
    lower_normalization, lower_layer_norm,     lower_small_product,
    lower_panel_product, lower_product,        lower_recurrent,
    lower_attention,     lower_reduction,      lower_rows,
    lower_movement,      lower_lookups,        lower_embedding,
    lower_update,        lower_sparse,         lower_integers,
    lower_order,         lower_indexing,       lower_sort,
    lower_grid_sample,   lower_linear_algebra, lower_decompositions,
    lower_spectrum,      lower_detection,      lower_ctc,
    lower_control,       lower_random,
};

// What packed copies of all variables that the plan reads would take, but for what rounds them up.
size_t variable_bytes(const CompileRequest& request) {
  size_t bytes = 0;
  for (int id : request.order) {
    const Node& node = request.program.graph.node(id);
    if (node.is("variable")) bytes += node.outputs[0].bytes();
  }
  return bytes;
}

}  // namespace

Lowering::Lowering(const CompileRequest& request)
    : packed_pages(variable_bytes(request)),
      request_(request),
      stream_(onednn_engine()),
      layouts_flow_(request.passes.enabled("layout")) {
  for (int id : request.order) {
    for (Value input : graph().node(id).inputs) {
      read_.insert(input);
      readers_[input].push_back(id);
    }
  }
  for (Value output : request.program.outputs) read_.insert(output);
}

void Lowering::run() {
  size_t effects = request_.program.effects.size();
  size_t first_effect = request_.order.size() - effects;
  for (size_t i = 0; i < request_.order.size(); ++i) {
    if (i == first_effect) lower_outputs();
    lower(request_.order[i]);
  }
  if (effects == 0) lower_outputs();
}

void Lowering::lower(int id) {
  const Node& node = graph().node(id);
  if (is_defined(Value{id, 0})) return;  // came along with another node
  if (node.op->op_class == OpClass::source) return lower_source(id);
  if (node.is("reshape") && steady_.contains(node.inputs[0].node)) {
    steady_[id] = steady_.at(node.inputs[0].node);
  }
  if (!is_steady(node)) return lower_op(id);
  size_t first_step = steps.size();
  size_t first_buffer = buffers.size();
  lower_op(id);
  std::set<Variable*>& variables = steady_[id];
  for (Value input : node.inputs) {
    const std::set<Variable*>& more = steady_.at(input.node);
    variables.insert(more.begin(), more.end());
  }
  keep(variables, first_step, first_buffer);
}

bool Lowering::is_steady(const Node& node) const {
  if (!request_.program.effects.empty() || node.inputs.empty()) return false;
  if (node.op->reference == nullptr && !node.is("fused")) return false;  // random numbers
  for (Value input : node.inputs) {
    if (!steady_.contains(input.node)) return false;
  }
  return true;
}

void Lowering::keep(const std::set<Variable*>& variables, size_t first_step, size_t first_buffer) {
  for (size_t i = first_buffer; i < buffers.size(); ++i) {
    Buffer& buffer = buffers[i];
    if (buffer.kind != BufferKind::arena) continue;
    buffer.kind = BufferKind::fixed;
    buffer.owned = std::make_shared<AlignedBytes>(buffer.bytes);
    buffer.data = buffer.owned->data();
  }
  std::vector<Variable*> watched(variables.begin(), variables.end());
  for (size_t i = first_step; i < steps.size(); ++i) {
    auto run = std::move(steps[i].run);
    // Versions begin at one and only grow, so their sum says whether any of them moved.
    auto seen = std::make_shared<uint64_t>(~uint64_t{0});
    steps[i].run = [run, watched, seen](const RunContext& context) {
      uint64_t version = 0;
      for (Variable* variable : watched) {
        version += variable->version.load(std::memory_order_acquire);
      }
      if (version == *seen) return;
      run(context);
      *seen = version;
    };
  }
}

void Lowering::lower_op(int id) {
  const Node& node = graph().node(id);
  if (node.is("reshape")) {
    define(Value{id, 0}, plain(node.inputs[0]));
    return;
  }
  if (node.is("barrier")) {
    alias(Value{id, 0}, node.inputs[0]);
    return;
  }
  for (Lower family : kFamilies) {
    if (family(*this, id)) return;
  }
  lower_reference(*this, id);
}

void Lowering::lower_source(int id) {
  const Node& node = graph().node(id);
  Value value{id, 0};
  if (node.is("step")) {
    int buffer = define_new(value);
    uint64_t every = static_cast<uint64_t>(node.integer("every"));
    bool phase = node.flag("phase");
    add("step", {}, {buffer}, [=](const RunContext& context) {
      uint64_t number = phase ? context.step % every : context.step / every;
      *static_cast<float*>(context.data[buffer]) = static_cast<float>(number);
    });
    return;
  }
  Buffer buffer;
  buffer.bytes = node.outputs[0].bytes();
  if (node.is("placeholder")) {
    buffer.kind = BufferKind::feed;
    buffer.feed = static_cast<int>(feed_names.size());
    feed_names.push_back(node.name);
  } else if (node.is("variable")) {
    Variable& variable = request_.variables(node.name);
    if (variable.type != node.outputs[0]) {
      throw Error("shape_mismatch", node.name, "the variable is stored as " + variable.type.text());
    }
    buffer.kind = BufferKind::variable;
    buffer.variable = &variable;
    steady_[id] = {&variable};
    buffer.data = variable.storage.data();
  } else {
    buffer.kind = BufferKind::fixed;
    buffer.constant = true;
    steady_[id] = {};
    buffer.owned = node.payload.bytes;
    buffer.data = node.payload.data();
  }
  buffers.push_back(std::move(buffer));
  define(value, static_cast<int>(buffers.size()) - 1);
}

// Outputs are handed out row-major. What lies in a variable itself is copied before effects write.
void Lowering::lower_outputs() {
  auto copied = [&](int buffer) {
    if (variable_behind(buffer) == nullptr) return buffer;
    size_t bytes = buffers[static_cast<size_t>(buffer)].bytes;
    int copy = new_buffer(bytes);
    add("copy", {buffer}, {copy}, [buffer, copy, bytes](const RunContext& context) {
      std::memcpy(context.data[copy], context.data[buffer], bytes);
    });
    return copy;
  };
  for (Value output : request_.program.outputs) {
    int buffer = plain(output);
    output_buffers.push_back(request_.program.effects.empty() ? buffer : copied(buffer));
  }
  for (int effect : request_.program.effects) {
    const Node& node = graph().node(effect);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (graph().node(node.inputs[i]).is("variable") && !node.is("assign")) continue;
      if (i == 0 || snapshots_.contains(node.inputs[i])) continue;
      int buffer = plain(node.inputs[i]);
      if (variable_behind(buffer) != nullptr) {
        snapshots_[node.inputs[i]] = copied(buffer);
      }
    }
  }
}

int Lowering::snapshot(Value value) {
  auto found = snapshots_.find(value);
  return found != snapshots_.end() ? found->second : plain(value);
}

std::shared_ptr<Plan> Lowering::compile_body(const Program& body,
                                             const std::vector<TensorType>& inputs) {
  std::shared_ptr<Plan> plan = request_.compile_body(body, inputs);
  body_bytes += plan->memory().total();
  return plan;
}

void Lowering::size_team(double work) {
  constexpr double kSharedWork = 2e6;
  team_ = work < kSharedWork ? 1 : threads();
  if (team_ > 1) uses_openmp = true;
  omp_set_num_threads(team_);
}

int Lowering::new_buffer(size_t bytes) {
  Buffer buffer;
  buffer.bytes = bytes == 0 ? 1 : bytes;
  buffers.push_back(std::move(buffer));
  return static_cast<int>(buffers.size()) - 1;
}

int Lowering::packed_buffer(const PackedVariable& packed) {
  Buffer buffer;
  buffer.kind = BufferKind::fixed;
  buffer.bytes = packed.bytes->size();
  buffer.data = packed.bytes->data();
  buffers.push_back(std::move(buffer));
  return static_cast<int>(buffers.size()) - 1;
}

void Lowering::keep_if_steady(Value value, size_t first_step, size_t first_buffer) {
  auto steady = steady_.find(value.node);
  if (steady != steady_.end()) keep(steady->second, first_step, first_buffer);
}

int Lowering::view_of(int buffer, size_t offset, size_t bytes) {
  const Buffer& whole = buffers[static_cast<size_t>(buffer)];
  Buffer part;
  part.kind = BufferKind::view;
  part.bytes = bytes;
  part.owner = whole.kind == BufferKind::view ? whole.owner : buffer;
  part.offset = whole.kind == BufferKind::view ? whole.offset + offset : offset;
  buffers.push_back(std::move(part));
  return static_cast<int>(buffers.size()) - 1;
}

Variable* Lowering::variable_behind(int buffer) const {
  const Buffer& own = buffers[static_cast<size_t>(buffer)];
  return own.kind == BufferKind::view ? buffers[static_cast<size_t>(own.owner)].variable
                                      : own.variable;
}

void Lowering::define(Value value, int buffer, const std::optional<Layout>& layout) {
  copies_[value] = {Copy{layout, buffer}};
  Buffer& described = buffers[static_cast<size_t>(buffer)];
  if (!described.type) {
    described.type = type(value);
    described.layout = layout;
  }
}

int Lowering::define_new(Value value) {
  int buffer = new_buffer(type(value).bytes());
  define(value, buffer);
  return buffer;
}

int Lowering::define_new(Value value, const Layout& layout) {
  int buffer = new_buffer(layout_bytes(layout));
  bool same = type(value).dtype == DType::f32 && layout == plain_layout(type(value));
  define(value, buffer, same ? std::nullopt : std::optional<Layout>(layout));
  return buffer;
}

bool Lowering::is_output(Value value) const {
  const std::vector<Value>& outputs = request_.program.outputs;
  return std::find(outputs.begin(), outputs.end(), value) != outputs.end();
}

bool Lowering::is_plain(Value value) const {
  return !layouts_flow_ || !copies_.at(value)[0].layout;
}

Layout Lowering::layout_of(Value value) const {
  if (!layouts_flow_) return plain_layout(type(value));
  const Copy& copy = copies_.at(value)[0];
  return copy.layout ? *copy.layout : plain_layout(type(value));
}

int Lowering::opaque(Value value) const { return copies_.at(value)[0].buffer; }

int Lowering::plain(Value value) {
  std::vector<Copy>& copies = copies_.at(value);
  for (const Copy& copy : copies) {
    if (!copy.layout) return copy.buffer;
  }
  if (type(value).dtype != DType::f32) {
    throw Error("invalid_graph", graph().node(value).op->name, "this output is for inner use only");
  }
  int buffer = reorder_step(copies[0].buffer, *copies[0].layout, plain_layout(type(value)));
  copies.push_back({std::nullopt, buffer});
  return buffer;
}

int Lowering::in_layout(Value value, const Layout& wanted) {
  if (wanted == plain_layout(type(value))) return plain(value);
  std::vector<Copy>& copies = copies_.at(value);
  for (const Copy& copy : copies) {
    if (copy.layout && *copy.layout == wanted) return copy.buffer;
  }
  int buffer = reorder_step(
      copies[0].buffer, copies[0].layout ? *copies[0].layout : plain_layout(type(value)), wanted);
  copies_.at(value).push_back({wanted, buffer});
  return buffer;
}

int Lowering::reorder_step(int source, const Layout& from, const Layout& to) {
  int target = new_buffer(layout_bytes(to));
  buffers[static_cast<size_t>(target)].layout = to;
  int team = team_;
  size_team(static_cast<double>(layout_bytes(to)));
  Primitive primitive;
  primitive.primitive = reorder(from, to, &primitive.scratch);
  add_primitive("reorder", primitive, {{DNNL_ARG_FROM, source, from}}, {{DNNL_ARG_TO, target, to}});
  // The primitive that this reorder is for was made before it, for a team of its own.
  team_ = team;
  return target;
}

int Lowering::kernel_in_layout(Value value, const Layout& outside, const Layout& wanted) {
  int source = plain(value);
  if (outside == wanted) return source;
  std::vector<Copy>& copies = copies_.at(value);
  for (const Copy& copy : copies) {
    if (copy.layout && *copy.layout == wanted) return copy.buffer;
  }
  int target = -1;
  if (buffers[static_cast<size_t>(source)].kind == BufferKind::variable) {
    Variable* variable = buffers[static_cast<size_t>(source)].variable;
    size_t packed_bytes = layout_bytes(wanted);
    std::shared_ptr<PackedVariable> packed =
        packed_variable(*variable, wanted, packed_bytes, packed_pages);
    target = packed_buffer(*packed);
    buffers.back().layout = wanted;
    int team = team_;
    size_team(static_cast<double>(packed_bytes));
    Primitive primitive;
    primitive.primitive = reorder(outside, wanted, &primitive.scratch);
    add_primitive("pack", primitive, {{DNNL_ARG_FROM, source, outside}},
                  {{DNNL_ARG_TO, target, wanted}});
    team_ = team;
    auto pack = steps.back().run;
    steps.back().run = [pack, variable, packed](const RunContext& context) {
      packed->refresh(*variable, [&] { pack(context); });
    };
  } else {
    size_t first_step = steps.size();
    size_t first_buffer = buffers.size();
    target = reorder_step(source, outside, wanted);
    steps[first_step].label = "pack";
    keep_if_steady(value, first_step, first_buffer);
  }
  copies_.at(value).push_back({wanted, target});
  return target;
}

Step& Lowering::add(std::string label, std::vector<int> reads, std::vector<int> writes,
                    std::function<void(const RunContext&)> run) {
  steps.push_back({std::move(label), std::move(reads), std::move(writes), std::move(run), -1});
  return steps.back();
}

void Lowering::add_primitive(std::string label, const Primitive& primitive,
                             std::vector<PrimitiveCall::Argument> reads,
                             std::vector<PrimitiveCall::Argument> writes) {
  if (layout_bytes(primitive.scratch) > 0) {
    int scratch = new_buffer(layout_bytes(primitive.scratch));
    writes.push_back({DNNL_ARG_SCRATCHPAD, scratch, primitive.scratch});
  }
  std::vector<PrimitiveCall::Argument> all = reads;
  all.insert(all.end(), writes.begin(), writes.end());
  std::vector<int> read_buffers;
  std::vector<int> written_buffers;
  for (const auto& argument : reads) read_buffers.push_back(argument.buffer);
  for (const auto& argument : writes) written_buffers.push_back(argument.buffer);
  auto call = std::make_shared<PrimitiveCall>(primitive.primitive, all, stream_, team_);
  add(std::move(label), std::move(read_buffers), std::move(written_buffers),
      [call](const RunContext& context) { (*call)(context); });
}

void lower_reference(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.op->reference == nullptr) {
    throw Error("internal", node.op->name, "the CPU backend has no kernel for this operation");
  }
  std::vector<int> reads;
  std::vector<TensorType> types;
  for (Value input : node.inputs) {
    reads.push_back(lowering.plain(input));
    types.push_back(lowering.type(input));
  }
  std::vector<int> writes;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    writes.push_back(lowering.define_new(Value{id, static_cast<int>(i)}));
  }
  // The node is copied: the plan outlives the program that it was made from.
  auto copy = std::make_shared<const Node>(node);
  auto inputs = std::make_shared<std::vector<ConstView>>(reads.size());
  auto outputs = std::make_shared<std::vector<View>>(writes.size());
  auto input_types = std::make_shared<std::vector<TensorType>>(std::move(types));
  lowering.add("reference " + node.op->name, reads, writes,
               [copy, reads, writes, inputs, outputs, input_types](const RunContext& context) {
                 for (size_t i = 0; i < reads.size(); ++i) {
                   (*inputs)[i] = {&(*input_types)[i], context.data[reads[i]]};
                 }
                 for (size_t i = 0; i < writes.size(); ++i) {
                   (*outputs)[i] = {&copy->outputs[i], context.data[writes[i]]};
                 }
                 copy->op->reference(*copy, *inputs, *outputs);
               });
}

}  // namespace vanda::cpu
