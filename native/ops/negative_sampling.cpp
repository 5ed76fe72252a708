#include <cmath>

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

// negative_sampling(inputs [V, D], outputs [W, D], centre [N], context [N], negatives [N, K]) -> [N]:
// softplus(-u v) for the context's row u of outputs and the centre's row v of inputs, plus
// softplus(u v) for each negative's row u (Mikolov et al., 2013). A negative that is the context
// itself counts nothing.
void require_tables(const Node& node, Types inputs, size_t first) {
  const TensorType& in = inputs[first];
  const TensorType& out = inputs[first + 1];
  bool tables = is_float(in.dtype) && in.dtype == out.dtype && in.shape.rank() == 2 &&
                out.shape.rank() == 2 && in.shape[1] == out.shape[1];
  if (!tables) {
    throw Error("shape_mismatch", node.op->name,
                "the two tables are f32 [rows, dim] of one dim, not " + in.text() + " and " +
                    out.text());
  }
  const TensorType& centre = inputs[first + 2];
  const TensorType& context = inputs[first + 3];
  const TensorType& negatives = inputs[first + 4];
  bool indices = is_integer(centre.dtype) && is_integer(context.dtype) &&
                 is_integer(negatives.dtype) && centre.shape.rank() == 1 &&
                 centre.shape == context.shape && negatives.shape.rank() == 2 &&
                 negatives.shape[0] == centre.shape[0];
  if (!indices) {
    throw Error("shape_mismatch", node.op->name,
                "takes integers centre [N], context [N] and negatives [N, K], not " +
                    centre.text() + ", " + context.text() + " and " + negatives.text());
  }
}

std::vector<TensorType> infer_loss(const Node& node, Types inputs) {
  require_tables(node, inputs, 0);
  return {TensorType{inputs[0].dtype, inputs[2].shape}};
}

int64_t checked(const Node& node, const ConstView& indices, int64_t at, const ConstView& table) {
  int64_t row = indices.at_integer(at);
  int64_t rows = table.type->shape[0];
  if (row < 0 || row >= rows) {
    throw Error("invalid_feed", node.op->name,
                "the index " + std::to_string(row) + " is outside a table of " +
                    std::to_string(rows) + " rows");
  }
  return row;
}

// body(example, target, row of inputs, row of outputs, dot product); target 0 is the context.
template <typename Body>
void each_target(const Node& node, Inputs x, Body body) {
  int64_t width = x[0].type->shape[1];
  int64_t negatives = x[4].type->shape[1];
  for (int64_t n = 0; n < x[2].elements(); ++n) {
    int64_t centre = checked(node, x[2], n, x[0]);
    int64_t context = checked(node, x[3], n, x[1]);
    for (int64_t k = 0; k <= negatives; ++k) {
      int64_t row = k == 0 ? context : checked(node, x[4], n * negatives + k - 1, x[1]);
      if (k > 0 && row == context) continue;
      double dot = 0;
      for (int64_t d = 0; d < width; ++d) dot += x[0].at(centre * width + d) * x[1].at(row * width + d);
      body(n, k, centre, row, dot);
    }
  }
}

void reference_loss(const Node& node, Inputs inputs, Outputs outputs) {
  for (int64_t i = 0; i < outputs[0].elements(); ++i) outputs[0].set(i, 0);
  ConstView sums{outputs[0].type, outputs[0].data};
  each_target(node, inputs, [&](int64_t n, int64_t k, int64_t, int64_t, double dot) {
    double z = k == 0 ? -dot : dot;
    double loss = z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
    outputs[0].set(n, sums.at(n) + loss);
  });
}

std::vector<Value> grad_loss(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> x = graph.node(node).inputs;
  Value gradient = emit.op("negative_sampling_grad", {grads[0], x[0], x[1], x[2], x[3], x[4]});
  Value rows{gradient.node, 1};
  Value targets{gradient.node, 2};
  int64_t in_rows = graph.type(x[0]).shape[0];
  int64_t out_rows = graph.type(x[1]).shape[0];
  return {emit.op("scatter_add", {gradient, x[2]}, {{"rows", in_rows}}),
          emit.op("scatter_add", {rows, targets}, {{"rows", out_rows}}), kNoValue, kNoValue,
          kNoValue};
}

