#include "backend/cpu/packed_variable.hpp"

namespace vanda::cpu {

std::shared_ptr<PackedVariable> packed_variable(Variable& variable, const PackedForm& form,
                                                size_t size) {
  std::lock_guard lock(variable.copies_mutex);
  std::erase_if(variable.copies, [](const auto& copy) { return copy.expired(); });
  for (const auto& copy : variable.copies) {
    auto packed = std::dynamic_pointer_cast<PackedVariable>(copy.lock());
    if (packed && packed->form == form) return packed;
  }
  auto fresh = std::make_shared<PackedVariable>(form, size);
  variable.copies.push_back(fresh);
  return fresh;
}

}  // namespace vanda::cpu
