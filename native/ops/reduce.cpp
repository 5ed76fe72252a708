#include "ops/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/emit.hpp"
#include "ops/elementwise.hpp"
#include "ops/register.hpp"

namespace vanda {

std::vector<int> reduced_axes(const Node& node, int rank) {
  std::vector<int> axes;
  for (int64_t axis : node.integers("axes")) {
    int wrapped = normalize_axis(axis, rank, node.op->name);
    if (std::find(axes.begin(), axes.end(), wrapped) != axes.end()) {
      throw Error("invalid_attribute", node.op->name, "an axis is named twice");
    }
    axes.push_back(wrapped);
  }
  if (node.integers("axes").empty()) {
    for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

namespace {

Shape kept_shape(const Shape& shape, const std::vector<int>& axes) {
  Shape kept = shape;
  for (int axis : axes) kept[axis] = 1;
  return kept;
}

bool is_logical(const Node& node) { return node.is("any") || node.is("all"); }

void require_reducible(const Node& node, const TensorType& x) {
  bool floats_only = node.is("mean") || node.is("log_sum_exp") || node.is("variance");
  bool fits = is_logical(node) ? x.dtype == DType::boolean
                               : is_float(x.dtype) || (!floats_only && is_integer(x.dtype));
  if (fits) return;
  throw Error("dtype_mismatch", node.op->name,
              is_logical(node) ? "takes bool, not " + x.text()
                               : "does not take " + x.text() + "; cast to f32 first");
}

std::vector<TensorType> infer_reduce(const Node& node, std::span<const TensorType> inputs) {
  const TensorType& x = inputs[0];
  require_reducible(node, x);
  if (node.is("variance") && node.integer("correction") < 0) {
    throw Error("invalid_attribute", "variance", "the correction is 0 or more, usually 0 or 1");
  }
  std::vector<int> axes = reduced_axes(node, x.shape.rank());
  Shape kept = kept_shape(x.shape, axes);
  if (node.flag("keepDims")) return {TensorType{x.dtype, kept}};
  std::vector<int64_t> dims;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) dims.push_back(x.shape[axis]);
  }
  return {TensorType{x.dtype, Shape(std::move(dims))}};
}

// For each element of the result, the elements of x that it is made of.
std::vector<std::vector<int64_t>> groups_of(const Node& node, const ConstView& x, int64_t count) {
  const Shape& shape = x.type->shape;
  BroadcastIndex index(kept_shape(shape, reduced_axes(node, shape.rank())), shape);
  std::vector<std::vector<int64_t>> groups(static_cast<size_t>(count));
  for (int64_t i = 0; i < x.elements(); ++i) groups[static_cast<size_t>(index(i))].push_back(i);
  return groups;
}

int64_t reduce_integers(const Node& node, const ConstView& x, const std::vector<int64_t>& group) {
  bool maximum = node.is("max") || node.is("any");
  bool minimum = node.is("min") || node.is("all");
  auto result = static_cast<uint64_t>(x.at_integer(group[0]));
  for (size_t k = 1; k < group.size(); ++k) {
    int64_t value = x.at_integer(group[k]);
    auto so_far = static_cast<int64_t>(result);
    if (maximum)
      result = static_cast<uint64_t>(std::max(so_far, value));
    else if (minimum)
      result = static_cast<uint64_t>(std::min(so_far, value));
    else
      result = node.is("prod") ? result * static_cast<uint64_t>(value)
                               : result + static_cast<uint64_t>(value);
  }
  return static_cast<int64_t>(result);
}

double variance_of(const ConstView& x, const std::vector<int64_t>& group, double correction) {
  double mean = 0;
  for (int64_t i : group) mean += x.at(i) / static_cast<double>(group.size());
  double total = 0;
  for (int64_t i : group) total += (x.at(i) - mean) * (x.at(i) - mean);
  return total / (static_cast<double>(group.size()) - correction);
}

double reduce_floats(const Node& node, const ConstView& x, const std::vector<int64_t>& group) {
  if (node.is("variance")) {
    return variance_of(x, group, static_cast<double>(node.integer("correction")));
  }
  double top = x.at(group[0]);
  double low = top;
  double sum = 0;
  double product = 1;
  for (int64_t i : group) {
    double value = x.at(i);
    top = top > value || top != top ? top : value;
    low = low < value || low != low ? low : value;
    sum += value;
    product *= value;
  }
  if (node.is("max")) return top;
  if (node.is("min")) return low;
  if (node.is("prod")) return product;
  if (node.is("mean")) return sum / static_cast<double>(group.size());
  if (node.is("sum")) return sum;
  double shift = std::isinf(top) ? 0 : top;
  double total = 0;
  for (int64_t i : group) total += std::exp(x.at(i) - shift);
  return shift + std::log(total);
}

void reference_reduce(const Node& node, std::span<const ConstView> inputs,
                      std::span<const View> outputs) {
  const ConstView& x = inputs[0];
  std::vector<std::vector<int64_t>> groups = groups_of(node, x, outputs[0].elements());
  for (size_t i = 0; i < groups.size(); ++i) {
    auto at = static_cast<int64_t>(i);
    if (is_float(x.type->dtype))
      outputs[0].set(at, reduce_floats(node, x, groups[i]));
    else
      outputs[0].set_integer(at, reduce_integers(node, x, groups[i]));
  }
}

std::vector<int64_t> axes_attribute(const std::vector<int>& axes) {
  return std::vector<int64_t>(axes.begin(), axes.end());
}

// The incoming gradient with the reduced axes put back as ones, where `kept` is of that form.
Value spread(Emit& emit, int node, Value grad, Value kept) {
  const Node& self = emit.graph.node(node);
  if (self.flag("keepDims")) return grad;
  return emit.op("reshape_like", {grad, kept});
}

std::vector<Value> grad_sum(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  std::vector<int> axes = reduced_axes(graph.node(node), graph.type(x).shape.rank());
  Value grad = grads[0];
  if (!graph.node(node).flag("keepDims") && !axes.empty() && graph.type(grad).shape.rank() > 0) {
    // A tensor with the reduced axes kept as ones, only for its shape.
    Value kept = emit.op("sum", {x}, {{"axes", axes_attribute(axes)}, {"keepDims", true}});
    grad = spread(emit, node, grad, kept);
  }
  return {emit.op("expand_like", {grad, x})};
}

// How many elements of x went into each of the result. It may hang on the batch: as nodes it is
// folded into a constant as soon as shapes are known.
Value group_size(Emit& emit, int node) {
  Value x = emit.graph.node(node).inputs[0];
  auto count = [&](Value like) {
    return emit.sum(emit.op("expand_like", {emit.scalar(1, x), like}), {}, false);
  };
  Value all = count(x);
  return emit.div(all, count(Value{node, 0}));
}

std::vector<Value> grad_mean(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value count = group_size(emit, node);
  std::vector<Value> spread_grad = grad_sum(graph, node, grads);
  return {emit.div(spread_grad[0], count)};
}

// 2 dy (x - mean) / (n - correction).
std::vector<Value> grad_variance(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  auto correction = static_cast<double>(graph.node(node).integer("correction"));
  std::vector<int64_t> axes =
      axes_attribute(reduced_axes(graph.node(node), graph.type(x).shape.rank()));
  if (axes.empty()) return {emit.zeros_like(x)};
  Value mean = emit.op("mean", {x}, {{"axes", axes}, {"keepDims", true}});
  Value divisor = emit.add(group_size(emit, node), -correction);
  Value grad = spread(emit, node, grads[0], mean);
  Value centred = emit.mul(emit.sub(x, mean), 2);
  return {emit.mul(centred, emit.div(grad, divisor))};
}

// Ties share the gradient evenly.
std::vector<Value> grad_extremum(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  DType dtype = graph.type(x).dtype;
  std::string op = graph.node(node).op->name;
  std::vector<int64_t> axes =
      axes_attribute(reduced_axes(graph.node(node), graph.type(x).shape.rank()));
  Value kept = emit.op(op, {x}, {{"axes", axes}, {"keepDims", true}});
  Value hit = emit.cast(emit.op("equal", {x, kept}), dtype);
  Value hits = emit.sum(hit, axes, true);
  Value grad = spread(emit, node, grads[0], kept);
  return {emit.mul(hit, emit.div(grad, hits))};
}

// dy softmax(x) over the axes.
std::vector<Value> grad_log_sum_exp(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  std::vector<int64_t> axes =
      axes_attribute(reduced_axes(graph.node(node), graph.type(x).shape.rank()));
  if (axes.empty()) return {grads[0]};
  Value kept = emit.op("log_sum_exp", {x}, {{"axes", axes}, {"keepDims", true}});
  Value grad = spread(emit, node, grads[0], kept);
  return {emit.mul(emit.op("exp", {emit.sub(x, kept)}), grad)};
}

Value slice_along(Emit& emit, Value x, int axis, int64_t begin, int64_t size) {
  int rank = emit.graph.type(x).shape.rank();
  std::vector<int64_t> begins(static_cast<size_t>(rank), 0);
  std::vector<int64_t> sizes(static_cast<size_t>(rank), -1);
  begins[static_cast<size_t>(axis)] = begin;
  sizes[static_cast<size_t>(axis)] = size;
  return emit.op("slice", {x}, {{"begin", begins}, {"size", sizes}});
}
Value join_along(Emit& emit, std::vector<Value> parts, int axis) {
  return emit.op("concat", std::move(parts), {{"axis", static_cast<int64_t>(axis)}});
}

// The gradient of a product along one axis of known length, of any order and right with zeros: the
// product is written as a tree that multiplies halves, and the tree is walked back. Work and memory
// are those of a few elementwise passes, since each level is half as long as the one before it.
Value grad_product_tree(Emit& emit, Value x, int axis, Value grad) {
  int64_t length = emit.graph.type(x).shape[axis];
  std::vector<Value> levels = {x};
  std::vector<int64_t> lengths = {length};
  while (lengths.back() > 2) {
    int64_t half = lengths.back() / 2;
    Value top = levels.back();
    Value next =
        emit.mul(slice_along(emit, top, axis, 0, half), slice_along(emit, top, axis, half, half));
    if (lengths.back() % 2 == 1) {
      next = join_along(emit, {next, slice_along(emit, top, axis, 2 * half, 1)}, axis);
    }
    levels.push_back(next);
    lengths.push_back(half + lengths.back() % 2);
  }
  // `grad` has the shape of the level above, whose length is 1 at first.
  for (size_t level = levels.size(); level-- > 0;) {
    int64_t half = lengths[level] / 2;
    if (half == 0) continue;
    bool odd = lengths[level] % 2 == 1;
    Value upper = odd ? slice_along(emit, grad, axis, 0, half) : grad;
    std::vector<Value> parts = {emit.mul(upper, slice_along(emit, levels[level], axis, half, half)),
                                emit.mul(upper, slice_along(emit, levels[level], axis, 0, half))};
    if (odd) parts.push_back(slice_along(emit, grad, axis, half, 1));
    grad = join_along(emit, std::move(parts), axis);
  }
  return grad;
}

// Along the batch, whose length is not known yet: by counting the zeros. Exact to the first order;
// the second is only right where no factor is zero.
Value grad_product_open(Emit& emit, Value x, int axis, Value grad) {
  std::vector<int64_t> axes = {axis};
  DType dtype = emit.graph.type(x).dtype;
  Value zero = emit.scalar(0, x);
  Value one = emit.scalar(1, x);
  Value is_zero = emit.op("equal", {x, zero});
  Value zeros = emit.sum(emit.cast(is_zero, dtype), axes, true);
  Value safe = emit.where(is_zero, one, x);
  Value rest = emit.op("prod", {safe}, {{"axes", axes}, {"keepDims", true}});
  Value none = emit.where(emit.op("equal", {zeros, zero}), emit.div(rest, safe), zero);
  Value single = emit.op("equal", {zeros, one});
  Value only = emit.where(is_zero, emit.where(single, rest, zero), none);
  return emit.mul(only, grad);
}

std::vector<Value> grad_prod(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  Value x = graph.node(node).inputs[0];
  std::vector<int> axes = reduced_axes(graph.node(node), graph.type(x).shape.rank());
  if (axes.empty()) return {grads[0]};
  std::vector<Value> partial = {x};  // the product over the first axis, then the second, ...
  for (int axis : axes) {
    std::vector<int64_t> one = {axis};
    partial.push_back(emit.op("prod", {partial.back()}, {{"axes", one}, {"keepDims", true}}));
  }
  Value grad = spread(emit, node, grads[0], partial.back());
  for (size_t k = axes.size(); k-- > 0;) {
    bool open = graph.type(x).shape[axes[k]] == kDynamic;
    grad = open ? grad_product_open(emit, partial[k], axes[k], grad)
                : grad_product_tree(emit, partial[k], axes[k], grad);
  }
  return {grad};
}

// sum_to(x, like): sums x down to the shape of like, which broadcasts to that of x.
std::vector<TensorType> infer_sum_to(const Node& node, std::span<const TensorType> inputs) {
  if (!is_float(inputs[0].dtype) && !is_integer(inputs[0].dtype)) {
    throw Error("dtype_mismatch", node.op->name, "does not take " + inputs[0].text());
  }
  broadcast(inputs[1].shape, inputs[0].shape, node.op->name);
  return {TensorType{inputs[0].dtype, inputs[1].shape}};
}

void reference_sum_to(const Node&, std::span<const ConstView> inputs,
                      std::span<const View> outputs) {
  BroadcastIndex index(outputs[0].type->shape, inputs[0].type->shape);
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    sums[static_cast<size_t>(index(i))] += inputs[0].at(i);
  }
  for (int64_t i = 0; i < outputs[0].elements(); ++i)
    outputs[0].set(i, sums[static_cast<size_t>(i)]);
}

std::vector<Value> grad_sum_to(Graph& graph, int node, std::span<const Value> grads) {
  Emit emit(graph);
  return {emit.op("expand_like", {grads[0], graph.node(node).inputs[0]}), kNoValue};
}

}  // namespace

