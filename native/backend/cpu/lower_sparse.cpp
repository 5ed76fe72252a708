#include <algorithm>
#include <atomic>
#include <memory>

#include "backend/cpu/row_groups.hpp"
#include "backend/cpu/update_settings.hpp"
#include "core/error.hpp"
#include "ops/elementwise.hpp"

namespace vanda::cpu {

namespace {

// Floats of one block of rows, which is updated as one run in the first-level cache.
constexpr int64_t kBlockFloats = 1024;
// Rows of up to a cache line are called in ahead.
constexpr int64_t kCalledWidth = 16;
// In floats touched; below this, waking a team costs more than the work.
constexpr int64_t kParallelCost = 40000;

void report_bad_index(const std::string& op, bool bad) {
  if (bad) throw Error("invalid_feed", op, "an index is outside its table");
}

// The sparse updates of all tables of one setting, as one step. Tables whose rows come from the same
// indices are grouped once. A unit of work is one such set of tables, or a share of its rows; units
// touch nothing in common, so no lock is needed and the result does not depend on the threads.
struct SparseUpdate {
  struct Table {
    BoundParts gradient;
    int variable = -1;
    int slots[kSlotsMax] = {};
    int scale = -1;
  };
  struct Set {
    std::string key;
    std::vector<Table> tables;
    int64_t cost = 0;
  };
  struct Unit {
    size_t set;
    int partition, partitions;
    int64_t cost;
  };
  struct Scratch {
    RowGroups groups;
    std::vector<float> gradient, weights, slots[kSlotsMax];
  };

  UpdateSettings settings;
  std::vector<Set> sets;
  std::vector<Unit> units;
  std::vector<size_t> bounds;  // the units of each thread
  std::vector<Scratch> scratch;
  int64_t positions_max = 0;
  int64_t width_max = 1;
  int64_t cost = 0;

  void add(Table table) {
    positions_max = std::max(positions_max, table.gradient.positions);
    width_max = std::max(width_max, table.gradient.width);
    int64_t own = table.gradient.positions * (table.gradient.width + 8);
    cost += own;
    std::string key = table.gradient.index_key();
    auto at = std::find_if(sets.begin(), sets.end(), [&](const Set& s) { return s.key == key; });
    if (at == sets.end()) at = sets.insert(sets.end(), Set{key, {}, 0});
    at->cost += own;
    at->tables.push_back(std::move(table));
  }

  // Once all tables are in: shares the units out evenly, in their order.
  void prepare(int threads) {
    int team = cost < kParallelCost ? 1 : threads;
    for (size_t s = 0; s < sets.size(); ++s) {
      int partitions = partitions_of(sets[s].tables[0].gradient.positions, team);
      for (int p = 0; p < partitions; ++p)
        units.push_back({s, p, partitions, sets[s].cost / partitions});
    }
    bounds.assign(static_cast<size_t>(team) + 1, units.size());
    bounds[0] = 0;
    int64_t done = 0;
    size_t next = 1;
    for (size_t u = 0; u < units.size(); ++u) {
      done += units[u].cost;
      while (next < static_cast<size_t>(team) &&
             done * team >= cost * static_cast<int64_t>(next)) {
        bounds[next++] = u + 1;
      }
    }
    scratch.resize(static_cast<size_t>(team));
    size_t floats = static_cast<size_t>(std::max(kBlockFloats, width_max));
    for (Scratch& own : scratch) {
      own.groups.reserve(positions_max);
      own.gradient.resize(floats);
      own.weights.resize(floats);
      for (int i = 0; i < settings.slots; ++i) own.slots[i].resize(floats);
    }
  }

  void run(const RunContext& context) {
    if (!settings.due(context)) return;
    UpdateRates rates = settings.rates(context);
    std::atomic<bool> bad{false};
    int team = static_cast<int>(scratch.size());
    parallel_for(team, team, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t t = begin; t < end; ++t) {
        size_t thread = static_cast<size_t>(t);
        for (size_t u = bounds[thread]; u < bounds[thread + 1]; ++u) {
          if (!run_unit(context, rates, units[u], scratch[thread])) bad = true;
        }
      }
    });
    report_bad_index("sparse update", bad);
  }

  bool run_unit(const RunContext& context, const UpdateRates& rates, const Unit& unit,
                Scratch& own) const {
    const Set& set = sets[unit.set];
    bool good =
        own.groups.build(context, set.tables[0].gradient, unit.partition, unit.partitions);
    for (const Table& table : set.tables) call_rows(context, table, own.groups);
    for (const Table& table : set.tables) {
      int64_t block = std::max<int64_t>(1, kBlockFloats / table.gradient.width);
      for (int64_t begin = 0; begin < own.groups.count(); begin += block) {
        int64_t n = std::min(block, own.groups.count() - begin);
        run_block(context, rates, table, own, begin, n);
      }
    }
    return good;
  }

  // Calls the rows of narrow tables into the cache, all at once: one by one, each would be waited for.
  void call_rows(const RunContext& context, const Table& table, const RowGroups& groups) const {
    int64_t width = table.gradient.width;
    if (width > kCalledWidth) return;
    const float* bases[kSlotsMax + 1] = {static_cast<const float*>(context.data[table.variable])};
    for (int i = 0; i < settings.slots; ++i)
      bases[i + 1] = static_cast<const float*>(context.data[table.slots[i]]);
    for (int64_t g = 0; g < groups.count(); ++g) {
      int64_t at = static_cast<int64_t>(groups.rows()[g]) * width;
      for (int i = 0; i <= settings.slots; ++i) __builtin_prefetch(bases[i] + at, 1, 2);
    }
  }

