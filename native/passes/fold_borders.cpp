#include "ops/window.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

class BorderFolder {
 public:
  explicit BorderFolder(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph), uses_(count_uses(program)) {}

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& conv = rewriter_.source.graph.node(id);
    if (!conv.is("conv2d")) return false;
    Value padded = conv.inputs[0];
    bool once = uses_[static_cast<size_t>(padded.node)][static_cast<size_t>(padded.output)] == 1;
    const Node& border = graph_.node(rewriter_.mapped(padded));
    if (!once || !is_border_of_zeros(border)) return false;
    const Shape& x = graph_.type(rewriter_.mapped(padded)).shape;
    const Shape& kernel = rewriter_.source.graph.type(conv.inputs[1]).shape;
    Window window = window_of(conv, x[1], x[2], kernel[0], kernel[1]);
    const std::vector<int64_t>& before = border.integers("before");
    const std::vector<int64_t>& after = border.integers("after");
    std::vector<Value> inputs = rewriter_.mapped_inputs(id);
    inputs[0] = border.inputs[0];
    Attributes attributes = conv.attributes;
    attributes["padding"] = std::string("explicit");
    attributes["pads"] = std::vector<int64_t>{before[1] + window.top, after[1] + window.bottom,
                                              before[2] + window.left, after[2] + window.right};
    rewriter_.replace(id, rewriter_.emit.op("conv2d", inputs, std::move(attributes)));
    return true;
  }

  static bool is_border_of_zeros(const Node& node) {
    if (!node.is("pad") || node.number("value") != 0) return false;
    const std::vector<int64_t>& before = node.integers("before");
    const std::vector<int64_t>& after = node.integers("after");
    return before[0] == 0 && after[0] == 0 && before[3] == 0 && after[3] == 0;
  }

  Rewriter rewriter_;
  Graph& graph_;
  std::vector<std::vector<int>> uses_;
};

}  // namespace

Program fold_borders(const Program& program) { return BorderFolder(program).run(); }

}  // namespace vanda
