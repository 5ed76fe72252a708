#include "runtime/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace vanda {

std::shared_ptr<void> huge_pages(size_t bytes) {
  size_t wanted = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  // One page more than needed, so that what is handed out can begin where a page does.
  size_t mapped = wanted + kHugePage;
  void* block =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return nullptr;
  size_t offset = (kHugePage - reinterpret_cast<uintptr_t>(block) % kHugePage) % kHugePage;
  void* data = static_cast<char*>(block) + offset;
#ifdef MADV_HUGEPAGE
  ::madvise(data, wanted, MADV_HUGEPAGE);
#endif
  return std::shared_ptr<void>(data, [block, mapped](void*) { ::munmap(block, mapped); });
}

}  // namespace vanda
