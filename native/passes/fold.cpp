#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// Bigger constants would cost more memory than the work that they save.
constexpr int64_t kFoldedElementsMax = 1 << 16;

bool foldable(const Rewriter& rewriter, const Node& node, const std::vector<Value>& inputs) {
  if (node.op->reference == nullptr || node.op->op_class == OpClass::source || inputs.empty() ||
      node.is("expand")) {
    return false;  // an expanded constant is free inside a fused program
  }
  for (Value input : inputs) {
    if (!rewriter.made(input).is("constant")) return false;
  }
  for (const TensorType& output : node.outputs) {
    if (output.shape.elements() > kFoldedElementsMax) return false;
  }
  return true;
}

}  // namespace

Program fold_constants(const Program& program) {
  Rewriter rewriter(program);
  return rewriter.run([&](int id) {
    const Node& node = program.graph.node(id);
    std::vector<Value> inputs = rewriter.mapped_inputs(id);
    if (!foldable(rewriter, node, inputs)) return false;
    std::vector<ConstView> views;
    for (Value input : inputs) {
      const Node& constant = rewriter.made(input);
      views.push_back({&constant.payload.type, constant.payload.data()});
    }
    std::vector<Tensor> tensors;
    std::vector<View> outputs;
    for (const TensorType& type : node.outputs) tensors.emplace_back(type);
    for (Tensor& tensor : tensors) outputs.push_back({&tensor.type, tensor.data()});
    node.op->reference(node, views, outputs);
    for (size_t i = 0; i < tensors.size(); ++i) {
      int constant = rewriter.result.graph.add_constant(tensors[i]);
      rewriter.replace(id, Value{constant, 0}, static_cast<int>(i));
    }
    return true;
  });
}

}  // namespace vanda
