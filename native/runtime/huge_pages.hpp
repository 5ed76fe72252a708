#pragma once

#include <cstddef>
#include <memory>

namespace vanda {

// Zeroed memory in pages of two megabytes where the system gives them on demand, otherwise in
// ordinary ones; nothing is taken before it is touched. Rows of embeddings are read here and there:
// in small pages, finding where a row lies costs more than reading it. Null where there is none.
std::shared_ptr<void> huge_pages(size_t bytes);

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace vanda
