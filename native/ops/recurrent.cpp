#include "ops/recurrent.hpp"

#include "core/emit.hpp"
#include "ops/fused_gradient.hpp"
#include "ops/register.hpp"

// Whole sequences through one recurrent layer.
//
// lstm(x [N, T, I], w [I, 4H], u [H, 4H], bias [4H], h0 [N, H]?, c0 [N, H]?, mask [N, T]?)
//   -> y [N, T, H], last h [N, H], last c [N, H], gates [N, T, 4H], cells [N, T, H]
// Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000. Blocks of columns:
// input, forget, candidate, output: the order of both Keras and PyTorch.
//
// gru(x [N, T, I], w [I, 3H], u [H, 3H], bias [2, 3H], h0 [N, H]?, mask [N, T]?)
//   -> y [N, T, H], last h [N, H], gates [N, T, 4H]
// Cho et al., 2014, with the reset gate behind the recurrent product (Keras' reset_after, PyTorch's
// only form). Blocks of columns: update z, reset r, candidate, as in Keras; PyTorch has r before z.
// bias[0] goes with x, bias[1] with h.
//
// A masked step (false) carries the state through and repeats the output before it. `reverse` runs
// from the last step to the first; outputs stay at their places in time. gates and cells are kept
// for the gradient alone.
namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Grads = std::span<const Value>;

void require(bool fits, const Node& node, const std::string& what) {
  if (!fits) throw Error("shape_mismatch", node.op->name, what);
}

void require_type(const Node& node, const char* what, const TensorType& given,
                  const TensorType& wanted) {
  require(given == wanted, node,
          std::string(what) + " must be " + wanted.text() + ", not " + given.text());
}

// Checks what forward and gradient share; gives the type of y.
TensorType check(const Node& node, Types inputs) {
  RecurrentInputs at = recurrent_inputs(node);
  bool lstm = node.is("lstm") || node.is("lstm_grad");
  if (static_cast<int>(inputs.size()) != at.count) {
    throw Error("invalid_graph", node.op->name,
                "takes " + std::to_string(at.count) + " inputs with these attributes, not " +
                    std::to_string(inputs.size()));
  }
  const TensorType& x = inputs[0];
  if (!is_float(x.dtype)) throw Error("dtype_mismatch", node.op->name, "takes f32, not " + x.text());
  const Shape& u = inputs[2].shape;
  int64_t blocks = lstm ? 4 : 3;
  require(x.shape.rank() == 3 && x.shape[1] > 0 && x.shape[2] > 0, node,
          "takes a sequence [batch, time, features] of known length, not " + x.text());
  require(u.rank() == 2 && u[0] > 0 && u[1] == blocks * u[0], node,
          "recurrent weights must be [units, " + std::to_string(blocks) + " * units], not " +
              inputs[2].text());
  int64_t units = u[0];
  require_type(node, "input weights", inputs[1],
               TensorType{x.dtype, Shape{x.shape[2], blocks * units}});
  require_type(node, "recurrent weights", inputs[2],
               TensorType{x.dtype, Shape{units, blocks * units}});
  if (at.bias >= 0) {
    require_type(node, "the bias", inputs[3],
                 TensorType{x.dtype, lstm ? Shape{4 * units} : Shape{2, 3 * units}});
  }
  TensorType state{x.dtype, Shape{x.shape[0], units}};
  TensorType sequence{x.dtype, Shape{x.shape[0], x.shape[1], units}};
  auto check_input = [&](int index, const char* what, const TensorType& wanted) {
    if (index >= 0) require_type(node, what, inputs[static_cast<size_t>(index)], wanted);
  };
  check_input(at.h0, "the initial state", state);
  check_input(at.c0, "the initial cell", state);
  check_input(at.mask, "the mask", TensorType{DType::boolean, Shape{x.shape[0], x.shape[1]}});
  check_input(at.y, "the output", sequence);
  check_input(at.cells, "the cells", sequence);
  check_input(at.gates, "the gates",
              TensorType{x.dtype, Shape{x.shape[0], x.shape[1], 4 * units}});
  check_input(at.dy, "the gradient", sequence);
  check_input(at.dh, "the gradient of the state", state);
  check_input(at.dc, "the gradient of the cell", state);
  return sequence;
}

std::vector<TensorType> infer_forward(const Node& node, Types inputs) {
  TensorType y = check(node, inputs);
  TensorType state{y.dtype, Shape{y.shape[0], y.shape[2]}};
  TensorType gates{y.dtype, Shape{y.shape[0], y.shape[1], 4 * y.shape[2]}};
  if (node.is("gru")) return {y, state, gates};
  return {y, state, state, gates, y};
}

std::vector<TensorType> infer_gradient(const Node& node, Types inputs) {
  TensorType y = check(node, inputs);
  bool lstm = node.is("lstm_grad");
  TensorType state{y.dtype, Shape{y.shape[0], y.shape[2]}};
  int64_t units = y.shape[2];
  TensorType bias{y.dtype, lstm ? Shape{4 * units} : Shape{2, 3 * units}};
  std::vector<TensorType> types = {inputs[0], inputs[1], inputs[2], bias};
  if (node.flag("state")) types.insert(types.end(), lstm ? 2 : 1, state);
  return types;
}

