#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

std::vector<int> schedule(const Program& program) {
  std::vector<bool> needed = Rewriter::needed_nodes(program);
  std::vector<int> order;
  for (int id = 0; id < program.graph.size(); ++id) {
    bool effect = program.graph.node(id).op->op_class == OpClass::effect;
    if (needed[static_cast<size_t>(id)] && !effect) order.push_back(id);
  }
  order.insert(order.end(), program.effects.begin(), program.effects.end());
  return order;
}

}  // namespace vanda
