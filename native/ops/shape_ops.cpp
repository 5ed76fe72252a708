#include <algorithm>
#include <numeric>

#include "core/emit.hpp"
#include "ops/elementwise.hpp"
#include "ops/register.hpp"
#include "ops/slice.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

void reference_copy(const Node&, Inputs inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) copy_element(outputs[0], i, inputs[0], i);
}

// --- reshape: 0 keeps the input's dim, -1 takes what is left ---------------------------------

std::vector<TensorType> infer_reshape(const Node& node, Types inputs) {
  const Shape& from = inputs[0].shape;
  std::vector<int64_t> dims = node.integers("shape");
  int inferred = -1;
  bool batch_kept = false;
  int64_t known = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0) {
      if (static_cast<int>(i) >= from.rank()) {
        throw Error("shape_mismatch", "reshape", "there is no dim to keep in " + from.text());
      }
      dims[i] = from[static_cast<int>(i)];
      if (dims[i] == kDynamic)
        batch_kept = true;
      else
        known *= dims[i];
    } else if (dims[i] == -1 && inferred < 0) {
      inferred = static_cast<int>(i);
    } else if (dims[i] < 0) {
      throw Error("invalid_attribute", "reshape", "only one dim may be -1, none below it");
    } else {
      known *= dims[i];
    }
  }
  int64_t total = 1;
  bool batch = false;
  for (int64_t dim : from.dims()) {
    if (dim == kDynamic)
      batch = true;
    else
      total *= dim;
  }
  bool open = batch && !batch_kept;
  if (inferred >= 0) {
    // With an open batch the rest is checked once the batch is known.
    if (known == 0 || (!open && total % known != 0)) {
      throw Error("shape_mismatch", "reshape",
                  "a tensor of shape " + from.text() + " does not divide into that shape");
    }
    dims[static_cast<size_t>(inferred)] = open ? kDynamic : total / known;
  } else if (open || total != known) {
    throw Error("shape_mismatch", "reshape",
                "a tensor of shape " + from.text() + " does not fit " + Shape(dims).text());
  }
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

std::vector<TensorType> infer_reshape_like(const Node&, Types inputs) {
  if (inputs[0].shape.is_static() && inputs[1].shape.is_static() &&
      inputs[0].shape.elements() != inputs[1].shape.elements()) {
    throw Error("shape_mismatch", "reshape_like", "the tensors differ in their number of elements");
  }
  return {TensorType{inputs[0].dtype, inputs[1].shape}};
}

std::vector<Value> grad_reshape(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> result = {emit.op("reshape_like", {grads[0], graph.node(node).inputs[0]})};
  result.resize(graph.node(node).inputs.size(), kNoValue);
  return result;
}

// --- expand -----------------------------------------------------------------------------------

std::vector<TensorType> infer_expand(const Node& node, Types inputs) {
  Shape wanted = node.inputs.size() == 2 ? inputs[1].shape : Shape(node.integers("shape"));
  if (broadcast(inputs[0].shape, wanted, node.op->name) != wanted) {
    throw Error("shape_mismatch", node.op->name,
                inputs[0].shape.text() + " does not expand to " + wanted.text());
  }
  return {TensorType{inputs[0].dtype, wanted}};
}

void reference_expand(const Node&, Inputs inputs, Outputs outputs) {
  BroadcastIndex index(inputs[0].type->shape, outputs[0].type->shape);
  for (int64_t i = 0; i < outputs[0].elements(); ++i)
    copy_element(outputs[0], i, inputs[0], index(i));
}

std::vector<Value> grad_expand(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> result = {emit.reduce_to(grads[0], graph.node(node).inputs[0])};
  result.resize(graph.node(node).inputs.size(), kNoValue);
  return result;
}

// --- transpose --------------------------------------------------------------------------------

std::vector<TensorType> infer_transpose(const Node& node, Types inputs) {
  const std::vector<int64_t>& permutation = node.integers("permutation");
  std::vector<int64_t> sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int64_t>(i)) sorted.clear();
  }
  const size_t rank = static_cast<size_t>(inputs[0].shape.rank());
  if (permutation.size() != rank || sorted.size() != rank) {
    throw Error("invalid_attribute", "transpose", "the permutation does not name every axis once");
  }
  std::vector<int64_t> dims;
  for (int64_t axis : permutation) dims.push_back(inputs[0].shape[static_cast<int>(axis)]);
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_transpose(const Node& node, Inputs inputs, Outputs outputs) {
  std::vector<int64_t> from = inputs[0].type->shape.strides();
  std::vector<int64_t> to = outputs[0].type->shape.strides();
  const std::vector<int64_t>& permutation = node.integers("permutation");
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    int64_t rest = i;
    int64_t source = 0;
    for (size_t axis = 0; axis < to.size(); ++axis) {
      source += rest / to[axis] * from[static_cast<size_t>(permutation[axis])];
      rest %= to[axis];
    }
    copy_element(outputs[0], i, inputs[0], source);
  }
}

