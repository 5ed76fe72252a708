#include "ops/attention.hpp"

#include <cmath>

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"

// Scaled dot-product attention (Vaswani et al., 2017): softmax(q k^T * scale + masks) v.
//
// attention(q, k, v, mask?) -> out, norms [N, H, T]
// With `heads`: q [N, T, H * D], k [N, S, H * D], v [N, S, H * E] -> out [N, T, H * E]; with
// `packed`, one input [N, T, 3 * H * D] holds all three. Without (heads 0): q [N, H, T, D],
// k [N, H, S, D], v [N, H, S, E] -> out [N, H, T, E].
// mask: bool [N, S] or [N, T, S], true where a query may look. causal: query i looks at keys 0..i.
// scale 0 means 1 / sqrt(D). A query that may look at nothing gets zeros.
//
// norms, the logarithm of each row's sum of exponentials, is all that the gradient needs beside the
// output: the backward kernel makes the scores again (Dao et al., FlashAttention, 2022).
namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Grads = std::span<const Value>;

void require(bool fits, const Node& node, const std::string& what) {
  if (!fits) throw Error("shape_mismatch", node.op->name, what);
}

// [N, T, H * D] seen as heads; `part` of `parts` that lie beside each other in each row.
HeadLayout beside(const Shape& shape, int64_t depth, int64_t offset) {
  return {offset, shape[1] * shape[2], depth, shape[2]};
}
HeadLayout stacked(const Shape& shape) {
  return {0, shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3]};
}

void shape_packed(const Node& node, const Shape& qkv, AttentionShape& out) {
  int64_t width = qkv.rank() == 3 ? qkv[2] : 0;
  require(qkv.rank() == 3 && out.heads > 0 && width > 0 && width % (3 * out.heads) == 0, node,
          "packed input must be [batch, time, 3 * heads * depth] with " +
              std::to_string(out.heads) + " heads, not " + qkv.text());
  out.queries = out.keys = qkv[1];
  out.depth = out.value_depth = width / 3 / out.heads;
  out.q = beside(qkv, out.depth, 0);
  out.k = beside(qkv, out.depth, width / 3);
  out.v = beside(qkv, out.depth, 2 * width / 3);
}

void shape_beside(const Node& node, const Shape& q, const Shape& k, const Shape& v,
                  AttentionShape& out) {
  bool fits = q.rank() == 3 && k.rank() == 3 && v.rank() == 3 && q[0] == k[0] && k[0] == v[0] &&
              k[1] == v[1] && q[2] == k[2] && q[2] > 0 && v[2] > 0 && q[2] % out.heads == 0 &&
              v[2] % out.heads == 0;
  require(fits, node,
          "q [batch, T, heads * depth], k [batch, S, heads * depth] and v [batch, S, heads * any] "
          "go together with " +
              std::to_string(out.heads) + " heads, not " + q.text() + ", " + k.text() + " and " +
              v.text());
  out.queries = q[1];
  out.keys = k[1];
  out.depth = q[2] / out.heads;
  out.value_depth = v[2] / out.heads;
  out.q = beside(q, out.depth, 0);
  out.k = beside(k, out.depth, 0);
  out.v = beside(v, out.value_depth, 0);
}

void shape_stacked(const Node& node, const Shape& q, const Shape& k, const Shape& v,
                   AttentionShape& out) {
  bool fits = q.rank() == 4 && k.rank() == 4 && v.rank() == 4;
  for (int axis : {0, 1}) fits = fits && q[axis] == k[axis] && k[axis] == v[axis];
  fits = fits && k[2] == v[2] && q[3] == k[3] && q[1] > 0 && q[3] > 0 && v[3] > 0;
  require(fits, node,
          "without heads, q [batch, H, T, D], k [batch, H, S, D] and v [batch, H, S, any] go "
          "together, not " +
              q.text() + ", " + k.text() + " and " + v.text());
  out.heads = q[1];
  out.queries = q[2];
  out.keys = k[2];
  out.depth = q[3];
  out.value_depth = v[3];
  out.q = stacked(q);
  out.k = stacked(k);
  out.v = stacked(v);
}

void check_mask(const Node& node, const TensorType& mask, AttentionShape& out) {
  const Shape& s = mask.shape;
  bool padding = s == Shape{out.batch, out.keys};
  bool whole = s == Shape{out.batch, out.queries, out.keys};
  require(mask.dtype == DType::boolean && (padding || whole), node,
          "the mask must be bool" + Shape{out.batch, out.keys}.text() + " or bool" +
              Shape{out.batch, out.queries, out.keys}.text() + ", not " + mask.text());
  out.mask_row = whole ? out.keys : 0;
  out.mask_batch = whole ? out.queries * out.keys : out.keys;
}

Shape out_shape(const AttentionShape& shape, bool stacked_heads) {
  if (stacked_heads) return {shape.batch, shape.heads, shape.queries, shape.value_depth};
  return {shape.batch, shape.queries, shape.heads * shape.value_depth};
}

std::vector<TensorType> infer_attention(const Node& node, Types inputs) {
  AttentionShape shape = attention_shape(node, inputs);
  DType dtype = inputs[0].dtype;
  return {TensorType{dtype, out_shape(shape, node.integer("heads") == 0)},
          TensorType{dtype, Shape{shape.batch, shape.heads, shape.queries}}};
}

