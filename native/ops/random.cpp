#include "core/error.hpp"
#include "core/graph.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

// Random numbers as pure functions of (seed, salt, step, place), so that a resumed run draws the
// same, on any machine and with any number of threads. The shape is the attribute's, or that of an
// input that is there for its shape alone (the batch).
std::vector<TensorType> infer_random(const Node& node, std::span<const TensorType> inputs) {
  Shape shape = inputs.empty() ? Shape(node.integers("shape")) : inputs[0].shape;
  if (inputs.empty() && !shape.is_static()) {
    throw Error("invalid_attribute", node.op->name,
                "the shape must be known; give a tensor to draw one like it");
  }
  auto refuse = [&](const char* what) { throw Error("invalid_attribute", node.op->name, what); };
  if (node.is("random_uniform") && !(node.number("low") <= node.number("high"))) {
    refuse("low may not be above high");
  }
  if (node.is("random_bernoulli")) {
    double p = node.number("probability");
    if (!(p >= 0 && p <= 1)) refuse("the probability lies in 0..1");
    return {TensorType{DType::boolean, shape}};
  }
  if (!node.is("random_uniform") && !(node.number("deviation") >= 0)) {
    refuse("the deviation may not be negative");
  }
  return {TensorType{DType::f32, shape}};
}

void add_random(const char* name, std::vector<AttributeSpec> attributes, const char* text) {
  OpSpec spec;
  spec.name = name;
  spec.inputs_min = 0;
  spec.inputs_max = 1;
  spec.attributes = std::move(attributes);
  spec.attributes.push_back({"shape", AttributeKind::integers, std::vector<int64_t>{}});
  spec.attributes.push_back({"seed", AttributeKind::integer, int64_t{0}});
  spec.attributes.push_back({"salt", AttributeKind::integer, int64_t{0}});
  spec.infer = infer_random;
  spec.zero_gradient = true;
  spec.doc = {text, "-> shape, or like -> like", "any"};
  register_op(std::move(spec));
}

}  // namespace

void register_random() {
  AttributeSpec mean{"mean", AttributeKind::number, 0.0};
  AttributeSpec deviation{"deviation", AttributeKind::number, 1.0};
  add_random("random_uniform",
             {{"low", AttributeKind::number, 0.0}, {"high", AttributeKind::number, 1.0}},
             "Evenly distributed from low to high.");
  add_random("random_normal", {mean, deviation}, "Normally distributed (Box and Muller, 1958).");
  add_random("random_truncated_normal", {mean, deviation},
             "Normally distributed within two deviations of the mean.");
  add_random("random_bernoulli", {{"probability", AttributeKind::number, 0.5}},
             "True with a probability, as bool.");
}

}  // namespace vanda
