#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

bool lower_product(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool dense = node.is("dense");
  if ((!dense && !node.is("matmul")) || node.outputs[0].dtype != DType::f32) return false;
  const Shape& a = lowering.type(node.inputs[0]).shape;
  const Shape& b = lowering.type(node.inputs[1]).shape;
  const Shape& c = node.outputs[0].shape;
  Product shape;
  shape.transpose_a = !dense && node.flag("transposeA");
  shape.transpose_b = !dense && node.flag("transposeB");
  shape.rows = c[c.rank() - 2];
  shape.columns = c[c.rank() - 1];
  shape.inner = a[a.rank() - (shape.transpose_a ? 2 : 1)];
  shape.bias = node.inputs.size() == 3;
  shape.relu = dense && node.text("activation") == "relu";
  shape.bf16 = lowering.in_bf16(node);
  auto batch = [&](const Shape& s) {
    std::vector<int64_t> dims(static_cast<size_t>(c.rank() - s.rank()), 1);
    dims.insert(dims.end(), s.dims().begin(), s.dims().end() - 2);
    return dims;
  };
  shape.batch_a = batch(a);
  shape.batch_b = batch(b);
  // One matrix for a whole batch of rows is one larger product.
  bool single = !shape.transpose_a && b.elements() == shape.inner * shape.columns;
  if (single && a.rank() == c.rank()) {
    shape.rows = a.elements() / shape.inner;
    shape.batch_a.clear();
    shape.batch_b.clear();
  }
  lowering.size_team(static_cast<double>(c.elements()) * static_cast<double>(shape.inner));
  Primitive call = product(shape);
  std::vector<PrimitiveCall::Argument> reads = {
      {DNNL_ARG_SRC, lowering.factor(node.inputs[0], call.source), call.source},
      {DNNL_ARG_WEIGHTS, lowering.factor(node.inputs[1], call.weights), call.weights}};
  if (shape.bias) reads.push_back({DNNL_ARG_BIAS, lowering.plain(node.inputs[2]), call.bias});
  int target = lowering.define_new(Value{id, 0});
  std::string label = shape.relu ? "dense+relu" : node.op->name;
  if (holds_bf16(call.source)) label += " bf16";
  lowering.add_primitive(std::move(label), call, reads, {{DNNL_ARG_DST, target, call.target}});
  return true;
}

}  // namespace vanda::cpu