  void run_block(const RunContext& context, const UpdateRates& rates, const Table& table,
                 Scratch& own, int64_t begin, int64_t n) const {
    const KernelTable& k = kernels();
    int64_t width = table.gradient.width;
    const uint32_t* rows = own.groups.rows() + begin;
    float scale = table.scale < 0 ? 1 : *static_cast<const float*>(context.data[table.scale]);
    own.groups.sum(context, table.gradient, begin, n, scale, own.gradient.data());
    float* variable = static_cast<float*>(context.data[table.variable]);
    float* slots[kSlotsMax] = {};
    if (n == 1) {
      int64_t at = static_cast<int64_t>(rows[0]) * width;
      for (int i = 0; i < settings.slots; ++i)
        slots[i] = static_cast<float*>(context.data[table.slots[i]]) + at;
      settings.function(variable + at, slots, own.gradient.data(), &rates, width);
      return;
    }
    k.take_rows(own.weights.data(), variable, rows, n, width);
    for (int i = 0; i < settings.slots; ++i) {
      slots[i] = own.slots[i].data();
      k.take_rows(slots[i], static_cast<float*>(context.data[table.slots[i]]), rows, n, width);
    }
    settings.function(own.weights.data(), slots, own.gradient.data(), &rates, n * width);
    k.put_rows(variable, own.weights.data(), rows, n, width);
    for (int i = 0; i < settings.slots; ++i)
      k.put_rows(static_cast<float*>(context.data[table.slots[i]]), slots[i], rows, n, width);
  }
};

void lower_sparse_update(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  UpdateSettings settings = update_settings(lowering, node);
  UpdateInputs at = update_inputs(node);
  const Shape& shape = lowering.type(node.inputs[0]).shape;
  SparseUpdate::Table table;
  std::vector<int> written = {table.variable = written_buffer(lowering, node, 0)};
  for (int i = 0; i < at.slots; ++i) {
    table.slots[i] = written_buffer(lowering, node, static_cast<size_t>(i) + 1);
    written.push_back(table.slots[i]);
  }
  table.gradient = bind_parts(lowering, node, static_cast<size_t>(at.parts), shape[0],
                              shape.elements() / shape[0]);
  std::vector<int> read = table.gradient.buffers();
  read.push_back(settings.rate_buffer);
  if (settings.step_buffer >= 0) read.push_back(settings.step_buffer);
  if (at.scale >= 0) {
    table.scale = lowering.snapshot(node.inputs[static_cast<size_t>(at.scale)]);
    read.push_back(table.scale);
  }

  auto [open, fresh] = lowering.open_updates.try_emplace(update_key(node, settings));
  if (!fresh) {
    static_cast<SparseUpdate*>(open->second.update.get())->add(std::move(table));
    Step& step = lowering.steps[open->second.step];
    step.reads.insert(step.reads.end(), read.begin(), read.end());
    step.writes.insert(step.writes.end(), written.begin(), written.end());
    return;
  }
  auto update = std::make_shared<SparseUpdate>();
  update->settings = settings;
  update->add(std::move(table));
  open->second = {update, lowering.steps.size()};
  int threads = lowering.threads();
  lowering.add(node.op->name, read, written, [update, threads](const RunContext& context) {
    if (update->scratch.empty()) update->prepare(threads);
    update->run(context);
  });
}

// The sum of the squares of a sparse gradient, its rows summed first.
void lower_square_sum(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  auto parts = std::make_shared<const BoundParts>(
      bind_parts(lowering, node, 0, node.integer("rows"), node.integer("width")));
  int target = lowering.define_new(Value{id, 0});
  int64_t block = std::max<int64_t>(1, kBlockFloats / parts->width);
  auto groups = std::make_shared<RowGroups>();
  auto rows = std::make_shared<std::vector<float>>(static_cast<size_t>(block * parts->width));
  groups->reserve(parts->positions);
  lowering.add("sparse_square_sum", parts->buffers(), {target}, [=](const RunContext& context) {
    report_bad_index("sparse_square_sum", !groups->build(context, *parts, 0, 1));
    double total = 0;
    for (int64_t begin = 0; begin < groups->count(); begin += block) {
      int64_t n = std::min(block, groups->count() - begin);
      float* sums = rows->data();
      groups->sum(context, *parts, begin, n, 1, sums);
      kernels().tile[static_cast<int>(Scalar::square)](sums, sums, nullptr, nullptr, nullptr,
                                                       n * parts->width);
      total += kernels().sum(sums, n * parts->width);
    }
    *static_cast<float*>(context.data[target]) = static_cast<float>(total);
  });
}

}  // namespace

bool lower_sparse(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  if (node.is("sparse_square_sum")) {
    lower_square_sum(lowering, id);
    return true;
  }
  if (!is_sparse_update(node)) return false;
  lower_sparse_update(lowering, id);
  return true;
}

}  // namespace vanda::cpu
