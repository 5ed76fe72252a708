#include <algorithm>
#include <numeric>

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// --- sort(x, axis) -> the elements of each line in order, and where they were --------------------

std::vector<TensorType> infer_sort(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  int axis = normalize_axis(node.integer("axis"), x.rank(), "sort");
  if (inputs[0].dtype == DType::boolean) {
    throw Error("dtype_mismatch", "sort", "takes numbers, not " + inputs[0].text());
  }
  if (x[axis] == kDynamic) throw Error("shape_mismatch", "sort", "the batch has no order");
  return {inputs[0], TensorType{DType::i32, x}};
}

// Whether element i comes before j from the smallest on; a NaN comes after all numbers.
bool below(const ConstView& x, int64_t i, int64_t j) {
  if (!is_float(x.type->dtype)) return x.at_integer(i) < x.at_integer(j);
  double a = x.at(i);
  double b = x.at(j);
  return a < b || (a == a && b != b);
}

void reference_sort(const Node& node, Inputs inputs, Outputs outputs) {
  const ConstView& x = inputs[0];
  const Shape& shape = x.type->shape;
  int axis = normalize_axis(node.integer("axis"), shape.rank(), "sort");
  bool descending = node.flag("descending");
  int64_t inner = 1;
  for (int k = axis + 1; k < shape.rank(); ++k) inner *= shape[k];
  int64_t size = shape[axis];
  std::vector<int64_t> order(static_cast<size_t>(size));
  for (int64_t line = 0; size > 0 && line < x.elements() / size; ++line) {
    auto at = [&](int64_t k) { return (line / inner * size + k) * inner + line % inner; };
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      return descending ? below(x, at(j), at(i)) : below(x, at(i), at(j));
    });
    for (int64_t k = 0; k < size; ++k) {
      int64_t from = order[static_cast<size_t>(k)];
      if (is_float(x.type->dtype))
        outputs[0].set(at(k), x.at(at(from)));
      else
        outputs[0].set_integer(at(k), x.at_integer(at(from)));
      outputs[1].set_integer(at(k), from);
    }
  }
}

std::vector<Value> grad_sort(Graph& graph, int node, Grads grads) {
  if (grads[0].node < 0) return {kNoValue};
  Value x = graph.node(node).inputs[0];
  int64_t axis = graph.node(node).integer("axis");
  return {Emit(graph).op("add_along_axis", {grads[0], Value{node, 1}, x}, {{"axis", axis}})};
}

}  // namespace

void register_sort() {
  OpSpec sort;
  sort.name = "sort";
  sort.inputs_min = sort.inputs_max = 1;
  sort.attributes = {{"axis", AttributeKind::integer, int64_t{-1}},
                     {"descending", AttributeKind::boolean, false}};
  sort.infer = infer_sort;
  sort.reference = reference_sort;
  sort.gradient = grad_sort;
  sort.doc = {
      "The elements along an axis in order and their places as i32; equals stay as they lie, "
      "a NaN counts as greatest.",
      "[A, K, B] -> [A, K, B], [A, K, B]", "f32, i32, i64, u8"};
  register_op(std::move(sort));
}

}  // namespace vanda
