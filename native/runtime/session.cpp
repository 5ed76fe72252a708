#include "runtime/session.hpp"

#include <cstring>

#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "runtime/core_budget.hpp"
#include "runtime/plan_dump.hpp"
#include "runtime/settings.hpp"

namespace vanda {

namespace {

// With one digit behind the point, so that small limits make sense too.
std::string mebibytes(size_t bytes) {
  size_t tenths = (bytes * 10 + (size_t{1} << 20) - 1) >> 20;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

}  // namespace

Session::Session(SessionOptions options) : options_(std::move(options)) {
  if (options_.precision == Precision::bfloat16 && !linked_backend().has_bf16()) {
    throw Error("unsupported", "precision",
                "this processor (" + linked_backend().isa() +
                    ") has no instructions for bfloat16: take float32, or a processor with "
                    "AVX-512 BF16 or AMX");
  }
}

Request Session::prepare(const Graph& graph, const std::vector<Value>& outputs,
                         const std::vector<int>& effects) {
  variables.sync(graph);
  std::string key = std::to_string(graph.serial());
  for (Value output : outputs) {
    if (!graph.valid(output)) throw Error("invalid_graph", "run", "an output does not exist");
    key += "," + std::to_string(output.node) + ":" + std::to_string(output.output);
  }
  for (int effect : effects) {
    if (effect < 0 || effect >= graph.size() ||
        graph.node(effect).op->op_class != OpClass::effect) {
      throw Error("invalid_graph", "run", "an effect is not an operation that writes a variable");
    }
    key += "!" + std::to_string(effect);
  }
  {
    // Nodes never change, so the same wish of the same graph is the same program.
    std::lock_guard lock(plans_mutex_);
    auto found = requests_.find(key);
    if (found != requests_.end()) return found->second;
  }
  Program program;
  program.graph = graph;
  program.outputs = outputs;
  program.effects = effects;
  Request request{std::make_shared<const Program>(prune(program)), key};
  std::lock_guard lock(plans_mutex_);
  if (requests_.size() >= kRequestsMax) requests_.clear();
  requests_.emplace(std::move(key), request);
  return request;
}

std::shared_ptr<CachedPlan> Session::plan_for(const Request& request, const FeedTypes& feeds,
                                              size_t reserved) {
  std::string key = request.key;
  for (const auto& [name, type] : feeds) key += ";" + name + type.text();
  std::shared_ptr<CachedPlan> entry;
  {
    std::lock_guard lock(plans_mutex_);
    for (auto at = plans_.begin(); at != plans_.end(); ++at) {
      if (at->key != key) continue;
      plans_.splice(plans_.begin(), plans_, at);
      entry = at->plan;
      break;
    }
    if (!entry) {
      entry = std::make_shared<CachedPlan>();
      plans_.push_front({key, entry});
      if (plans_.size() > kPlansMax) plans_.pop_back();
    }
  }
  // Compiled outside the list's lock: other plans go on running meanwhile.
  std::lock_guard lock(entry->running);
  if (!entry->plan) entry->plan = compile(*request.program, feeds, reserved);
  return entry;
}

void Session::execute(CachedPlan& cached, std::span<const void* const> feeds, uint64_t step) {
  refuse_half_written();
  CoreBudget::Share share = CoreBudget::shared().take(options_.threads);
  if (!profiler.on()) {
    cached.plan->run(feeds, step);
    return;
  }
  cached.plan->run(feeds, step, &cached.times);
  profiler.record(cached.plan, step, cached.times);
}

void Session::admit(const PlanMemory& memory, size_t reserved) const {
  size_t needed = memory.total() + reserved;
  if (options_.memory_limit == 0 || needed <= options_.memory_limit) return;
  throw Error("out_of_memory", "plan",
              "needs " + mebibytes(needed) + " MiB (" + mebibytes(memory.arena) +
                  " for what it computes, " + mebibytes(memory.weights + memory.state) +
                  " for variables, " + mebibytes(memory.feeds + reserved) +
                  " for batches), more than the limit of " + mebibytes(options_.memory_limit) +
                  " MiB; a smaller batch needs less");
}

std::unique_ptr<Plan> Session::compile(const Program& program, const FeedTypes& feeds,
                                       size_t reserved) {
  OptimizeOptions options{options_.passes};
  options.precision = options_.precision;
  std::optional<PlanDump> dump;
  if (!settings().dump_folder.empty()) {
    dump.emplace(settings().dump_folder);
    options.observe = [&dump](const char* pass, const Program& after) {
      dump->write(pass, program_text(after));
    };
  }
  Program optimized = optimize(program, feeds, options);
  std::vector<int> order = schedule(optimized, options_.passes.enabled("schedule"));
  CompileRequest request{
      optimized,
      order,
      place_buffers,
      [this](const std::string& name) -> Variable& { return variables.at(name); },
      options_.threads,
      options_.passes,
      [this](const Program& body, const std::vector<TensorType>& inputs) {
        FeedTypes types;
        for (size_t i = 0; i < inputs.size(); ++i) types["p" + std::to_string(i)] = inputs[i];
        return compile(body, types, 0);
      },
      [this, reserved](const PlanMemory& memory) { admit(memory, reserved); },
      options_.precision == Precision::bfloat16 || options_.precision == Precision::bfloat16_tried};
  std::unique_ptr<Plan> plan = linked_backend().compile(request);
  if (dump) {
    std::string text;
    for (const StepInfo& step : plan->steps()) text += step.label + " -> " + step.result + "\n";
    dump->write("schedule", text);
  }
  return plan;
}

std::vector<const void*> order_feeds(const Plan& plan, const std::vector<NamedView>& feeds) {
  std::vector<const void*> pointers;
  for (const std::string& name : plan.feed_names()) {
    const void* data = nullptr;
    for (const NamedView& feed : feeds) {
      if (feed.name == name) data = feed.data;
    }
    if (data == nullptr) throw Error("invalid_feed", name, "this placeholder needs a value");
    pointers.push_back(data);
  }
  return pointers;
}

std::vector<Tensor> Session::run(const Request& request, const std::vector<NamedView>& feeds,
                                 uint64_t step) {
  FeedTypes types;
  for (const NamedView& feed : feeds) types[feed.name] = feed.type;
  std::shared_ptr<CachedPlan> cached = plan_for(request, types);
  std::lock_guard running(cached->running);
  bool writes = !request.program->effects.empty();
  auto alone = writes ? state.own() : std::unique_lock<std::shared_mutex>();
  auto shared = writes ? std::shared_lock<std::shared_mutex>() : state.share();
  std::vector<const void*> pointers = order_feeds(*cached->plan, feeds);
  execute(*cached, pointers, step);
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < cached->plan->output_types().size(); ++i) {
    Tensor tensor(cached->plan->output_types()[i]);
    std::memcpy(tensor.data(), cached->plan->output(i), tensor.type.bytes());
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

std::vector<std::pair<std::string, Tensor>> Session::read_variables() {
  std::vector<std::pair<std::string, Tensor>> values;
  auto alone = state.own();
  refuse_half_written();
  for (Variable* variable : variables.all()) {
    Tensor copy(variable->type);
    std::memcpy(copy.data(), variable->storage.data(), variable->type.bytes());
    values.emplace_back(variable->name, std::move(copy));
  }
  return values;
}

void Session::write_variables(const std::vector<NamedView>& values) {
  // Everything is checked before anything is written.
  for (const NamedView& value : values) {
    const Variable& variable = variables.at(value.name);
    if (variable.type != value.type) {
      throw Error("shape_mismatch", value.name,
                  "takes " + variable.type.text() + ", not " + value.type.text());
    }
  }
  auto alone = state.own();
  for (const NamedView& value : values) {
    Variable& variable = variables.at(value.name);
    std::memcpy(variable.storage.data(), value.data, variable.type.bytes());
    variable.version.fetch_add(1);
    half_written_.erase(value.name);
  }
}

void Session::load_variables(const Graph& graph, const SafetensorsFile& file) {
  std::vector<const SafetensorsFile::Entry*> found;
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (!node.is("variable")) continue;
    const SafetensorsFile::Entry* entry = file.find(node.name);
    if (entry == nullptr || entry->type != node.outputs[0]) {
      throw Error("corrupt_file", file.path(),
                  "the weight '" + node.name + "' is missing or has another shape");
    }
    found.push_back(entry);
  }
  auto alone = state.own();
  variables.make_unfilled(graph);
  std::vector<SafetensorsFile::Part> parts;
  for (const SafetensorsFile::Entry* entry : found) {
    Variable& variable = variables.at(entry->name);
    // Before it is read: what is half written is no longer what a packed copy was made of either.
    variable.version.fetch_add(1);
    parts.push_back({entry, variable.storage.data()});
    half_written_.insert(entry->name);
  }
  file.read(parts, options_.threads);
  for (const SafetensorsFile::Entry* entry : found) half_written_.erase(entry->name);
}

void Session::refuse_half_written() const {
  if (half_written_.empty()) return;
  throw Error("corrupt_file", *half_written_.begin(),
              "is half written: the file of weights ended while it was read; load a whole one");
}

}  // namespace vanda
