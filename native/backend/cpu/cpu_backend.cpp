#include <omp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "backend/cpu/arena.hpp"
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

// Huge pages spare most of the address look-ups of a large arena.
void prefer_huge_pages(void* data, size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kHugePage - 1) / kHugePage * kHugePage;
  uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) / kHugePage * kHugePage;
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class CpuPlan final : public Plan {
 public:
  explicit CpuPlan(const CompileRequest& request) : threads_(std::max(1, request.threads)) {
    const Program& program = request.program;
    for (Value output : program.outputs) output_types_.push_back(program.graph.type(output));
    Lowering lowering(request);
    lowering.run();
    steps_ = std::move(lowering.steps);
    buffers_ = std::move(lowering.buffers);
    feed_names_ = std::move(lowering.feed_names);
    output_buffers_ = std::move(lowering.output_buffers);
    written_ = std::move(lowering.written);
    uses_openmp_ = lowering.uses_openmp;
    Arena arena = plan_arena(steps_, buffers_, output_buffers_, request);
    memory_ = plan_memory(arena, buffers_);
    memory_.arena += lowering.body_bytes;
    if (request.admit) request.admit(memory_);
    refuse_more_than_memory(memory_.arena);
    bind(arena);
  }

  void run(std::span<const void* const> feeds, uint64_t step, StepTimes* times) override {
    Team::Turn turn(threads_, !uses_openmp_);
    // The size of OpenMP's team belongs to the calling thread.
    if (uses_openmp_) omp_set_num_threads(threads_);
    for (auto [buffer, feed] : feed_buffers_) {
      data_[static_cast<size_t>(buffer)] = const_cast<void*>(feeds[static_cast<size_t>(feed)]);
    }
    for (int view : fed_views_) place_view(static_cast<size_t>(view));
    RunContext context{data_.data(), step, threads_};
    if (times == nullptr)
      for (Step& each : steps_) each.run(context);
    else
      run_timed(context, *times);
    for (Variable* variable : written_) variable->version.fetch_add(1, std::memory_order_release);
  }

  const void* output(size_t index) const override {
    return data_[static_cast<size_t>(output_buffers_[index])];
  }
  const std::vector<TensorType>& output_types() const override { return output_types_; }
  const std::vector<std::string>& feed_names() const override { return feed_names_; }
  const std::vector<TensorType>& feed_types() const override { return feed_types_; }
  const PlanMemory& memory() const override { return memory_; }

  std::vector<StepInfo> steps() const override {
    std::vector<StepInfo> all;
    for (const Step& step : steps_) {
      StepInfo info;
      info.label = step.label;
      for (int buffer : step.reads) info.bytes_read += bytes_of(buffer);
      for (int buffer : step.writes) info.bytes_written += bytes_of(buffer);
      if (!step.writes.empty()) info.result = text_of(step.writes[0]);
      all.push_back(std::move(info));
    }
    return all;
  }

 private:
  void run_timed(const RunContext& context, StepTimes& times) {
    times.begin.resize(steps_.size());
    times.end.resize(steps_.size());
    for (size_t i = 0; i < steps_.size(); ++i) {
      times.begin[i] = now();
      steps_[i].run(context);
      times.end[i] = now();
    }
  }

  size_t bytes_of(int buffer) const { return buffers_[static_cast<size_t>(buffer)].bytes; }
  std::string text_of(int buffer) const {
    const Buffer& described = buffers_[static_cast<size_t>(buffer)];
    std::string text = described.type ? described.type->text() : "";
    if (described.layout) text += (text.empty() ? "" : " ") + layout_text(*described.layout);
    return text;
  }

  void bind(const Arena& arena) {
    arena_ = std::make_unique<AlignedBytes>(arena.bytes);
    prefer_huge_pages(arena_->data(), arena.bytes);
    data_.assign(buffers_.size(), arena_->data());
    feed_types_.resize(feed_names_.size());
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const Buffer& buffer = buffers_[i];
      if (buffer.kind == BufferKind::feed) {
        feed_buffers_.emplace_back(static_cast<int>(i), buffer.feed);
        feed_types_[static_cast<size_t>(buffer.feed)] = *buffer.type;
      } else if (buffer.kind == BufferKind::view) {
        continue;
      } else if (buffer.kind != BufferKind::arena) {
        data_[i] = buffer.data;
      } else if (arena.offsets[i] != Arena::kNowhere) {
        data_[i] = static_cast<char*>(arena_->data()) + arena.offsets[i];
      }
    }
    bind_views();
  }

  // Once all else has its place; parts of what is fed move with it, in each run.
  void bind_views() {
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (buffers_[i].kind != BufferKind::view) continue;
      bool fed = buffers_[static_cast<size_t>(buffers_[i].owner)].kind == BufferKind::feed;
      if (fed)
        fed_views_.push_back(static_cast<int>(i));
      else
        place_view(i);
    }
  }
  void place_view(size_t view) {
    const Buffer& own = buffers_[view];
    data_[view] = static_cast<char*>(data_[static_cast<size_t>(own.owner)]) + own.offset;
  }

  int threads_;
  bool uses_openmp_ = false;
  std::vector<Step> steps_;
  std::vector<Buffer> buffers_;
  std::vector<std::string> feed_names_;
  std::vector<TensorType> feed_types_;
  std::vector<int> output_buffers_;
  std::vector<Variable*> written_;
  std::vector<TensorType> output_types_;
  std::vector<std::pair<int, int>> feed_buffers_;
  std::vector<int> fed_views_;
  std::vector<void*> data_;
  std::unique_ptr<AlignedBytes> arena_;
  PlanMemory memory_;
};

class CpuBackend final : public Backend {
 public:
  std::unique_ptr<Plan> compile(const CompileRequest& request) override {
    return std::make_unique<CpuPlan>(request);
  }
  WordKernels word_kernels() const override {
    return {kernels().random_words, kernels().skip_gram};
  }
  std::string name() const override { return "cpu (oneDNN " + onednn_version() + ")"; }
  std::string isa() const override { return kernels().isa; }
  bool has_bf16() const override { return onednn_has_bf16(); }
};

}  // namespace

}  // namespace vanda::cpu

namespace vanda {

Backend& linked_backend() {
  static auto* backend = new cpu::CpuBackend();
  return *backend;
}

}  // namespace vanda
