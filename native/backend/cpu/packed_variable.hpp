#pragma once

#include <variant>

#include "backend/cpu/onednn.hpp"
#include "core/backend.hpp"

namespace vanda::cpu {

// What a packed copy is: a layout of oneDNN's, or panels of our own (the numbers of their view).
using PackedForm = std::variant<Layout, std::vector<int64_t>>;

// A variable in the form that a kernel likes. Plans for several batch sizes share one; whichever runs
// first after the variable was written packs it again. Writers of variables have the session alone,
// so that nobody packs while another plan reads an older version.
class PackedVariable final : public VariableCopy {
 public:
  PackedVariable(PackedForm form, std::shared_ptr<AlignedBytes> bytes)
      : form(std::move(form)), bytes(std::move(bytes)) {}

  template <typename Pack>
  void refresh(const Variable& variable, Pack pack) {
    uint64_t version = variable.version.load(std::memory_order_acquire);
    if (seen_.load(std::memory_order_acquire) == version) return;
    std::lock_guard lock(mutex_);
    if (seen_.load(std::memory_order_relaxed) == version) return;
    pack();
    seen_.store(version, std::memory_order_release);
  }

  const PackedForm form;
  const std::shared_ptr<const AlignedBytes> bytes;

 private:
  std::mutex mutex_;
  std::atomic<uint64_t> seen_{0};
};

// Memory of the packed copies that one plan makes, side by side in huge pages where they are large
// together: touched for the first time in small ones, they cost more than the packing itself.
class PackedPages {
 public:
  // `expected`: bytes of all of them, roughly.
  explicit PackedPages(size_t expected) : expected_(expected) {}
  std::shared_ptr<AlignedBytes> take(size_t size);

 private:
  size_t expected_;
  std::shared_ptr<AlignedBytes> block_;
  size_t used_ = 0;
};

// The copy of that form that another plan has already, or a new one.
std::shared_ptr<PackedVariable> packed_variable(Variable& variable, const PackedForm& form,
                                                size_t size, PackedPages& pages);

}  // namespace vanda::cpu
