#include <cmath>

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

std::vector<TensorType> infer_softmax(const Node& node, Types inputs) {
  if (!is_float(inputs[0].dtype) || inputs[0].shape.rank() < 1) {
    throw Error("shape_mismatch", node.op->name, "takes f32 [..., K], not " + inputs[0].text());
  }
  normalize_axis(node.integer("axis"), inputs[0].shape.rank(), node.op->name);
  return {inputs[0]};
}

// log(sum(exp(x))) of one row, safe for large values.
double log_sum_exp(const ConstView& x, int64_t begin, int64_t width) {
  double top = x.at(begin);
  for (int64_t k = 1; k < width; ++k) top = std::fmax(top, x.at(begin + k));
  double sum = 0;
  for (int64_t k = 0; k < width; ++k) sum += std::exp(x.at(begin + k) - top);
  return top + std::log(sum);
}

void reference_softmax(const Node& node, Inputs inputs, Outputs outputs) {
  const Shape& shape = inputs[0].type->shape;
  int axis = normalize_axis(node.integer("axis"), shape.rank(), node.op->name);
  int64_t width = shape[axis];
  int64_t inner = 1;
  for (int k = axis + 1; k < shape.rank(); ++k) inner *= shape[k];
  bool logarithm = node.is("log_softmax");
  for (int64_t line = 0; line < inputs[0].elements() / width; ++line) {
    int64_t begin = line / inner * width * inner + line % inner;
    double top = inputs[0].at(begin);
    for (int64_t k = 1; k < width; ++k) top = std::fmax(top, inputs[0].at(begin + k * inner));
    double sum = 0;
    for (int64_t k = 0; k < width; ++k) sum += std::exp(inputs[0].at(begin + k * inner) - top);
    for (int64_t k = 0; k < width; ++k) {
      double log_p = inputs[0].at(begin + k * inner) - top - std::log(sum);
      outputs[0].set(begin + k * inner, logarithm ? log_p : std::exp(log_p));
    }
  }
}

std::vector<Value> grad_softmax(Graph& graph, int node, Grads grads) {
  int64_t axis = graph.node(node).integer("axis");
  Emit emit(graph);
  Value y{node, 0};
  Value dot = emit.sum(emit.mul(grads[0], y), {axis}, true);
  return {emit.mul(y, emit.sub(grads[0], dot))};
}

std::vector<Value> grad_log_softmax(Graph& graph, int node, Grads grads) {
  int64_t axis = graph.node(node).integer("axis");
  Emit emit(graph);
  Value total = emit.sum(grads[0], {axis}, true);
  return {emit.sub(grads[0], emit.mul(emit.op("exp", {Value{node, 0}}), total))};
}

// softmax_cross_entropy(logits [N, K], labels [N], class weights [K]?) -> the loss of each row [N].
void require_labels(const Node& node, const TensorType& logits, const TensorType& labels,
                    const TensorType* weights) {
  bool fits = is_float(logits.dtype) && logits.shape.rank() == 2 && labels.shape.rank() == 1 &&
              labels.shape[0] == logits.shape[0] && logits.shape[1] > 0;
  if (!fits) {
    throw Error(
        "shape_mismatch", node.op->name,
        "takes logits [N, K] and labels [N], not " + logits.text() + " and " + labels.text());
  }
  if (!is_integer(labels.dtype) && labels.dtype != DType::u8) {
    throw Error("dtype_mismatch", node.op->name,
                "the labels must be integers, not " + labels.text());
  }
  if (weights != nullptr &&
      (weights->shape != Shape{logits.shape[1]} || weights->dtype != logits.dtype)) {
    throw Error("shape_mismatch", node.op->name, "one class weight is needed for each logit");
  }
}

std::vector<TensorType> infer_loss(const Node& node, Types inputs) {
  require_labels(node, inputs[0], inputs[1], inputs.size() > 2 ? &inputs[2] : nullptr);
  return {TensorType{inputs[0].dtype, Shape{inputs[0].shape[0]}}};
}

int64_t label_of(const Node& node, const ConstView& labels, int64_t row, int64_t classes) {
  int64_t label = labels.at_integer(row);
  if (label < 0 || label >= classes) {
    throw Error(
        "invalid_feed", node.op->name,
        "the label " + std::to_string(label) + " is outside 0.." + std::to_string(classes - 1));
  }
  return label;
}

void reference_loss(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t classes = inputs[0].type->shape[1];
  for (int64_t i = 0; i < outputs[0].elements(); ++i) {
    int64_t label = label_of(node, inputs[1], i, classes);
    double weight = inputs.size() > 2 ? inputs[2].at(label) : 1;
    double log_p = inputs[0].at(i * classes + label) - log_sum_exp(inputs[0], i * classes, classes);
    outputs[0].set(i, -weight * log_p);
  }
}

