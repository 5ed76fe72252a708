#include <algorithm>
#include <numeric>

#include "ops/reduce.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"
#include "passes/simplify_chain.hpp"

namespace vanda {

namespace {

class Simplifier {
 public:
  explicit Simplifier(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph) {}

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    if (node.outputs.size() != 1 || node.op->op_class == OpClass::source) return false;
    std::vector<Value> inputs = rewriter_.mapped_inputs(id);
    Value result = kNoValue;
    if (node.is("reshape"))
      result = reshape(inputs[0], node.outputs[0].shape);
    else if (node.is("expand"))
      result = expand(node, inputs[0]);
    else if (node.is("transpose"))
      result = transpose(node, inputs[0]);
    else if (is_reduction(node))
      result = reduce(node, inputs[0]);
    else if (node.is("matmul"))
      result = product(node, inputs);
    else if (node.op->op_class == OpClass::elementwise)
      result = elementwise(node, inputs);
    if (result.node < 0) return false;
    rewriter_.replace(id, result);
    return true;
  }

  static bool is_reduction(const Node& node) {
    for (const char* name : {"sum", "mean", "max", "min", "prod", "any", "all", "log_sum_exp"}) {
      if (node.is(name)) return true;
    }
    return false;
  }

  const TensorType& type(Value value) const { return graph_.type(value); }

  Value reshape(Value x, const Shape& wanted) {
    while (graph_.node(x).is("reshape")) x = graph_.node(x).inputs[0];
    if (type(x).shape == wanted) return x;
    return rewriter_.emit.op("reshape", {x}, {{"shape", wanted.dims()}});
  }

  Value expand(const Node& node, Value x) {
    return type(x).shape == node.outputs[0].shape ? x : kNoValue;
  }

  Value transpose(const Node& node, Value x) {
    const std::vector<int64_t>& permutation = node.integers("permutation");
    bool identity = true;
    for (size_t i = 0; i < permutation.size(); ++i) {
      identity = identity && permutation[i] == static_cast<int64_t>(i);
    }
    if (identity) return x;
    if (!graph_.node(x).is("transpose")) return kNoValue;
    std::vector<int64_t> inner = graph_.node(x).integers("permutation");
    std::vector<int64_t> joined;
    for (int64_t axis : permutation) joined.push_back(inner[static_cast<size_t>(axis)]);
    Value origin = graph_.node(x).inputs[0];
    std::vector<int64_t> straight(joined.size());
    std::iota(straight.begin(), straight.end(), 0);
    if (joined == straight) return origin;
    return rewriter_.emit.op("transpose", {origin}, {{"permutation", joined}});
  }

  Value reduce(const Node& node, Value x) {
    std::vector<int> axes = reduced_axes(node, type(x).shape.rank());
    int64_t count = 1;
    for (int axis : axes) count *= type(x).shape[axis];
    if (count == 1) return reshape(x, node.outputs[0].shape);
    if (!node.is("sum") && !node.is("mean")) return kNoValue;
    // The sum of an expanded constant is a constant.
    const Node& producer = graph_.node(x);
    if (is_float(type(x).dtype) && producer.is("expand")) {
      std::optional<double> scalar = constant_scalar(graph_, producer.inputs[0]);
      if (scalar) {
        double factor = node.is("mean") ? 1 : static_cast<double>(count);
        Value total = rewriter_.emit.scalar(*scalar * factor, x);
        if (node.outputs[0].shape.rank() == 0) return total;
        return rewriter_.emit.op("expand", {total}, {{"shape", node.outputs[0].shape.dims()}});
      }
    }
    if (node.is("sum") && producer.is("expand") && is_float(type(x).dtype)) {
      Value total = sum_of_expanded(node, producer, x, axes);
      if (total.node >= 0) return total;
    }
    if (!node.is("mean")) return kNoValue;
    std::vector<int64_t> list(axes.begin(), axes.end());
    Value sum = rewriter_.emit.sum(x, list, node.flag("keepDims"));
    return rewriter_.emit.mul(sum, 1.0 / static_cast<double>(count));
  }

