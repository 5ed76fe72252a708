#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"

namespace vanda::cpu {

namespace {

// Up to here a call of the library costs more than the product.
constexpr int64_t kTinyWork = 8192;
// A few rows read the whole matrix once: memory bounds them, and one thread is enough while the
// matrix stays in its cache.
constexpr int64_t kRowsMax = 4;
constexpr int64_t kRowWorkMax = 1 << 19;

}  // namespace

bool lower_small_product(Lowering& lowering, int id) {
  const Node& node = lowering.graph().node(id);
  bool dense = node.is("dense");
  if ((!dense && !node.is("matmul")) || node.outputs[0].dtype != DType::f32) return false;
  if (node.inputs.size() > 3) return false;
  if (dense && node.text("activation") != "" && node.text("activation") != "relu") return false;
  const Shape& a = lowering.type(node.inputs[0]).shape;
  const Shape& b = lowering.type(node.inputs[1]).shape;
  if (a.rank() != 2 || b.rank() != 2) return false;
  bool turned_a = !dense && node.flag("transposeA");
  bool turned_b = !dense && node.flag("transposeB");
  SmallProduct product{};
  product.rows = a[turned_a ? 1 : 0];
  product.inner = a[turned_a ? 0 : 1];
  product.columns = b[turned_b ? 0 : 1];
  int64_t work = product.rows * product.inner * product.columns;
  bool few_rows = product.rows <= kRowsMax && !turned_b && work <= kRowWorkMax;
  if (work > kTinyWork && !few_rows) return false;
  product.a_row = turned_a ? 1 : a[1];
  product.a_inner = turned_a ? a[1] : 1;
  product.b_inner = turned_b ? 1 : b[1];
  product.b_column = turned_b ? b[1] : 1;
  product.relu = dense && node.text("activation") == "relu" ? 1 : 0;
  int left = lowering.plain(node.inputs[0]);
  int right = lowering.plain(node.inputs[1]);
  int bias = node.inputs.size() == 3 ? lowering.plain(node.inputs[2]) : -1;
  int target = lowering.define_new(Value{id, 0});
  std::vector<int> reads = {left, right};
  if (bias >= 0) reads.push_back(bias);
  std::string label = product.relu != 0 ? "small dense+relu" : "small " + node.op->name;
  lowering.add(std::move(label), reads, {target}, [=](const RunContext& context) {
    SmallProduct call = product;
    call.a = static_cast<const float*>(context.data[left]);
    call.b = static_cast<const float*>(context.data[right]);
    call.bias = bias < 0 ? nullptr : static_cast<const float*>(context.data[bias]);
    call.c = static_cast<float*>(context.data[target]);
    kernels().small_product(&call);
  });
  return true;
}

}  // namespace vanda::cpu