std::vector<Value> grad_loss(Graph& graph, int node, Grads grads) {
  std::vector<Value> inputs = graph.node(node).inputs;
  std::vector<Value> arguments = {grads[0], inputs[0], inputs[1]};
  std::vector<Value> result(inputs.size(), kNoValue);
  if (inputs.size() > 2) arguments.push_back(inputs[2]);
  result[0] = Emit(graph).op("softmax_cross_entropy_grad", arguments);
  return result;
}

// softmax_cross_entropy_grad(dloss [N], logits, labels, weights?) -> [N, K].
std::vector<TensorType> infer_loss_grad(const Node& node, Types inputs) {
  require_labels(node, inputs[1], inputs[2], inputs.size() > 3 ? &inputs[3] : nullptr);
  if (inputs[0].shape != inputs[2].shape || inputs[0].dtype != inputs[1].dtype) {
    throw Error("shape_mismatch", node.op->name, "the gradient does not go with the labels");
  }
  return {inputs[1]};
}

void reference_loss_grad(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t classes = inputs[1].type->shape[1];
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    int64_t label = label_of(node, inputs[2], i, classes);
    double scale = inputs[0].at(i) * (inputs.size() > 3 ? inputs[3].at(label) : 1);
    double norm = log_sum_exp(inputs[1], i * classes, classes);
    for (int64_t k = 0; k < classes; ++k) {
      double p = std::exp(inputs[1].at(i * classes + k) - norm);
      outputs[0].set(i * classes + k, scale * (p - (k == label ? 1 : 0)));
    }
  }
}

// With p = softmax(logits), w the row's class weight and v the incoming gradient:
// towards dloss: sum_k v (p - onehot) w; towards logits: dloss w (v p - p sum_k(v p)).
std::vector<Value> grad_loss_grad(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  std::vector<Value> inputs = graph.node(node).inputs;
  int64_t classes = graph.type(inputs[1]).shape[1];
  DType dtype = graph.type(inputs[1]).dtype;
  Value p = emit.op("softmax", {inputs[1]});
  Value hot = emit.op("one_hot", {inputs[2]}, {{"depth", classes}});
  if (dtype != DType::f32) hot = emit.cast(hot, dtype);
  Value weighted = grads[0];
  if (inputs.size() > 3) {
    Value weight = emit.sum(emit.mul(hot, inputs[3]), {1}, true);
    weighted = emit.mul(weighted, weight);
  }
  Value towards_loss = emit.sum(emit.mul(weighted, emit.sub(p, hot)), {1}, false);
  Value product = emit.mul(weighted, p);
  Value centred = emit.sub(product, emit.mul(p, emit.sum(product, {1}, true)));
  Value column = emit.op("reshape", {inputs[0]}, {{"shape", std::vector<int64_t>{0, 1}}});
  std::vector<Value> result(inputs.size(), kNoValue);
  result[0] = towards_loss;
  result[1] = emit.mul(column, centred);
  return result;
}

}  // namespace

void register_softmax() {
  for (const char* name : {"softmax", "log_softmax"}) {
    OpSpec spec;
    spec.name = name;
    spec.inputs_min = spec.inputs_max = 1;
    spec.attributes = {{"axis", AttributeKind::integer, int64_t{-1}}};
    spec.doc = {spec.name == "softmax"
                    ? "exp(x) / sum(exp(x)) along an axis, safe for large values."
                    : "The logarithm of softmax, exact where softmax underflows.",
                "x -> the shape of x"};
    spec.infer = infer_softmax;
    spec.reference = reference_softmax;
    spec.gradient = spec.name == "softmax" ? grad_softmax : grad_log_softmax;
    register_op(std::move(spec));
  }
  OpSpec loss;
  loss.name = "softmax_cross_entropy";
  loss.inputs_min = 2;
  loss.inputs_max = 3;
  loss.doc = {
      "The cross-entropy of integer labels from logits, one loss a row, with optional class "
      "weights.",
      "logits [N, K], labels [N], weights [K] -> [N]"};
  loss.infer = infer_loss;
  loss.reference = reference_loss;
  loss.gradient = grad_loss;
  register_op(std::move(loss));

  OpSpec loss_grad;
  loss_grad.name = "softmax_cross_entropy_grad";
  loss_grad.inputs_min = 3;
  loss_grad.inputs_max = 4;
  loss_grad.doc = {"The gradient of softmax_cross_entropy towards the logits.",
                   "dloss [N], logits [N, K], labels [N], weights [K] -> [N, K]"};
  loss_grad.infer = infer_loss_grad;
  loss_grad.reference = reference_loss_grad;
  loss_grad.gradient = grad_loss_grad;
  register_op(std::move(loss_grad));
}

}  // namespace vanda
