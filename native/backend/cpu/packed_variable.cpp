#include "backend/cpu/packed_variable.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace vanda::cpu {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Copies of at least so many bytes, where those of a plan make up a few huge pages together.
constexpr size_t kLargeBytes = size_t{64} << 10;
constexpr size_t kTogetherBytes = 4 * kHugePage;

}  // namespace

std::shared_ptr<AlignedBytes> PackedPages::take(size_t size) {
  if (size < kLargeBytes || expected_ < kTogetherBytes) return std::make_shared<AlignedBytes>(size);
  if (block_ == nullptr || used_ + size > block_->size()) {
    // Nothing is taken before it is touched, so that the last page alone may stay unused.
    size_t pages = (std::max(expected_, size) + kHugePage - 1) / kHugePage + 1;
    block_ = std::make_shared<AlignedBytes>(pages * kHugePage);
    used_ = (kHugePage - reinterpret_cast<uintptr_t>(block_->data()) % kHugePage) % kHugePage;
#ifdef MADV_HUGEPAGE
    ::madvise(static_cast<char*>(block_->data()) + used_, (pages - 1) * kHugePage, MADV_HUGEPAGE);
#endif
  }
  char* data = static_cast<char*>(block_->data()) + used_;
  used_ += (size + kAlignment - 1) / kAlignment * kAlignment;
  return std::make_shared<AlignedBytes>(block_, data, size);
}

std::shared_ptr<PackedVariable> packed_variable(Variable& variable, const PackedForm& form,
                                                size_t size, PackedPages& pages) {
  std::lock_guard lock(variable.copies_mutex);
  std::erase_if(variable.copies, [](const auto& copy) { return copy.expired(); });
  for (const auto& copy : variable.copies) {
    auto packed = std::dynamic_pointer_cast<PackedVariable>(copy.lock());
    if (packed && packed->form == form) return packed;
  }
  auto fresh = std::make_shared<PackedVariable>(form, pages.take(size));
  variable.copies.push_back(fresh);
  return fresh;
}

}  // namespace vanda::cpu
