#include "backend/cpu/panels.hpp"

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/packed_variable.hpp"

namespace vanda::cpu {

namespace {

// Below this, waking a team costs more than the copy.
constexpr int64_t kParallelFloats = 65536;

void pack(const MatrixView& view, const float* from, float* to, int threads) {
  const KernelTable& k = kernels();
  int64_t panels = (view.columns + k.panel - 1) / k.panel;
  int team = view.inner * view.columns >= kParallelFloats ? threads : 1;
  parallel_for(team, panels, 1, [&](int64_t begin, int64_t end, int) {
    int64_t first = begin * k.panel;
    int64_t last = end * k.panel < view.columns ? end * k.panel : view.columns;
    k.pack_panels(to + first * view.inner, from + view.offset + first * view.column, view.row,
                  view.column, view.inner, last - first);
  });
}

}  // namespace

int64_t panel_floats(int64_t inner, int64_t columns) {
  int64_t panel = kernels().panel;
  return (columns + panel - 1) / panel * panel * inner;
}

int packed_copy(Lowering& lowering, Value value, const std::vector<int64_t>& form, size_t bytes,
                PackFn pack) {
  std::vector<int64_t> key = {value.node, value.output};
  key.insert(key.end(), form.begin(), form.end());
  if (auto found = lowering.panels.find(key); found != lowering.panels.end()) return found->second;
  int source = lowering.plain(value);
  Variable* variable = lowering.buffers[static_cast<size_t>(source)].variable;
  std::shared_ptr<PackedVariable> packed;
  if (variable != nullptr) packed = packed_variable(*variable, form, bytes, lowering.packed_pages);
  size_t first_step = lowering.steps.size();
  size_t first_buffer = lowering.buffers.size();
  int target = packed ? lowering.packed_buffer(*packed) : lowering.new_buffer(bytes);
  auto run = [=](const RunContext& context) {
    pack(static_cast<const float*>(context.data[source]), static_cast<float*>(context.data[target]),
         context.threads);
  };
  if (packed) {
    lowering.add("pack", {source}, {target}, [=](const RunContext& context) {
      packed->refresh(*variable, [&] { run(context); });
    });
  } else {
    lowering.add("pack", {source}, {target}, run);
    lowering.keep_if_steady(value, first_step, first_buffer);
  }
  lowering.panels.emplace(std::move(key), target);
  return target;
}

int packed_panels(Lowering& lowering, Value value, const MatrixView& view) {
  size_t bytes = static_cast<size_t>(panel_floats(view.inner, view.columns)) * sizeof(float);
  return packed_copy(
      lowering, value, {view.offset, view.row, view.column, view.inner, view.columns}, bytes,
      [view](const float* from, float* to, int threads) { pack(view, from, to, threads); });
}

}  // namespace vanda::cpu