std::vector<TensorType> infer_gradient(const Node& node, Types inputs) {
  AttentionShape shape = attention_shape(node, inputs);
  AttentionInputs at = attention_inputs(node);
  Shape out = out_shape(shape, node.integer("heads") == 0);
  bool fits = inputs[static_cast<size_t>(at.out)].shape == out &&
              inputs[static_cast<size_t>(at.gradient)].shape == out &&
              inputs[static_cast<size_t>(at.norms)].shape ==
                  Shape{shape.batch, shape.heads, shape.queries};
  require(fits, node, "the output, its norms and its gradient do not go with the inputs");
  if (node.flag("packed")) return {inputs[0]};
  return {inputs[0], inputs[1], inputs[2]};
}

std::vector<Value> gradient(Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  if (grads[1].node >= 0) {
    throw Error("no_gradient", "attention", "the norms themselves have no gradient");
  }
  std::vector<Value> inputs = node.inputs;
  inputs.insert(inputs.end(), {Value{id, 0}, Value{id, 1}, grads[0]});
  int made = graph.add("attention_grad", inputs, node.attributes);
  std::vector<Value> result(node.inputs.size(), kNoValue);
  for (int i = 0; i < (node.flag("packed") ? 1 : 3); ++i) {
    result[static_cast<size_t>(i)] = Value{made, i};
  }
  return result;
}

}  // namespace

AttentionInputs attention_inputs(const Node& node) {
  AttentionInputs at;
  int next = 1;
  if (!node.flag("packed")) {
    at.k = next++;
    at.v = next++;
  }
  if (node.flag("mask")) at.mask = next++;
  if (node.is("attention_grad")) {
    at.out = next++;
    at.norms = next++;
    at.gradient = next++;
  }
  at.count = next;
  return at;
}

AttentionShape attention_shape(const Node& node, Types inputs) {
  AttentionInputs at = attention_inputs(node);
  if (static_cast<int>(inputs.size()) != at.count) {
    throw Error("invalid_graph", node.op->name,
                "takes " + std::to_string(at.count) + " inputs with these attributes, not " +
                    std::to_string(inputs.size()));
  }
  const TensorType& q = inputs[0];
  const TensorType& k = inputs[static_cast<size_t>(at.k)];
  const TensorType& v = inputs[static_cast<size_t>(at.v)];
  if (!is_float(q.dtype) || k.dtype != q.dtype || v.dtype != q.dtype) {
    throw Error("dtype_mismatch", node.op->name,
                "takes f32, not " + q.text() + ", " + k.text() + " and " + v.text());
  }
  AttentionShape out;
  out.heads = node.integer("heads");
  out.scale = node.number("scale");
  out.causal = node.flag("causal");
  if (out.heads < 0 || !(out.scale >= 0) || !std::isfinite(out.scale)) {
    throw Error("invalid_attribute", node.op->name,
                "heads must be at least 0 and scale a finite number of at least 0");
  }
  if (node.flag("packed"))
    shape_packed(node, q.shape, out);
  else if (out.heads > 0)
    shape_beside(node, q.shape, k.shape, v.shape, out);
  else
    shape_stacked(node, q.shape, k.shape, v.shape, out);
  out.batch = q.shape[0];
  require(out.queries > 0 && out.keys > 0, node, "both sequences must have a known length");
  bool stacked_heads = node.integer("heads") == 0;
  Shape result = out_shape(out, stacked_heads);
  out.out = stacked_heads ? stacked(result) : beside(result, out.value_depth, 0);
  if (out.scale == 0) out.scale = 1 / std::sqrt(static_cast<double>(out.depth));
  if (at.mask >= 0) check_mask(node, inputs[static_cast<size_t>(at.mask)], out);
  return out;
}

void register_attention() {
  OpSpec spec;
  spec.name = "attention";
  spec.inputs_min = 1;
  spec.inputs_max = 4;
  spec.attributes = {{"heads", AttributeKind::integer, int64_t{0}},
                     {"causal", AttributeKind::boolean, false},
                     {"mask", AttributeKind::boolean, false},
                     {"packed", AttributeKind::boolean, false},
                     {"scale", AttributeKind::number, 0.0}};
  spec.infer = infer_attention;
  spec.gradient = gradient;
  spec.first_order = true;
  spec.reference = attention_reference;
  spec.doc = {"Scaled dot-product attention, head by head, without holding all scores.",
              "q [N, T, H D], k [N, S, H D], v [N, S, H E] (or heads as an axis of their own, or one "
              "[N, T, 3 H D]), mask [N, S] or [N, T, S] -> [N, T, H E], and what the gradient wants"};
  register_op(spec);

  spec.name = "attention_grad";
  spec.inputs_min = 4;
  spec.inputs_max = 7;
  spec.infer = infer_gradient;
  spec.gradient = refuse_second_order;
  spec.reference = attention_grad_reference;
  spec.doc = {"The gradient of attention; makes the scores again.",
              "what attention takes and gives, its gradient -> dq, dk, dv (or all in one)"};
  register_op(std::move(spec));
}

}  // namespace vanda
