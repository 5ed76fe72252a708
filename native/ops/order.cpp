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

struct Line {
  int64_t size = 1, inner = 1, lines = 1;
  // The element k of a line.
  int64_t at(int64_t line, int64_t k) const {
    return (line / inner * size + k) * inner + line % inner;
  }
};

Line lines_of(const Node& node, const Shape& shape) {
  int axis = normalize_axis(node.integer("axis"), shape.rank(), node.op->name);
  Line out;
  out.size = shape[axis];
  for (int k = axis + 1; k < shape.rank(); ++k) out.inner *= shape[k];
  for (int k = 0; k < shape.rank(); ++k) out.lines *= k == axis ? 1 : shape[k];
  return out;
}

// Whether element i of x comes before element j: NaN before all, then the greater, then the first.
bool before(const ConstView& x, int64_t i, int64_t j) {
  if (!is_float(x.type->dtype)) return x.at_integer(i) > x.at_integer(j);
  double a = x.at(i);
  double b = x.at(j);
  return a > b || (a != a && b == b);
}

// --- argmax and argmin -----------------------------------------------------------------------

std::vector<TensorType> infer_arg(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  int axis = normalize_axis(node.integer("axis"), x.rank(), node.op->name);
  if (x[axis] == 0) throw Error("shape_mismatch", node.op->name, "the axis is empty");
  std::vector<int64_t> dims = x.dims();
  dims.erase(dims.begin() + axis);
  return {TensorType{DType::i32, Shape(std::move(dims))}};
}

void reference_arg(const Node& node, Inputs inputs, Outputs outputs) {
  Line line = lines_of(node, inputs[0].type->shape);
  bool minimum = node.is("argmin");
  for (int64_t i = 0; i < line.lines; ++i) {
    int64_t best = 0;
    for (int64_t k = 1; k < line.size; ++k) {
      int64_t a = line.at(i, k);
      int64_t b = line.at(i, best);
      bool nan = inputs[0].at(a) != inputs[0].at(a);
      bool better = minimum && !nan ? before(inputs[0], b, a) && inputs[0].at(b) == inputs[0].at(b)
                                    : before(inputs[0], a, b);
      if (better) best = k;
    }
    outputs[0].set_integer(i, best);
  }
}

// --- top_k(x [..., K]) -> the k greatest of each row, greatest first, and where they were ------

std::vector<TensorType> infer_top_k(const Node& node, Types inputs) {
  const Shape& x = inputs[0].shape;
  int64_t k = node.integer("k");
  if (x.rank() < 1 || inputs[0].dtype == DType::boolean) {
    throw Error("shape_mismatch", "top_k", "takes numbers [..., K], not " + inputs[0].text());
  }
  int64_t width = x[x.rank() - 1];
  if (k < 1 || width == kDynamic || k > width) {
    throw Error("invalid_attribute", "top_k",
                "k must lie in 1.." + std::to_string(width) + ", not be " + std::to_string(k));
  }
  Shape y = x;
  y[x.rank() - 1] = k;
  return {TensorType{inputs[0].dtype, y}, TensorType{DType::i32, y}};
}

void reference_top_k(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& x = inputs[0].type->shape;
  int64_t width = x[x.rank() - 1];
  int64_t k = node.integer("k");
  std::vector<int64_t> order(static_cast<size_t>(width));
  for (int64_t row = 0; row < inputs[0].elements() / width; ++row) {
    std::iota(order.begin(), order.end(), row * width);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return before(inputs[0], a, b); });
    for (int64_t i = 0; i < k; ++i) {
      int64_t from = order[static_cast<size_t>(i)];
      if (is_float(inputs[0].type->dtype))
        outputs[0].set(row * k + i, inputs[0].at(from));
      else
        outputs[0].set_integer(row * k + i, inputs[0].at_integer(from));
      outputs[1].set_integer(row * k + i, from - row * width);
    }
  }
}