  // The sum over axes along which a value was only repeated is the value times their length.
  Value sum_of_expanded(const Node& node, const Node& expand, Value x,
                        const std::vector<int>& axes) {
    Value origin = expand.inputs[0];
    const Shape from = type(origin).shape;
    const Shape wide = type(x).shape;
    int offset = wide.rank() - from.rank();
    double count = 1;
    for (int axis : axes) {
      if (axis >= offset && from[axis - offset] != 1) return kNoValue;
      count *= static_cast<double>(wide[axis]);
    }
    const Shape& wanted = node.outputs[0].shape;
    Value scaled = rewriter_.emit.mul(origin, count);
    // Without the reduced axes, then repeated along those that are left.
    std::vector<int64_t> kept;
    for (int axis = 0; axis < wide.rank(); ++axis) {
      bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
      if (reduced && !node.flag("keepDims")) continue;
      kept.push_back(axis < offset || reduced ? 1 : from[axis - offset]);
    }
    Value shaped = reshape(scaled, Shape(kept));
    if (type(shaped).shape == wanted) return shaped;
    return rewriter_.emit.op("expand", {shaped}, {{"shape", wanted.dims()}});
  }

  // A product reads a matrix either way round: what turns the last two dims only becomes a flag.
  Value product(const Node& node, std::vector<Value> inputs) {
    Attributes attributes = node.attributes;
    bool changed = false;
    for (size_t i = 0; i < 2; ++i) {
      if (!turns_matrices(graph_.node(inputs[i]))) continue;
      inputs[i] = graph_.node(inputs[i]).inputs[0];
      const char* flag = i == 0 ? "transposeA" : "transposeB";
      attributes[flag] = !std::get<bool>(attributes.at(flag));
      changed = true;
    }
    if (!changed) return kNoValue;
    return rewriter_.emit.op("matmul", std::move(inputs), std::move(attributes));
  }

  static bool turns_matrices(const Node& node) {
    if (!node.is("transpose")) return false;
    std::vector<int64_t> straight(node.integers("permutation").size());
    if (straight.size() < 2) return false;
    std::iota(straight.begin(), straight.end(), 0);
    std::swap(straight[straight.size() - 1], straight[straight.size() - 2]);
    return node.integers("permutation") == straight;
  }

  // What an elementwise op reads through an expand, when the rest still gives the same shape.
  Value look_through(Value input, const std::vector<Value>& inputs, size_t self,
                     const Shape& wanted) {
    if (!graph_.node(input).is("expand")) return input;
    Value origin = graph_.node(input).inputs[0];
    Shape shape = type(origin).shape;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (i != self) shape = broadcast(shape, type(inputs[i]).shape, "simplify");
    }
    return shape == wanted ? origin : input;
  }

  Value elementwise(const Node& node, std::vector<Value> inputs) {
    const Shape& wanted = node.outputs[0].shape;
    if (node.is("stop_gradient")) return inputs[0];
    if (node.is("cast") && type(inputs[0]).dtype == node.outputs[0].dtype) return inputs[0];
    Value neutral = neutral_operand(node, inputs);
    if (neutral.node >= 0 && type(neutral).shape == wanted) return neutral;
    Value shorter = simplify_chain(rewriter_.emit, node, inputs);
    if (shorter.node >= 0 && type(shorter) == node.outputs[0]) return shorter;
    if (node.is("div") && is_float(node.outputs[0].dtype)) {
      std::optional<double> divisor = constant_scalar(graph_, inputs[1]);
      if (divisor && *divisor != 0) {
        Value inverse = rewriter_.emit.scalar(1.0 / *divisor, inputs[1]);
        return rewriter_.emit.mul(inputs[0], inverse);
      }
    }
    bool changed = false;
    for (size_t i = 0; inputs.size() > 1 && i < inputs.size(); ++i) {
      Value seen = look_through(inputs[i], inputs, i, wanted);
      changed = changed || seen != inputs[i];
      inputs[i] = seen;
    }
    if (!changed) return kNoValue;
    return Value{graph_.add_copy(node, inputs), 0};
  }

  // x where the op is x * 1, x / 1, x + 0 or x - 0.
  Value neutral_operand(const Node& node, const std::vector<Value>& inputs) {
    if (inputs.size() != 2 || node.outputs[0].dtype == DType::boolean) return kNoValue;
    auto is = [&](Value value, double wanted) {
      std::optional<double> scalar = constant_scalar(graph_, value);
      return scalar && *scalar == wanted;
    };
    bool product = node.is("mul");
    bool sum = node.is("add");
    if ((product || node.is("div")) && is(inputs[1], 1)) return inputs[0];
    if ((sum || node.is("sub")) && is(inputs[1], 0)) return inputs[0];
    if (product && is(inputs[0], 1)) return inputs[1];
    if (sum && is(inputs[0], 0)) return inputs[1];
    return kNoValue;
  }

  Rewriter rewriter_;
  Graph& graph_;
};

}  // namespace

Program simplify(const Program& program) { return Simplifier(program).run(); }

}  // namespace vanda
