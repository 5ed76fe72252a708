#include <algorithm>

#include "core/error.hpp"
#include "core/graph.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

TensorType declared_type(const Node& node) {
  std::optional<DType> dtype = dtype_from_name(node.text("dtype"));
  if (!dtype) {
    throw Error("invalid_attribute", node.op->name,
                "there is no dtype '" + node.text("dtype") + "'");
  }
  return TensorType{*dtype, Shape(node.integers("shape"))};
}

std::vector<TensorType> infer_placeholder(const Node& node, std::span<const TensorType>) {
  TensorType type = declared_type(node);
  for (int axis = 1; axis < type.shape.rank(); ++axis) {
    if (type.shape[axis] == kDynamic) {
      throw Error("invalid_attribute", "placeholder", "only the first dim may be the batch");
    }
  }
  return {type};
}

void require_initializer(const Node& node, const TensorType& type) {
  static const char* const kKinds[] = {"zeros",    "ones",           "constant",     "uniform",
                                       "normal",   "glorotUniform",  "glorotNormal", "heUniform",
                                       "heNormal", "lecunUniform",   "lecunNormal",  "orthogonal",
                                       "identity", "truncatedNormal"};
  const std::string& init = node.text("init");
  bool known = false;
  for (const char* kind : kKinds) known = known || init == kind;
  if (!known) {
    throw Error("invalid_attribute", "variable", "there is no initializer '" + init + "'");
  }
  bool matrix = type.shape.rank() == 2 || (init == "orthogonal" && type.shape.rank() > 2);
  if ((init == "orthogonal" || init == "identity") && (!matrix || !is_float(type.dtype))) {
    throw Error("shape_mismatch", "variable",
                "the initializer '" + init + "' makes f32 matrices, not " + type.text());
  }
  // Its work grows with the square of the shorter side.
  if (init != "orthogonal" || type.shape.elements() == 0) return;
  int64_t columns = type.shape[type.shape.rank() - 1];
  if (std::min(columns, type.shape.elements() / columns) > 2048) {
    throw Error("limit", "variable", "an orthogonal matrix has at most 2048 rows or columns");
  }
}

std::vector<TensorType> infer_variable(const Node& node, std::span<const TensorType>) {
  TensorType type = declared_type(node);
  if (!type.shape.is_static()) {
    throw Error("invalid_attribute", "variable", "the shape of a variable must be known");
  }
  require_initializer(node, type);
  return {type};
}

// step: the number of the step, 0 first; with `every` = K, how many times K steps are done, or
// where in the present K steps this one is (`phase`). Exact far beyond what a float counts to.
std::vector<TensorType> infer_step(const Node& node, std::span<const TensorType>) {
  if (node.integer("every") < 1) {
    throw Error("invalid_attribute", "step", "every must be at least 1");
  }
  return {TensorType{DType::f32, Shape{}}};
}

}  // namespace

void register_sources() {
  OpSpec placeholder;
  placeholder.name = "placeholder";
  placeholder.op_class = OpClass::source;
  placeholder.attributes = {{"dtype", AttributeKind::text, std::nullopt},
                            {"shape", AttributeKind::integers, std::nullopt}};
  placeholder.doc = {"An input that each run feeds; a first dim of -1 is the batch.",
                     "-> the shape attribute", "any", "view"};
  placeholder.infer = infer_placeholder;
  register_op(std::move(placeholder));

  OpSpec variable;
  variable.name = "variable";
  variable.op_class = OpClass::source;
  variable.attributes = {{"dtype", AttributeKind::text, std::nullopt},
                         {"shape", AttributeKind::integers, std::nullopt},
                         {"trainable", AttributeKind::boolean, true},
                         {"init", AttributeKind::text, std::string("zeros")},
                         {"scale", AttributeKind::number, 0.0},
                         {"seed", AttributeKind::integer, int64_t{0}}};
  variable.doc = {"State that a session keeps; init and seed say how it begins.",
                  "-> the shape attribute", "any", "view"};
  variable.infer = infer_variable;
  register_op(std::move(variable));

  OpSpec constant;
  constant.name = "constant";
  constant.op_class = OpClass::source;
  constant.doc = {"A tensor that is part of the graph.", "-> the shape of the tensor", "any",
                  "view"};
  register_op(std::move(constant));

  OpSpec step;
  step.name = "step";
  step.op_class = OpClass::source;
  step.attributes = {{"every", AttributeKind::integer, int64_t{1}},
                     {"phase", AttributeKind::boolean, false}};
  step.doc = {
      "The number of the step being run, 0 first; every how many steps it counts on, or where "
      "among so many steps this one is.",
      "-> []"};
  step.infer = infer_step;
  register_op(std::move(step));
}

}  // namespace vanda