std::vector<Value> gradient(Graph& graph, int id, Grads grads) {
  // A copy: emitting moves the nodes.
  const Node node = graph.node(id);
  bool lstm = node.is("lstm");
  size_t kept = lstm ? 3 : 2;
  for (size_t i = kept; i < grads.size(); ++i) {
    if (grads[i].node >= 0) {
      throw Error("no_gradient", node.op->name, "what it keeps for its gradient has none itself");
    }
  }
  RecurrentInputs at = recurrent_inputs(node);
  std::vector<Value> inputs(node.inputs.begin(), node.inputs.begin() + 3);
  for (int index : {at.h0, at.c0, at.mask}) {
    if (index >= 0) inputs.push_back(node.inputs[static_cast<size_t>(index)]);
  }
  inputs.push_back(Value{id, 0});
  inputs.push_back(Value{id, static_cast<int>(kept)});
  if (lstm) inputs.push_back(Value{id, 4});
  for (size_t i = 0; i < kept; ++i) {
    if (grads[i].node >= 0) inputs.push_back(grads[i]);
  }
  Attributes attributes = node.attributes;
  attributes["outputGradient"] = grads[0].node >= 0;
  attributes["stateGradient"] = grads[1].node >= 0;
  if (lstm) attributes["cellGradient"] = grads[2].node >= 0;
  int made = graph.add(lstm ? "lstm_grad" : "gru_grad", inputs, std::move(attributes));
  std::vector<Value> result(node.inputs.size(), kNoValue);
  for (int i = 0; i < 4; ++i) result[static_cast<size_t>(i)] = Value{made, i};
  if (at.h0 >= 0) result[static_cast<size_t>(at.h0)] = Value{made, 4};
  if (at.c0 >= 0) result[static_cast<size_t>(at.c0)] = Value{made, 5};
  return result;
}

OpSpec recurrent(const char* name, int required, int optional, ReferenceFn reference) {
  OpSpec spec;
  spec.name = name;
  spec.inputs_min = required;
  spec.inputs_max = required + optional;
  spec.attributes = {{"reverse", AttributeKind::boolean, false},
                     {"state", AttributeKind::boolean, false},
                     {"mask", AttributeKind::boolean, false}};
  spec.infer = infer_forward;
  spec.gradient = gradient;
  spec.first_order = true;
  spec.reference = reference;
  return spec;
}

OpSpec recurrent_grad(const char* name, int required, int optional, ReferenceFn reference) {
  OpSpec spec = recurrent(name, required, optional, reference);
  spec.attributes.push_back({"outputGradient", AttributeKind::boolean, false});
  spec.attributes.push_back({"stateGradient", AttributeKind::boolean, false});
  if (spec.name == "lstm_grad") {
    spec.attributes.push_back({"cellGradient", AttributeKind::boolean, false});
  }
  spec.infer = infer_gradient;
  spec.gradient = refuse_second_order;
  return spec;
}

}  // namespace

RecurrentInputs recurrent_inputs(const Node& node) {
  RecurrentInputs at;
  bool backward = node.is("lstm_grad") || node.is("gru_grad");
  bool lstm = node.is("lstm") || node.is("lstm_grad");
  int next = 3;
  if (!backward) at.bias = next++;
  if (node.flag("state")) {
    at.h0 = next++;
    if (lstm) at.c0 = next++;
  }
  if (node.flag("mask")) at.mask = next++;
  if (backward) {
    at.y = next++;
    at.gates = next++;
    if (lstm) at.cells = next++;
    if (node.flag("outputGradient")) at.dy = next++;
    if (node.flag("stateGradient")) at.dh = next++;
    if (lstm && node.flag("cellGradient")) at.dc = next++;
  }
  at.count = next;
  return at;
}

RecurrentShape recurrent_shape(const Node& node, const TensorType& x, const TensorType& u) {
  RecurrentShape shape;
  shape.lstm = node.is("lstm") || node.is("lstm_grad");
  shape.reverse = node.flag("reverse");
  shape.batch = x.shape[0];
  shape.steps = x.shape[1];
  shape.inputs = x.shape[2];
  shape.units = u.shape[0];
  return shape;
}

void register_recurrent() {
  OpSpec lstm = recurrent("lstm", 4, 3, recurrent_reference);
  lstm.doc = {"A whole sequence through a long short-term memory; masked steps repeat what was.",
              "x [N, T, I], w [I, 4H], u [H, 4H], bias [4H], h0 and c0 [N, H], mask [N, T] -> "
              "y [N, T, H], last h and c [N, H], and what the gradient wants"};
  register_op(std::move(lstm));
  OpSpec gru = recurrent("gru", 4, 2, recurrent_reference);
  gru.doc = {"A whole sequence through gated recurrent units; masked steps repeat what was.",
             "x [N, T, I], w [I, 3H], u [H, 3H], bias [2, 3H], h0 [N, H], mask [N, T] -> "
             "y [N, T, H], last h [N, H], and what the gradient wants"};
  register_op(std::move(gru));
  OpSpec lstm_grad = recurrent_grad("lstm_grad", 6, 6, recurrent_grad_reference);
  lstm_grad.doc = {"The gradient of lstm, back through time.",
                   "what lstm takes but the bias, what it gives, gradients -> dx, dw, du, dbias, "
                   "dh0, dc0"};
  register_op(std::move(lstm_grad));
  OpSpec gru_grad = recurrent_grad("gru_grad", 5, 4, recurrent_grad_reference);
  gru_grad.doc = {"The gradient of gru, back through time.",
                  "what gru takes but the bias, what it gives, gradients -> dx, dw, du, dbias, dh0"};
  register_op(std::move(gru_grad));
}

}  // namespace vanda
