#include "ops/update.hpp"

#include "core/emit.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

// Ops that write variables. They run after everything else of a step, so every other op sees the
// values from before the step. The first `variables` inputs must be variable nodes.
using Types = std::span<const TensorType>;

void require_same(const Node& node, Types inputs, size_t tensors) {
  for (size_t i = 1; i < tensors; ++i) {
    if (inputs[i] != inputs[0]) {
      throw Error("shape_mismatch", node.op->name,
                  inputs[i].text() + " does not go with a variable of " + inputs[0].text());
    }
  }
}

void require_scalar(const Node& node, const TensorType& type) {
  if (type != TensorType{DType::f32, Shape{}}) {
    throw Error("shape_mismatch", node.op->name,
                "rates, steps and counts are f32 scalars, not " + type.text());
  }
}

void require_every(const Node& node) {
  if (node.integer("every") >= 1) return;
  throw Error("invalid_attribute", node.op->name, "every must be at least 1");
}

std::vector<TensorType> infer_assign(const Node& node, Types inputs) {
  require_same(node, inputs, 2);
  require_every(node);
  return {};
}

void require_count(const Node& node, size_t given, size_t wanted) {
  if (given == wanted) return;
  throw Error("invalid_graph", node.op->name,
              "takes " + std::to_string(wanted) + " inputs with these attributes, not " +
                  std::to_string(given));
}

void require_trainable(const Node& node, Types inputs) {
  if (inputs[0].dtype != DType::f32) {
    throw Error("dtype_mismatch", node.op->name,
                "only f32 variables can be trained, not " + inputs[0].text());
  }
  require_every(node);
}

std::vector<TensorType> infer_apply(const Node& node, Types inputs) {
  UpdateInputs at = update_inputs(node);
  size_t scalars = at.step >= 0 ? 2 : 1;
  size_t tensors = static_cast<size_t>(at.gradient) + 1;
  require_count(node, inputs.size(), tensors + scalars);
  require_same(node, inputs, tensors);
  for (size_t i = tensors; i < inputs.size(); ++i) require_scalar(node, inputs[i]);
  require_trainable(node, inputs);
  return {};
}

std::vector<TensorType> infer_sparse(const Node& node, Types inputs) {
  UpdateInputs at = update_inputs(node);
  require_same(node, inputs, static_cast<size_t>(at.slots) + 1);
  for (int i = at.rate; i < at.parts; ++i) require_scalar(node, inputs[static_cast<size_t>(i)]);
  require_trainable(node, inputs);
  const Shape& shape = inputs[0].shape;
  int64_t width = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) width *= shape[axis];
  require_parts(node, inputs, static_cast<size_t>(at.parts), width);
  return {};
}

// apply_average(average, updates [], variable): counts the updates and lets the average follow the
// variable, after the updates before it in the list of effects.
std::vector<TensorType> infer_average(const Node& node, Types inputs) {
  if (inputs[2] != inputs[0]) {
    throw Error("shape_mismatch", node.op->name,
                inputs[2].text() + " has no average of " + inputs[0].text());
  }
  require_scalar(node, inputs[1]);
  require_trainable(node, inputs);
  double decay = node.number("decay");
  if (!(decay >= 0 && decay < 1)) {
    throw Error("invalid_attribute", node.op->name, "decay must be at least 0 and below 1");
  }
  return {};
}

OpSpec effect(std::string name, int inputs_min, int inputs_max, InferFn infer,
              std::vector<AttributeSpec> attributes, OpDoc doc = {}) {
  OpSpec spec;
  spec.name = std::move(name);
  spec.op_class = OpClass::effect;
  spec.inputs_min = inputs_min;
  spec.inputs_max = inputs_max;
  spec.infer = infer;
  spec.attributes = std::move(attributes);
  spec.doc = std::move(doc);
  return spec;
}

AttributeSpec number(const char* name, double fallback) {
  return {name, AttributeKind::number, fallback};
}
AttributeSpec flag(const char* name) { return {name, AttributeKind::boolean, false}; }

int none(const Node&) { return 0; }
int one(const Node&) { return 1; }
int two(const Node&) { return 2; }
int adam_slots(const Node& node) { return node.flag("amsgrad") ? 3 : 2; }
int rmsprop_slots(const Node& node) {
  return 1 + (node.number("momentum") != 0 ? 1 : 0) + (node.flag("centered") ? 1 : 0);
}
bool never_rests(const Node&) { return false; }
bool rests_without_l2(const Node& node) { return node.number("l2") == 0; }

