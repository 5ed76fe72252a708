#include "ops/fused_gradient.hpp"

#include "core/error.hpp"

namespace vanda {

std::vector<Value> refuse_second_order(Graph& graph, int node, std::span<const Value>) {
  std::string name = graph.node(node).op->name;
  std::string forward = name.substr(0, name.rfind("_grad"));
  throw Error("no_gradient", forward,
              "its gradient is one fused kernel and cannot be differentiated again; where "
              "gradients of gradients are needed, write it with elementwise ops and reductions");
}

}  // namespace vanda
