#include "core/emit.hpp"
#include "ops/register.hpp"
#include "ops/slice.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

void require_indices(const Node& node, const TensorType& indices) {
  if (is_integer(indices.dtype) || indices.dtype == DType::u8) return;
  throw Error("dtype_mismatch", node.op->name,
              "the indices must be integers, not " + indices.text());
}

int64_t checked(const Node& node, const ConstView& indices, int64_t i, int64_t size) {
  int64_t index = indices.at_integer(i);
  if (index >= 0 && index < size) return index;
  throw Error("invalid_feed", node.op->name,
              "the index " + std::to_string(index) + " is outside 0.." + std::to_string(size - 1));
}

// x as [outer, size, inner] around an axis.
struct Around {
  Around(const Shape& shape, int axis) : size(shape[axis]) {
    for (int k = 0; k < axis; ++k) outer *= shape[k];
    for (int k = axis + 1; k < shape.rank(); ++k) inner *= shape[k];
  }
  int64_t outer = 1, size = 1, inner = 1;
};

int axis_of(const Node& node, const Shape& shape) {
  return normalize_axis(node.integer("axis"), shape.rank(), node.op->name);
}

// --- take(x [A, K, B], indices [...], axis) -> [A, ..., B]: gather along any axis ----------------

std::vector<TensorType> infer_take(const Node& node, Types inputs) {
  require_indices(node, inputs[1]);
  const Shape& x = inputs[0].shape;
  int axis = axis_of(node, x);
  if (x[axis] == kDynamic) {
    throw Error("shape_mismatch", "take", "rows of the batch are taken by gather");
  }
  std::vector<int64_t> dims(x.dims().begin(), x.dims().begin() + axis);
  dims.insert(dims.end(), inputs[1].shape.dims().begin(), inputs[1].shape.dims().end());
  dims.insert(dims.end(), x.dims().begin() + axis + 1, x.dims().end());
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_take(const Node& node, Inputs inputs, Outputs outputs) {
  Around a(inputs[0].type->shape, axis_of(node, inputs[0].type->shape));
  int64_t count = inputs[1].elements();
  for (int64_t o = 0; o < a.outer; ++o) {
    for (int64_t i = 0; i < count; ++i) {
      int64_t from = (o * a.size + checked(node, inputs[1], i, a.size)) * a.inner;
      int64_t to = (o * count + i) * a.inner;
      for (int64_t k = 0; k < a.inner; ++k) copy_element(outputs[0], to + k, inputs[0], from + k);
    }
  }
}

std::vector<Value> grad_take(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  int64_t axis = axis_of(graph.node(node), graph.type(inputs[0]).shape);
  return {Emit(graph).op("take_add", {grads[0], inputs[1], inputs[0]}, {{"axis", axis}}), kNoValue};
}

// --- take_add(values [A, ..., B], indices [...], like [A, K, B], axis) -> like -------------------

std::vector<TensorType> infer_take_add(const Node& node, Types inputs) {
  require_indices(node, inputs[1]);
  const Shape& like = inputs[2].shape;
  int axis = axis_of(node, like);
  std::vector<int64_t> wanted(like.dims().begin(), like.dims().begin() + axis);
  wanted.insert(wanted.end(), inputs[1].shape.dims().begin(), inputs[1].shape.dims().end());
  wanted.insert(wanted.end(), like.dims().begin() + axis + 1, like.dims().end());
  if (!is_float(inputs[0].dtype) || inputs[0].shape != Shape(wanted) || like[axis] == kDynamic) {
    throw Error("shape_mismatch", "take_add",
                "takes f32 values of " + Shape(wanted).text() + ", not " + inputs[0].text());
  }
  return {TensorType{inputs[0].dtype, like}};
}

void reference_take_add(const Node& node, Inputs inputs, Outputs outputs) {
  Around a(outputs[0].type->shape, axis_of(node, outputs[0].type->shape));
  int64_t count = inputs[1].elements();
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  for (int64_t o = 0; o < a.outer; ++o) {
    for (int64_t i = 0; i < count; ++i) {
      int64_t to = (o * a.size + checked(node, inputs[1], i, a.size)) * a.inner;
      int64_t from = (o * count + i) * a.inner;
      for (int64_t k = 0; k < a.inner; ++k)
        sums[static_cast<size_t>(to + k)] += inputs[0].at(from + k);
    }
  }
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_take_add(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  int64_t axis = axis_of(graph.node(node), graph.type(inputs[2]).shape);
  return {Emit(graph).op("take", {grads[0], inputs[1]}, {{"axis", axis}}), kNoValue, kNoValue};
}

// --- take_along_axis(x, indices, axis): one element of the axis for each index -------------------

void require_along(const Node& node, const TensorType& indices, const Shape& x) {
  require_indices(node, indices);
  int axis = axis_of(node, x);
  bool fits = indices.shape.rank() == x.rank();
  for (int k = 0; fits && k < x.rank(); ++k) fits = k == axis || indices.shape[k] == x[k];
  if (fits) return;
  throw Error("shape_mismatch", node.op->name,
              "indices of " + indices.shape.text() + " do not go with " + x.text() +
                  ": all dims but that of the axis must be equal");
}

std::vector<TensorType> infer_along(const Node& node, Types inputs) {
  require_along(node, inputs[1], inputs[0].shape);
  return {TensorType{inputs[0].dtype, inputs[1].shape}};
}

// Where in x the element lies that belongs to element i of the indices.
int64_t along(const Node& node, const ConstView& indices, int64_t i, const Around& a) {
  int axis = axis_of(node, indices.type->shape);
  int64_t count = indices.type->shape[axis];
  int64_t outer = i / (count * a.inner);
  return (outer * a.size + checked(node, indices, i, a.size)) * a.inner + i % a.inner;
}

void reference_along(const Node& node, Inputs inputs, Outputs outputs) {
  Around a(inputs[0].type->shape, axis_of(node, inputs[0].type->shape));
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    copy_element(outputs[0], i, inputs[0], along(node, inputs[1], i, a));
  }
}

std::vector<Value> grad_along(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  int64_t axis = graph.node(node).integer("axis");
  return {Emit(graph).op("add_along_axis", {grads[0], inputs[1], inputs[0]}, {{"axis", axis}}),
          kNoValue};
}

// --- add_along_axis(values, indices, like, axis): values added to zeros of the shape of like -----

std::vector<TensorType> infer_add_along(const Node& node, Types inputs) {
  require_along(node, inputs[1], inputs[2].shape);
  if (!is_float(inputs[0].dtype) || inputs[0].shape != inputs[1].shape) {
    throw Error("shape_mismatch", node.op->name,
                "takes f32 values of " + inputs[1].shape.text() + ", not " + inputs[0].text());
  }
  return {TensorType{inputs[0].dtype, inputs[2].shape}};
}

void reference_add_along(const Node& node, Inputs inputs, Outputs outputs) {
  Around a(outputs[0].type->shape, axis_of(node, outputs[0].type->shape));
  std::vector<double> sums(static_cast<size_t>(outputs[0].elements()), 0);
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    sums[static_cast<size_t>(along(node, inputs[1], i, a))] += inputs[0].at(i);
  }
  for (size_t i = 0; i < sums.size(); ++i) outputs[0].set(static_cast<int64_t>(i), sums[i]);
}

