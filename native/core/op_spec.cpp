#include "core/op_spec.hpp"

namespace vanda {

namespace {
std::map<std::string, OpSpec>& table() {
  static std::map<std::string, OpSpec> ops;
  return ops;
}
const char* current_family = "";
}  // namespace

const OpSpec* find_op(const std::string& name) {
  auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

void register_op(OpSpec spec) {
  std::string name = spec.name;
  spec.family = current_family;
  table().insert_or_assign(std::move(name), std::move(spec));
}

void register_family(const char* title, void (*registration)()) {
  current_family = title;
  registration();
  current_family = "";
}

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const auto& [name, spec] : table()) names.push_back(name);
  return names;
}

}  // namespace vanda
