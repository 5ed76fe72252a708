#include "passes/masks.hpp"
#include "passes/passes.hpp"

namespace vanda {

// where(x > c, max_pool_grad(dy, places), 0), where x is what was pooled, is the same as
// max_pool_grad(where(max_pool(x) > c, dy, 0), places): a gradient only reaches the places of the
// maxima, and there x is the pooled value. x itself then need not live until the backward step.
Program sink_masks(const Program& program) {
  Rewriter rewriter(program);
  const Graph& graph = program.graph;
  std::vector<std::vector<int>> uses = count_uses(program);
  return rewriter.run([&](int id) {
    std::optional<Mask> mask = mask_of(graph, id);
    if (!mask) return false;
    const Node& grad = graph.node(mask->gradient);
    if (!grad.is("max_pool2d_grad") || uses[static_cast<size_t>(mask->gradient.node)][0] != 1) {
      return false;
    }
    Value places = grad.inputs[1];
    const Node& pool = graph.node(places);
    if (!pool.is("max_pool2d") || pool.inputs[0] != mask->value) return false;
    Emit& emit = rewriter.emit;
    Value pooled = rewriter.mapped(Value{places.node, 0});
    Value open = emit.op("greater", {pooled, rewriter.mapped(mask->bound)});
    Value masked = emit.where(open, rewriter.mapped(grad.inputs[0]), rewriter.mapped(mask->zero));
    int sunk = rewriter.result.graph.add_copy(grad, {masked, rewriter.mapped(places)});
    rewriter.replace(id, Value{sunk, 0});
    return true;
  });
}

}  // namespace vanda
