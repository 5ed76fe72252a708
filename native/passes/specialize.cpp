#include "core/error.hpp"
#include "ops/reduce.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

TensorType fed_type(const Node& placeholder, const FeedTypes& feeds) {
  auto found = feeds.find(placeholder.name);
  if (found == feeds.end()) {
    throw Error("invalid_feed", placeholder.name, "this placeholder needs a value");
  }
  const TensorType& declared = placeholder.outputs[0];
  const TensorType& given = found->second;
  bool fits = given.dtype == declared.dtype && given.shape.rank() == declared.shape.rank();
  for (int axis = 0; fits && axis < given.shape.rank(); ++axis) {
    fits = given.shape[axis] > 0 &&
           (declared.shape[axis] == kDynamic || declared.shape[axis] == given.shape[axis]);
  }
  if (!fits) {
    throw Error("invalid_feed", placeholder.name,
                "takes " + declared.text() + ", not " + given.text());
  }
  return given;
}

// sum_to(x, like) with known shapes: a plain sum over the axes that were broadcast.
Value concrete_sum(Rewriter& rewriter, Value x, const Shape& wanted) {
  const Shape from = rewriter.made_type(x).shape;
  if (from == wanted) return x;
  int offset = from.rank() - wanted.rank();
  std::vector<int64_t> axes;
  for (int axis = 0; axis < from.rank(); ++axis) {
    if (axis < offset || wanted[axis - offset] != from[axis]) axes.push_back(axis);
  }
  Value sum = axes.empty() ? x : rewriter.emit.sum(x, axes, true);
  if (rewriter.made_type(sum).shape == wanted) return sum;
  return rewriter.emit.op("reshape", {sum}, {{"shape", wanted.dims()}});
}

// variance(x): the mean of squared distances, in ops that fuse.
Value concrete_variance(Rewriter& rewriter, const Node& node, Value x) {
  Emit& emit = rewriter.emit;
  std::vector<int> axes = reduced_axes(node, rewriter.made_type(x).shape.rank());
  double count = 1;
  for (int axis : axes) count *= static_cast<double>(rewriter.made_type(x).shape[axis]);
  std::vector<int64_t> list(axes.begin(), axes.end());
  if (list.empty()) return emit.mul(x, 0);
  Value mean = emit.mul(emit.sum(x, list, true), 1 / count);
  Value squares = emit.op("square", {emit.sub(x, mean)});
  double divisor = count - static_cast<double>(node.integer("correction"));
  return emit.mul(emit.sum(squares, list, node.flag("keepDims")), 1 / divisor);
}

}  // namespace

Program specialize(const Program& program, const FeedTypes& feeds) {
  Rewriter rewriter(program);
  Program result = rewriter.run([&](int id) {
    const Node& node = program.graph.node(id);
    if (node.is("placeholder")) {
      int fresh = rewriter.result.graph.add_placeholder_typed(node, fed_type(node, feeds));
      rewriter.map_node(id, fresh);
      return true;
    }
    if (node.is("sum_to")) {
      Shape wanted = rewriter.made_type(rewriter.input(id, 1)).shape;
      rewriter.replace(id, concrete_sum(rewriter, rewriter.input(id, 0), wanted));
      return true;
    }
    if (node.op->name.starts_with("random_") && !node.inputs.empty()) {
      // The input was there for its shape alone.
      Attributes attributes = node.attributes;
      attributes["shape"] = rewriter.made_type(rewriter.input(id, 0)).shape.dims();
      rewriter.replace(id, rewriter.emit.op(node.op->name, {}, std::move(attributes)));
      return true;
    }
    if (node.is("variance")) {
      rewriter.replace(id, concrete_variance(rewriter, node, rewriter.input(id, 0)));
      return true;
    }
    if (node.is("custom_gradient")) {
      rewriter.replace(id, rewriter.input(id, 0));
      return true;
    }
    if (node.is("recompute")) {
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        rewriter.replace(id, rewriter.input(id, i), static_cast<int>(i));
      }
      return true;
    }
    if (node.is("expand_like") || node.is("reshape_like")) {
      Shape wanted = rewriter.made_type(rewriter.input(id, 1)).shape;
      const char* op = node.is("expand_like") ? "expand" : "reshape";
      rewriter.replace(id,
                       rewriter.emit.op(op, {rewriter.input(id, 0)}, {{"shape", wanted.dims()}}));
      return true;
    }
    if (node.is("expand")) {
      // An expand that was written with the batch in its shape takes the batch of its input, or 1.
      std::vector<int64_t> dims = node.integers("shape");
      const Shape& from = rewriter.made_type(rewriter.input(id, 0)).shape;
      for (size_t i = 0; i < dims.size(); ++i) {
        int axis = static_cast<int>(i) - (static_cast<int>(dims.size()) - from.rank());
        if (dims[i] == kDynamic) dims[i] = axis >= 0 ? from[axis] : 1;
      }
      rewriter.replace(id, rewriter.emit.op("expand", {rewriter.input(id, 0)}, {{"shape", dims}}));
      return true;
    }
    return false;
  });
  for (int id = 0; id < result.graph.size(); ++id) {
    for (const TensorType& type : result.graph.node(id).outputs) {
      if (!type.shape.is_static()) {
        throw Error("internal", result.graph.node(id).op->name, "the shape is still open");
      }
    }
  }
  return result;
}

}  // namespace vanda
