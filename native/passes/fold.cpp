#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// Bigger constants would cost more memory than the work that they save.
constexpr int64_t kFoldedElementsMax = 1 << 16;

bool foldable(const Rewriter& rewriter, const Node& node, const std::vector<Value>& inputs) {
  if (node.op->reference == nullptr || node.op->op_class == OpClass::source || inputs.empty() ||
      node.is("expand") || node.op->costly || node.op->bodies > 0) {
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

// One number repeated through a shape, as an expanded scalar: no memory and no work.
std::optional<double> repeated(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  if (graph.type(value).dtype == DType::i64) return std::nullopt;  // a double does not hold them all
  return constant_scalar(graph, node.is("expand") ? node.inputs[0] : value);
}

// What an elementwise operation makes of repeated numbers is a repeated number.
bool fold_repeated(Rewriter& rewriter, int id, const std::vector<Value>& inputs) {
  const Node& node = rewriter.source.graph.node(id);
  const TensorType& type = node.outputs.empty() ? TensorType{} : node.outputs[0];
  if (node.op->op_class != OpClass::elementwise || node.op->reference == nullptr ||
      type.shape.rank() == 0) {
    return false;
  }
  std::vector<Tensor> scalars;
  for (Value input : inputs) {
    std::optional<double> number = repeated(rewriter.result.graph, input);
    if (!number) return false;
    Tensor scalar(TensorType{rewriter.made_type(input).dtype, Shape{}});
    View{&scalar.type, scalar.data()}.set(0, *number);
    scalars.push_back(std::move(scalar));
  }
  std::vector<ConstView> views;
  for (const Tensor& scalar : scalars) views.push_back({&scalar.type, scalar.data()});
  Tensor result(TensorType{type.dtype, Shape{}});
  View view{&result.type, result.data()};
  node.op->reference(node, views, {&view, 1});
  Value constant{rewriter.result.graph.add_constant(std::move(result)), 0};
  rewriter.replace(id, rewriter.emit.op("expand", {constant}, {{"shape", type.shape.dims()}}));
  return true;
}

}  // namespace

Program fold_constants(const Program& program) {
  Rewriter rewriter(program);
  return rewriter.run([&](int id) {
    const Node& node = program.graph.node(id);
    std::vector<Value> inputs = rewriter.mapped_inputs(id);
    if (fold_repeated(rewriter, id, inputs)) return true;
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