void register_reductions() {
  struct Row {
    const char* name;
    GradientFn gradient;
    const char* dtypes;
    const char* text;
  };
  const Row rows[] = {
      {"sum", grad_sum, "f32, i32, i64", "The sum over some axes, or over all of them."},
      {"mean", grad_mean, "f32", "The mean over some axes, or over all of them."},
      {"prod", grad_prod, "f32, i32, i64",
       "The product; its gradient is right with zeros as well."},
      {"max", grad_extremum, "f32, i32, i64", "The greatest element; ties share the gradient."},
      {"min", grad_extremum, "f32, i32, i64", "The smallest element; ties share the gradient."},
      {"any", nullptr, "bool", "True where one of the elements is."},
      {"all", nullptr, "bool", "True where all of the elements are."},
      {"log_sum_exp", grad_log_sum_exp, "f32", "log(sum(exp(x))), safe for large values."},
      {"variance", grad_variance, "f32",
       "The mean of the squared distances from the mean; the sum is divided by n - correction."},
  };
  for (const Row& row : rows) {
    OpSpec spec;
    spec.name = row.name;
    spec.inputs_min = spec.inputs_max = 1;
    spec.attributes = {{"axes", AttributeKind::integers, std::vector<int64_t>{}},
                       {"keepDims", AttributeKind::boolean, false}};
    bool variance = spec.name == "variance";
    if (variance) spec.attributes.push_back({"correction", AttributeKind::integer, int64_t{0}});
    bool composed = variance || spec.name == "mean";
    spec.doc = {row.text, "[...] -> [...] without the axes, or with ones in their place",
                row.dtypes, composed ? "composed" : "own"};
    spec.infer = infer_reduce;
    spec.reference = reference_reduce;
    spec.gradient = row.gradient;
    spec.zero_gradient = row.gradient == nullptr;
    register_op(std::move(spec));
  }
  OpSpec sum_to;
  sum_to.name = "sum_to";
  sum_to.inputs_min = sum_to.inputs_max = 2;
  sum_to.doc = {"Undoes broadcasting: sums down to the shape of another tensor.",
                "[...], like -> like", "f32, i32, i64", "composed"};
  sum_to.infer = infer_sum_to;
  sum_to.reference = reference_sum_to;
  sum_to.gradient = grad_sum_to;
  register_op(std::move(sum_to));
}

}  // namespace vanda