// negative_sampling_grad(dy [N], inputs, outputs, centre, context, negatives) -> the gradients of the
// centres' rows [N, D], those of the targets' rows [N, 1 + K, D], and the targets [N, 1 + K].
std::vector<TensorType> infer_gradient(const Node& node, Types inputs) {
  require_tables(node, inputs, 1);
  DType dtype = inputs[1].dtype;
  int64_t examples = inputs[3].shape[0];
  int64_t width = inputs[1].shape[1];
  int64_t targets = inputs[5].shape[1] + 1;
  if (inputs[0] != TensorType{dtype, Shape{examples}}) {
    throw Error("shape_mismatch", node.op->name, "the gradient is one number for each example");
  }
  return {TensorType{dtype, Shape{examples, width}},
          TensorType{dtype, Shape{examples, targets, width}},
          TensorType{DType::i32, Shape{examples, targets}}};
}

void reference_gradient(const Node& node, Inputs inputs, Outputs outputs) {
  Inputs x = inputs.subspan(1);
  int64_t width = x[0].type->shape[1];
  int64_t targets = x[4].type->shape[1] + 1;
  for (size_t o = 0; o < 2; ++o) {
    for (int64_t i = 0; i < outputs[o].elements(); ++i) outputs[o].set(i, 0);
  }
  for (int64_t n = 0; n < x[2].elements(); ++n) {
    outputs[2].set_integer(n * targets, x[3].at_integer(n));
    for (int64_t k = 1; k < targets; ++k) {
      outputs[2].set_integer(n * targets + k, x[4].at_integer(n * (targets - 1) + k - 1));
    }
  }
  ConstView sums{outputs[0].type, outputs[0].data};
  each_target(node, x, [&](int64_t n, int64_t k, int64_t centre, int64_t row, double dot) {
    double slope = inputs[0].at(n) * (1 / (1 + std::exp(-dot)) - (k == 0 ? 1 : 0));
    for (int64_t d = 0; d < width; ++d) {
      outputs[0].set(n * width + d, sums.at(n * width + d) + slope * x[1].at(row * width + d));
      outputs[1].set((n * targets + k) * width + d, slope * x[0].at(centre * width + d));
    }
  });
}

// sample_noise(like [N], threshold [V], alias [V]) -> i32 [N, count]: draws by Walker's alias method
// (Vose, 1991), a pure function of (seed, salt, step, place): the column v = random(V) is taken as it
// is with the probability threshold[v], else alias[v] is. Of `like` only the shape counts.
std::vector<TensorType> infer_noise(const Node& node, Types inputs) {
  const Shape& threshold = inputs[1].shape;
  bool fits = inputs[0].shape.rank() == 1 && threshold.rank() == 1 && threshold[0] > 0 &&
              inputs[1].dtype == DType::f32 && inputs[2] == TensorType{DType::i32, threshold};
  if (!fits) {
    throw Error("shape_mismatch", node.op->name,
                "takes examples [N], f32 thresholds [V] and i32 aliases [V], not " +
                    inputs[0].text() + ", " + inputs[1].text() + " and " + inputs[2].text());
  }
  if (node.integer("count") < 1) {
    throw Error("invalid_attribute", node.op->name, "count must be at least 1");
  }
  return {TensorType{DType::i32, Shape{inputs[0].shape[0], node.integer("count")}}};
}

}  // namespace

void register_negative_sampling() {
  OpSpec loss;
  loss.name = "negative_sampling";
  loss.inputs_min = loss.inputs_max = 5;
  loss.doc = {"The loss of skip-gram with negative sampling (Mikolov et al., 2013), by row; a negative "
              "that is the context counts nothing.",
              "inputs [V, D], outputs [W, D], centre [N], context [N], negatives [N, K] -> [N]"};
  loss.first_order = true;
  loss.infer = infer_loss;
  loss.reference = reference_loss;
  loss.gradient = grad_loss;
  register_op(std::move(loss));

  OpSpec gradient;
  gradient.name = "negative_sampling_grad";
  gradient.inputs_min = gradient.inputs_max = 6;
  gradient.doc = {"The gradient of negative_sampling: rows of both tables, and which rows they are.",
                  "dy [N], the inputs of negative_sampling -> [N, D], [N, 1 + K, D], [N, 1 + K]"};
  gradient.gradient = refuse_second_order;
  gradient.infer = infer_gradient;
  gradient.reference = reference_gradient;
  register_op(std::move(gradient));

  OpSpec noise;
  noise.name = "sample_noise";
  noise.inputs_min = noise.inputs_max = 3;
  noise.attributes = {{"count", AttributeKind::integer, std::nullopt},
                      {"seed", AttributeKind::integer, int64_t{0}},
                      {"salt", AttributeKind::integer, int64_t{0}}};
  noise.doc = {"Draws indices by their weights (Walker's alias method), a function of seed, salt, "
               "step and place; of the first input only the shape counts.",
               "like [N], thresholds [V], aliases [V] -> [N, count]", "any"};
  noise.infer = infer_noise;
  noise.zero_gradient = true;
  register_op(std::move(noise));
}

}  // namespace vanda