std::vector<Value> grad_top_k(Graph& graph, int node, Grads grads) {
  if (grads[0].node < 0) return {kNoValue};
  Value x = graph.node(node).inputs[0];
  return {Emit(graph).op("add_along_axis", {grads[0], Value{node, 1}, x}, {{"axis", int64_t{-1}}})};
}

// --- cumsum ------------------------------------------------------------------------------------

std::vector<TensorType> infer_cumsum(const Node& node, Types inputs) {
  normalize_axis(node.integer("axis"), inputs[0].shape.rank(), "cumsum");
  if (!is_float(inputs[0].dtype) && !is_integer(inputs[0].dtype)) {
    throw Error("dtype_mismatch", "cumsum", "does not take " + inputs[0].text());
  }
  return {inputs[0]};
}

void reference_cumsum(const Node& node, Inputs inputs, Outputs outputs) {
  Line line = lines_of(node, inputs[0].type->shape);
  bool exclusive = node.flag("exclusive");
  bool reverse = node.flag("reverse");
  bool floats = is_float(inputs[0].type->dtype);
  for (int64_t i = 0; i < line.lines; ++i) {
    double total = 0;
    uint64_t whole = 0;
    for (int64_t step = 0; step < line.size; ++step) {
      int64_t at = line.at(i, reverse ? line.size - 1 - step : step);
      double next = total + inputs[0].at(at);
      uint64_t next_whole = whole + static_cast<uint64_t>(inputs[0].at_integer(at));
      if (floats)
        outputs[0].set(at, exclusive ? total : next);
      else
        outputs[0].set_integer(at, static_cast<int64_t>(exclusive ? whole : next_whole));
      total = next;
      whole = next_whole;
    }
  }
}

std::vector<Value> grad_cumsum(Graph& graph, int node, Grads grads) {
  Attributes attributes = graph.node(node).attributes;
  attributes["reverse"] = !graph.node(node).flag("reverse");
  return {Emit(graph).op("cumsum", {grads[0]}, std::move(attributes))};
}

}  // namespace

void register_order() {
  for (const char* name : {"argmax", "argmin"}) {
    OpSpec arg;
    arg.name = name;
    arg.inputs_min = arg.inputs_max = 1;
    arg.attributes = {{"axis", AttributeKind::integer, int64_t{-1}}};
    arg.infer = infer_arg;
    arg.reference = reference_arg;
    arg.zero_gradient = true;
    arg.doc = {
        arg.name == "argmax"
            ? "The place of the greatest element along an axis, the first of equals, as i32."
            : "The place of the smallest element along an axis, the first of equals, as i32.",
        "[A, K, B] -> [A, B]", "any", "own; integers: reference"};
    register_op(std::move(arg));
  }
  OpSpec top_k;
  top_k.name = "top_k";
  top_k.inputs_min = top_k.inputs_max = 1;
  top_k.attributes = {{"k", AttributeKind::integer, std::nullopt}};
  top_k.infer = infer_top_k;
  top_k.reference = reference_top_k;
  top_k.gradient = grad_top_k;
  top_k.doc = {
      "The k greatest elements of each row, greatest first, and their places as i32; of "
      "equals the first.",
      "[..., K] -> [..., k], [..., k]", "f32, i32, i64, u8", "own; integers: reference"};
  register_op(std::move(top_k));

  OpSpec cumsum;
  cumsum.name = "cumsum";
  cumsum.inputs_min = cumsum.inputs_max = 1;
  cumsum.attributes = {{"axis", AttributeKind::integer, int64_t{-1}},
                       {"exclusive", AttributeKind::boolean, false},
                       {"reverse", AttributeKind::boolean, false}};
  cumsum.infer = infer_cumsum;
  cumsum.reference = reference_cumsum;
  cumsum.gradient = grad_cumsum;
  cumsum.doc = {
      "Running sums along an axis: with the element itself or without it, from the front "
      "or from the back.",
      "x -> the shape of x", "f32, i32, i64"};
  register_op(std::move(cumsum));
}

}  // namespace vanda