std::vector<Value> grad_transpose(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<int64_t> permutation = graph.node(node).integers("permutation");
  std::vector<int64_t> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) {
    inverse[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  }
  return {emit.op("transpose", {grads[0]}, {{"permutation", inverse}})};
}

// --- concat -----------------------------------------------------------------------------------

std::vector<TensorType> infer_concat(const Node& node, Types inputs) {
  Shape shape = inputs[0].shape;
  int axis = normalize_axis(node.integer("axis"), shape.rank(), "concat");
  for (size_t i = 1; i < inputs.size(); ++i) {
    const Shape& next = inputs[i].shape;
    bool fits = next.rank() == shape.rank() && inputs[i].dtype == inputs[0].dtype;
    for (int k = 0; fits && k < shape.rank(); ++k) fits = k == axis || next[k] == shape[k];
    if (!fits) {
      throw Error("shape_mismatch", "concat",
                  inputs[i].text() + " cannot be joined to " + inputs[0].text());
    }
    bool open = shape[axis] == kDynamic || next[axis] == kDynamic;
    shape[axis] = open ? kDynamic : shape[axis] + next[axis];
  }
  return {TensorType{inputs[0].dtype, std::move(shape)}};
}

void reference_concat(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& whole = outputs[0].type->shape;
  size_t axis = static_cast<size_t>(normalize_axis(node.integer("axis"), whole.rank(), "concat"));
  std::vector<int64_t> begin(static_cast<size_t>(whole.rank()), 0);
  for (const ConstView& input : inputs) {
    for (int64_t i = 0; i < input.elements(); ++i) {
      int64_t at = part_index(input.type->shape, whole, begin, {}, i);
      copy_element(outputs[0], at, input, i);
    }
    begin[axis] += input.type->shape[static_cast<int>(axis)];
  }
}

std::vector<Value> grad_concat(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> inputs = graph.node(node).inputs;
  int rank = graph.type(grads[0]).shape.rank();
  size_t axis =
      static_cast<size_t>(normalize_axis(graph.node(node).integer("axis"), rank, "concat"));
  std::vector<int64_t> begin(static_cast<size_t>(rank), 0);
  std::vector<Value> result;
  for (Value input : inputs) {
    std::vector<int64_t> size = graph.type(input).shape.dims();
    if (size[axis] == kDynamic) {
      throw Error("no_gradient", "concat", "joining along the batch has no gradient");
    }
    result.push_back(emit.op("slice", {grads[0]}, {{"begin", begin}, {"size", size}}));
    begin[axis] += size[axis];
  }
  return result;
}

OpSpec spec(const char* name, int inputs, InferFn infer, ReferenceFn reference, GradientFn gradient,
            OpDoc doc) {
  OpSpec out;
  out.name = name;
  out.inputs_min = out.inputs_max = inputs;
  out.infer = infer;
  out.reference = reference;
  out.gradient = gradient;
  out.doc = std::move(doc);
  return out;
}

}  // namespace

void register_shape_ops() {
  OpSpec reshape =
      spec("reshape", 1, infer_reshape, reference_copy, grad_reshape,
           {"The same elements in another shape; 0 keeps a dim, -1 takes what is left.",
            "[...] -> shape, of as many elements", "any", "view"});
  reshape.attributes = {{"shape", AttributeKind::integers, std::nullopt}};
  register_op(std::move(reshape));
  register_op(spec(
      "reshape_like", 2, infer_reshape_like, reference_copy, grad_reshape,
      {"The same elements in the shape of another tensor.", "[...], like -> like", "any", "view"}));

  OpSpec expand = spec("expand", 1, infer_expand, reference_expand, grad_expand,
                       {"Repeats what broadcasts to a shape.", "[...] -> shape", "any",
                        "own; i32 and i64: reference"});
  expand.attributes = {{"shape", AttributeKind::integers, std::nullopt}};
  register_op(std::move(expand));
  register_op(spec("expand_like", 2, infer_expand, reference_expand, grad_expand,
                   {"Repeats what broadcasts to the shape of another tensor.",
                    "[...], like -> like", "any", "own; i32 and i64: reference"}));

  OpSpec transpose =
      spec("transpose", 1, infer_transpose, reference_transpose, grad_transpose,
           {"The axes in another order.", "[d0, d1, ...] -> [d(p0), d(p1), ...]", "any"});
  transpose.attributes = {{"permutation", AttributeKind::integers, std::nullopt}};
  register_op(std::move(transpose));

  OpSpec concat = spec("concat", 1, infer_concat, reference_concat, grad_concat,
                       {"Joins tensors along an axis.",
                        "[..., A, ...], [..., B, ...], ... -> [..., A + B + ..., ...]", "any"});
  concat.inputs_max = 256;
  concat.attributes = {{"axis", AttributeKind::integer, std::nullopt}};
  register_op(std::move(concat));
}

}  // namespace vanda
