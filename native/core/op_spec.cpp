#include "core/op_spec.hpp"

#include <mutex>
#include <shared_mutex>

namespace vanda {

namespace {
std::map<std::string, OpSpec>& table() {
  static std::map<std::string, OpSpec> ops;
  return ops;
}
// An op may be registered while other threads build graphs. Entries stay where they are.
std::shared_mutex& table_mutex() {
  static std::shared_mutex mutex;
  return mutex;
}
const char* current_family = "";
}  // namespace

const OpSpec* find_op(const std::string& name) {
  std::shared_lock lock(table_mutex());
  auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

void register_op(OpSpec spec) {
  std::string name = spec.name;
  spec.family = current_family;
  std::unique_lock lock(table_mutex());
  table().insert_or_assign(std::move(name), std::move(spec));
}

bool register_new_op(OpSpec spec) {
  std::string name = spec.name;
  std::unique_lock lock(table_mutex());
  return table().emplace(std::move(name), std::move(spec)).second;
}

void register_family(const char* title, void (*registration)()) {
  current_family = title;
  registration();
  current_family = "";
}

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  std::shared_lock lock(table_mutex());
  for (const auto& [name, spec] : table()) names.push_back(name);
  return names;
}

}  // namespace vanda