std::vector<Value> grad_add_along(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  int64_t axis = graph.node(node).integer("axis");
  return {Emit(graph).op("take_along_axis", {grads[0], inputs[1]}, {{"axis", axis}}), kNoValue,
          kNoValue};
}

OpSpec spec(const char* name, int inputs, InferFn infer, ReferenceFn reference, GradientFn gradient,
            OpDoc doc) {
  OpSpec out;
  out.name = name;
  out.inputs_min = out.inputs_max = inputs;
  out.attributes = {{"axis", AttributeKind::integer, int64_t{-1}}};
  out.infer = infer;
  out.reference = reference;
  out.gradient = gradient;
  out.doc = std::move(doc);
  return out;
}

}  // namespace

void register_indexing() {
  register_op(spec("take", 2, infer_take, reference_take, grad_take,
                   {"Slices of x along an axis by their numbers.",
                    "x [A, K, B], indices [...] -> [A, ..., B]", "any"}));
  register_op(spec("take_add", 3, infer_take_add, reference_take_add, grad_take_add,
                   {"The gradient of take: adds each slice to its place in zeros.",
                    "values [A, ..., B], indices [...], like [A, K, B] -> like"}));
  register_op(
      spec("take_along_axis", 2, infer_along, reference_along, grad_along,
           {"For each index the element that it names along an axis, all other places equal.",
            "x [A, K, B], indices [A, M, B] -> [A, M, B]", "any"}));
  register_op(spec("add_along_axis", 3, infer_add_along, reference_add_along, grad_add_along,
                   {"The gradient of take_along_axis: adds each value to its place in zeros.",
                    "values [A, M, B], indices [A, M, B], like [A, K, B] -> like"}));
}

}  // namespace vanda
