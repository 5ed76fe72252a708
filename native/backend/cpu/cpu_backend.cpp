#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "core/error.hpp"

namespace vanda::cpu {

namespace {

// The kernel would hand out more than there is and kill the process later.
void refuse_more_than_memory(size_t bytes) {
  long pages = ::sysconf(_SC_PHYS_PAGES);
  long page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return;
  if (bytes / static_cast<size_t>(page) >= static_cast<size_t>(pages)) {
    throw Error(
        "out_of_memory", "plan",
        "this batch needs " + std::to_string(bytes >> 20) + " MiB, more than the machine has");
  }
}

class CpuPlan final : public Plan {
 public:
  explicit CpuPlan(const CompileRequest& request) : threads_(std::max(1, request.threads)) {
    for (Value output : request.program.outputs) {
      output_types_.push_back(request.program.graph.type(output));
    }
    Lowering lowering(request);
    lowering.run();
    steps_ = std::move(lowering.steps);
    buffers_ = std::move(lowering.buffers);
    feed_names_ = std::move(lowering.feed_names);
    output_buffers_ = std::move(lowering.output_buffers);
    written_ = std::move(lowering.written);
    lay_out(request);
  }

  void run(std::span<const void* const> feeds, uint64_t step) override {
    // The team's size belongs to the calling thread.
    omp_set_num_threads(threads_);
    for (auto [buffer, feed] : feed_buffers_) {
      data_[static_cast<size_t>(buffer)] = const_cast<void*>(feeds[static_cast<size_t>(feed)]);
    }
    RunContext context{data_.data(), step, threads_};
    for (Step& each : steps_) each.run(context);
    for (Variable* variable : written_) variable->version.fetch_add(1, std::memory_order_release);
  }

  const void* output(size_t index) const override {
    return data_[static_cast<size_t>(output_buffers_[index])];
  }
  const std::vector<TensorType>& output_types() const override { return output_types_; }
  const std::vector<std::string>& feed_names() const override { return feed_names_; }
  size_t arena_bytes() const override { return arena_bytes_; }
  std::vector<std::string> describe() const override {
    std::vector<std::string> lines;
    for (const Step& step : steps_) lines.push_back(step.label);
    return lines;
  }

 private:
  // The buffer whose memory each buffer uses: its own, or that of an input which dies in the step
  // that writes it.
  void share_in_place(const std::vector<int>& last_use, std::vector<int>& owner) const {
    for (size_t s = 0; s < steps_.size(); ++s) {
      const Step& step = steps_[s];
      if (step.in_place < 0 || step.writes.empty()) continue;
      size_t from = static_cast<size_t>(step.in_place);
      size_t to = static_cast<size_t>(step.writes[0]);
      bool arena =
          buffers_[from].kind == BufferKind::arena && buffers_[to].kind == BufferKind::arena;
      if (!arena || buffers_[from].bytes != buffers_[to].bytes) continue;
      if (last_use[from] != static_cast<int>(s)) continue;
      // Read twice, it may be read at other places than the one being written.
      if (std::count(step.reads.begin(), step.reads.end(), step.in_place) != 1) continue;
      owner[to] = owner[from];
    }
  }

  void lay_out(const CompileRequest& request) {
    int end = static_cast<int>(steps_.size());
    std::vector<int> first(buffers_.size(), end);
    std::vector<int> last(buffers_.size(), -1);
    for (int s = 0; s < end; ++s) {
      const Step& step = steps_[static_cast<size_t>(s)];
      for (const auto* list : {&step.reads, &step.writes}) {
        for (int buffer : *list) {
          size_t at = static_cast<size_t>(buffer);
          first[at] = std::min(first[at], s);
          last[at] = std::max(last[at], s);
        }
      }
    }
    for (int buffer : output_buffers_) last[static_cast<size_t>(buffer)] = end;
    std::vector<int> owner(buffers_.size());
    std::iota(owner.begin(), owner.end(), 0);
    if (request.passes.enabled("inPlace")) share_in_place(last, owner);
    // Without reuse everything lives from the first step to the last.
    bool reuse = request.passes.enabled("reuse");
    std::vector<Lifetime> lifetimes;
    std::vector<int> slot(buffers_.size(), -1);
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (buffers_[i].kind != BufferKind::arena || last[i] < 0) continue;
      size_t root = static_cast<size_t>(owner[i]);
      if (slot[root] < 0) {
        slot[root] = static_cast<int>(lifetimes.size());
        lifetimes.push_back({buffers_[root].bytes, first[root], last[root]});
      }
      Lifetime& life = lifetimes[static_cast<size_t>(slot[root])];
      life.first = reuse ? std::min(life.first, first[i]) : 0;
      life.last = reuse ? std::max(life.last, last[i]) : end;
      slot[i] = slot[root];
    }
    Placement placement = request.place(lifetimes);
    arena_bytes_ = placement.total;
    refuse_more_than_memory(arena_bytes_);
    arena_ = std::make_unique<AlignedBytes>(placement.total);
    data_.assign(buffers_.size(), nullptr);
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (buffers_[i].kind == BufferKind::feed) {
        feed_buffers_.emplace_back(static_cast<int>(i), buffers_[i].feed);
      } else if (buffers_[i].kind != BufferKind::arena) {
        data_[i] = buffers_[i].data;
      } else if (slot[i] >= 0) {
        data_[i] =
            static_cast<char*>(arena_->data()) + placement.offsets[static_cast<size_t>(slot[i])];
      } else {
        data_[i] = arena_->data();
      }
    }
  }

  int threads_;
  std::vector<Step> steps_;
  std::vector<Buffer> buffers_;
  std::vector<std::string> feed_names_;
  std::vector<int> output_buffers_;
  std::vector<Variable*> written_;
  std::vector<TensorType> output_types_;
  std::vector<std::pair<int, int>> feed_buffers_;
  std::vector<void*> data_;
  std::unique_ptr<AlignedBytes> arena_;
  size_t arena_bytes_ = 0;
};

class CpuBackend final : public Backend {
 public:
  std::unique_ptr<Plan> compile(const CompileRequest& request) override {
    return std::make_unique<CpuPlan>(request);
  }
  std::string name() const override { return "cpu (oneDNN " + onednn_version() + ")"; }
  std::string isa() const override { return kernels().isa; }
};

}  // namespace

}  // namespace vanda::cpu

namespace vanda {

Backend& linked_backend() {
  static auto* backend = new cpu::CpuBackend();
  return *backend;
}

}  // namespace vanda
