#include <set>

#include "core/autodiff.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"
#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

struct Built {
  Graph graph;
  std::vector<Value> floats;
  Value output;
  Value loss;  // sum(output * weights), so that every element has a gradient of its own
  Feeds feeds;
};

Built build(const OpCase& entry, DType dtype, uint64_t seed) {
  Built out;
  Emit emit(out.graph);
  std::vector<Value> inputs;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string name = "x" + std::to_string(i);
    inputs.push_back(placeholder(out.graph, name, entry.inputs[i], dtype));
    TensorType type{DType::f32, Shape(entry.inputs[i])};
    // Drawn in f32 first, so that both precisions see the same numbers.
    out.feeds[name] = cast_tensor(random_tensor(type, seed + i, entry.low, entry.high), dtype);
  }
  out.floats = inputs;
  for (size_t i = 0; i < entry.indices.size(); ++i) {
    std::string name = "i" + std::to_string(i);
    const auto& [shape, bound] = entry.indices[i];
    inputs.push_back(placeholder(out.graph, name, shape, DType::i32));
    TensorType type{DType::i32, Shape(shape)};
    out.feeds[name] = random_tensor(type, seed + 50 + i, 0, static_cast<double>(bound) - 1e-6);
  }
  out.output = entry.build(emit, inputs);
  if (is_float(out.graph.type(out.output).dtype)) {
    Tensor weights =
        cast_tensor(random_tensor(TensorType{DType::f32, out.graph.type(out.output).shape},
                                  seed + 99, 0.5, 1.5),
                    dtype);
    Value weight{out.graph.add_constant(weights), 0};
    out.loss = emit.sum(emit.mul(out.output, weight), {}, false);
  }
  return out;
}

double at(const Tensor& tensor, int64_t i) { return ConstView{&tensor.type, tensor.data()}.at(i); }

// Compares the gradient nodes, evaluated in double precision, with central differences.
double gradient_error(Built& built, Value loss, const std::vector<Value>& wrt) {
  std::vector<Value> grads = gradients(built.graph, loss, wrt);
  std::vector<Tensor> analytic = evaluate_reference(built.graph, grads, built.feeds);
  double worst = 0;
  for (size_t k = 0; k < wrt.size(); ++k) {
    Tensor& feed = built.feeds.at(built.graph.node(wrt[k]).name);
    for (int64_t i = 0; i < feed.type.shape.elements(); ++i) {
      double* slot = feed.as<double>() + i;
      double value = *slot;
      constexpr double kStep = 1e-5;
      *slot = value + kStep;
      double above = at(evaluate_reference(built.graph, {loss}, built.feeds)[0], 0);
      *slot = value - kStep;
      double below = at(evaluate_reference(built.graph, {loss}, built.feeds)[0], 0);
      *slot = value;
      double numeric = (above - below) / (2 * kStep);
      double error = std::fabs(numeric - at(analytic[k], i)) / std::fmax(1, std::fabs(numeric));
      worst = std::fmax(worst, error);
    }
  }
  return worst;
}

}  // namespace

TEST("every gradient agrees with finite differences") {
  for (size_t i = 0; i < op_cases().size(); ++i) {
    const OpCase& entry = op_cases()[i];
    if (!entry.differentiable) continue;
    Built built = build(entry, DType::f64, 1000 + i);
    double error = gradient_error(built, built.loss, built.floats);
    CHECK_MESSAGE(error < 1e-5, entry.op + " (case " + std::to_string(i) + ", seed " +
                                    std::to_string(1000 + i) + "): error " + std::to_string(error));
  }
}

TEST("gradients of gradients agree with finite differences") {
  for (size_t i = 0; i < op_cases().size(); ++i) {
    const OpCase& entry = op_cases()[i];
    if (!entry.differentiable || !entry.second_order) continue;
    Built built = build(entry, DType::f64, 2000 + i);
    Emit emit(built.graph);
    // Squared, so that ops that are linear have a second derivative as well.
    Value square = emit.sum(emit.op("square", {built.output}), {}, false);
    std::vector<Value> first = gradients(built.graph, square, built.floats);
    Value total = emit.sum(emit.op("square", {first[0]}), {}, false);
    double error = gradient_error(built, total, built.floats);
    CHECK_MESSAGE(error < 1e-4, entry.op + " (case " + std::to_string(i) + ", seed " +
                                    std::to_string(2000 + i) + "): error " + std::to_string(error));
  }
}

TEST("every kernel agrees with the plain reference") {
  for (size_t i = 0; i < op_cases().size(); ++i) {
    const OpCase& entry = op_cases()[i];
    Built built = build(entry, DType::f32, 3000 + i);
    std::vector<Value> outputs = {built.output};
    if (entry.differentiable) {
      for (Value grad : gradients(built.graph, built.loss, built.floats)) outputs.push_back(grad);
    }
    std::vector<Tensor> wanted = evaluate_reference(built.graph, outputs, built.feeds);
    for (int threads : {1, 3}) {
      std::vector<Tensor> got = evaluate_backend(built.graph, outputs, built.feeds, threads);
      for (size_t k = 0; k < outputs.size(); ++k) {
        double difference = largest_difference(got[k], wanted[k]);
        CHECK_MESSAGE(difference < 2e-4, entry.op + " (case " + std::to_string(i) + ", seed " +
                                             std::to_string(3000 + i) + ", output " +
                                             std::to_string(k) + "): off by " +
                                             std::to_string(difference));
      }
    }
  }
}

TEST("the cases cover every op that computes") {
  std::set<std::string> covered;
  for (const OpCase& entry : op_cases()) covered.insert(entry.op);
  // logical_not appears inside other cases; dropout and the updates have tests of their own; the
  // gradients of max pooling and batch normalisation run as gradients of their forward ops.
  std::set<std::string> elsewhere = {"logical_not", "dropout", "max_pool2d_grad", "batch_norm_grad",
                                     "fused"};
  for (const std::string& name : op_names()) {
    OpClass op_class = find_op(name)->op_class;
    if (op_class == OpClass::source || op_class == OpClass::effect || elsewhere.contains(name))
      continue;
    CHECK_MESSAGE(covered.contains(name), "no case for " + name);
  }
}

}  // namespace vanda::testing