// The formulas are in backend/cpu/kernels/update.inl.
const std::vector<UpdateRule>& rules() {
  static const std::vector<UpdateRule> table = {
      {UpdateKind::sgd,
       "sgd",
       false,
       {number("l2", 0)},
       none,
       rests_without_l2,
       {"variable -= rate * gradient.", "variable [...], gradient [...], rate [] ->"}},
      {UpdateKind::momentum,
       "momentum",
       false,
       {number("momentum", 0.9), flag("nesterov"), number("l2", 0)},
       one,
       never_rests,
       {"Gradient descent with momentum, plain or Nesterov's.",
        "variable [...], velocity [...], gradient [...], rate [] ->"}},
      {UpdateKind::adagrad,
       "adagrad",
       false,
       {number("epsilon", 1e-10), number("l2", 0)},
       one,
       rests_without_l2,
       {"Adagrad (Duchi, Hazan and Singer, 2011).",
        "variable [...], sum of squares [...], gradient [...], rate [] ->"}},
      {UpdateKind::rmsprop,
       "rmsprop",
       false,
       {number("decay", 0.99), number("momentum", 0), number("epsilon", 1e-8), flag("centered"),
        number("l2", 0)},
       rmsprop_slots,
       never_rests,
       {"RMSProp (Hinton, 2012), with momentum and centered (Graves, 2013).",
        "variable [...], mean square [...] [, velocity] [, mean], gradient [...], rate [] ->"}},
      {UpdateKind::adam,
       "adam",
       true,
       {number("beta1", 0.9), number("beta2", 0.999), number("epsilon", 1e-7),
        number("weightDecay", 0), number("l2", 0), flag("amsgrad")},
       adam_slots,
       never_rests,
       {"Adam (Kingma and Ba, 2015), AdamW by its decoupled weight decay (Loshchilov and Hutter, "
        "2019), and amsgrad (Reddi, Kale and Kumar, 2018).",
        "variable [...], both moments [...] [, largest second], gradient [...], rate [], step [] "
        "->"}},
      {UpdateKind::ftrl,
       "ftrl",
       false,
       {number("l1", 0), number("l2", 0), number("beta", 0)},
       two,
       never_rests,
       {"Follow the regularised leader (McMahan et al., 2013).",
        "variable [...], sum of squares [...], linear [...], gradient [...], rate [] ->"}},
      {UpdateKind::adamax,
       "adamax",
       true,
       {number("beta1", 0.9), number("beta2", 0.999), number("epsilon", 1e-8), number("l2", 0)},
       two,
       never_rests,
       {"Adamax, Adam by the greatest gradient (Kingma and Ba, 2015).",
        "variable [...], mean [...], greatest [...], gradient [...], rate [], step [] ->"}},
      {UpdateKind::lion,
       "lion",
       false,
       {number("beta1", 0.9), number("beta2", 0.99), number("weightDecay", 0), number("l2", 0)},
       one,
       never_rests,
       {"Lion, the sign of a blend of gradient and mean (Chen et al., 2023).",
        "variable [...], mean [...], gradient [...], rate [] ->"}},
  };
  return table;
}

}  // namespace

const UpdateRule* update_rule(const Node& node) {
  const std::string& op = node.op->name;
  size_t prefix = op.starts_with("apply_") ? 6 : op.starts_with("sparse_") ? 7 : 0;
  if (prefix == 0 || node.op->op_class != OpClass::effect) return nullptr;
  for (const UpdateRule& rule : rules()) {
    if (op.compare(prefix, std::string::npos, rule.name) == 0) return &rule;
  }
  return nullptr;
}

bool is_sparse_update(const Node& node) {
  return update_rule(node) != nullptr && node.op->name.starts_with("sparse_");
}

UpdateInputs update_inputs(const Node& node) {
  const UpdateRule& rule = *update_rule(node);
  bool sparse = is_sparse_update(node);
  UpdateInputs at;
  at.slots = rule.slots(node);
  int next = at.slots + 1;
  if (!sparse) at.gradient = next++;
  at.rate = next++;
  if (rule.counts_steps) at.step = next++;
  if (sparse && node.flag("scaled")) at.scale = next++;
  if (sparse) at.parts = next;
  return at;
}

void register_updates() {
  // Every how many steps an effect happens; the others leave everything as it is.
  AttributeSpec every{"every", AttributeKind::integer, int64_t{1}};
  register_op(effect("assign", 2, 2, infer_assign, {every},
                     {"Writes a value into a variable.", "variable [...], value [...] ->", "any"}));
  register_op(effect("apply_average", 3, 3, infer_average,
                     {number("decay", 0.999), flag("fromStart"), every},
                     {"An exponential moving average of a variable, after its update.",
                      "average [...], updates [], variable [...] ->"}));
  for (const UpdateRule& rule : rules()) {
    std::vector<AttributeSpec> attributes = rule.attributes;
    attributes.push_back(every);
    attributes.push_back(flag("lazy"));
    int fixed = rule.counts_steps ? 4 : 3;
    register_op(effect(std::string("apply_") + rule.name, fixed, fixed + kSlotsMax, infer_apply,
                       attributes, rule.doc));
    attributes.push_back(flag("scaled"));
    attributes.push_back({"parts", AttributeKind::integers, std::nullopt});
    OpSpec sparse = effect(std::string("sparse_") + rule.name, fixed, 4096, infer_sparse,
                           std::move(attributes));
    sparse.made_by_passes = true;
    register_op(std::move(sparse));
  }
}

}  // namespace vanda
