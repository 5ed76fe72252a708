#include "runtime/variables.hpp"

#include "core/error.hpp"
#include "runtime/initializers.hpp"

namespace vanda {

void VariableStore::sync(const Graph& graph) {
  std::lock_guard lock(mutex_);
  for (; synced_ < graph.size(); ++synced_) {
    const Node& node = graph.node(synced_);
    if (!node.is("variable")) continue;
    auto variable = std::make_unique<Variable>();
    variable->name = node.name;
    variable->type = node.outputs[0];
    variable->trainable = node.flag("trainable");
    variable->storage = initial_value(node);
    order_.push_back(variable.get());
    variables_.emplace(node.name, std::move(variable));
  }
}

Variable& VariableStore::at(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = variables_.find(name);
  if (found == variables_.end()) {
    throw Error("unknown_name", name, "there is no variable of that name");
  }
  return *found->second;
}

std::vector<Variable*> VariableStore::all() const {
  std::lock_guard lock(mutex_);
  return order_;
}

}  // namespace vanda
