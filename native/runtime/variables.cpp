#include "runtime/variables.hpp"

#include "core/error.hpp"
#include "runtime/huge_pages.hpp"
#include "runtime/initializers.hpp"

namespace vanda {

namespace {

// Variables of at least so many bytes, where they make up a few huge pages together, lie side by
// side in such pages.
constexpr size_t kLargeBytes = size_t{64} << 10;
constexpr size_t kTogetherBytes = 4 * kHugePage;

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class Storage {
 public:
  Storage(const Graph& graph, int first) {
    size_t total = 0;
    for (int id = first; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      if (node.is("variable") && is_large(node)) total += rounded(node.outputs[0].bytes());
    }
    if (total >= kTogetherBytes) pages_ = huge_pages(total);
  }
  Tensor take(const Node& variable) {
    const TensorType& type = variable.outputs[0];
    if (pages_ == nullptr || !is_large(variable)) return Tensor(type);
    char* data = static_cast<char*>(pages_.get()) + used_;
    used_ += rounded(type.bytes());
    return Tensor(type, std::make_shared<AlignedBytes>(pages_, data, type.bytes()));
  }

 private:
  static bool is_large(const Node& node) { return node.outputs[0].bytes() >= kLargeBytes; }
  std::shared_ptr<void> pages_;
  size_t used_ = 0;
};

}  // namespace

void VariableStore::make(const Graph& graph, bool filled) {
  std::lock_guard lock(mutex_);
  Storage storage(graph, synced_);
  for (; synced_ < graph.size(); ++synced_) {
    const Node& node = graph.node(synced_);
    if (!node.is("variable")) continue;
    auto variable = std::make_unique<Variable>();
    variable->name = node.name;
    variable->type = node.outputs[0];
    variable->trainable = node.flag("trainable");
    variable->storage = storage.take(node);
    if (filled) fill_initial_value(node, View{&variable->type, variable->storage.data()});
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
