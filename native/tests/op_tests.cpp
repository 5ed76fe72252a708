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

namespace {

// The steps of a plan that computes a case's output and gradients.
std::vector<std::string> steps_of(const Built& built, const std::vector<Value>& outputs) {
  Session session(1);
  FeedTypes types;
  for (const auto& [name, tensor] : built.feeds) types[name] = tensor.type;
  std::vector<std::string> labels;
  auto cached = session.plan_for(session.prepare(built.graph, outputs, {}), types);
  for (const StepInfo& step : cached->plan->steps()) labels.push_back(step.label);
  return labels;
}

bool names(const std::string& list, DType dtype) {
  std::string wanted(dtype_name(dtype));
  return list == "any" || (", " + list + ",").find(", " + wanted + ",") != std::string::npos;
}

}  // namespace

TEST("the reference page names every op's shape rule, and the kernel that really runs") {
  for (const std::string& name : op_names()) {
    const OpSpec& spec = *find_op(name);
    if (spec.op_class == OpClass::internal || spec.made_by_passes) continue;
    CHECK_MESSAGE(spec.infer != nullptr || name == "constant", name + " has no shape rule");
    CHECK_MESSAGE(!spec.doc.text.empty() && spec.doc.text.back() == '.', name + " has no sentence");
    CHECK_MESSAGE(!spec.doc.shapes.empty(), name + " has no shape rule in words");
    CHECK_MESSAGE(!spec.family.empty(), name + " belongs to no family");
    bool known = false;
    for (const char* kernel : {"own", "oneDNN", "view", "composed", "reference"}) {
      known = known || spec.doc.kernel.starts_with(kernel);
    }
    CHECK_MESSAGE(known, name + " names no kernel");
  }
  std::set<std::string> slow;
  std::set<std::string> fast;
  for (size_t i = 0; i < op_cases().size(); ++i) {
    const OpCase& entry = op_cases()[i];
    Built built = build(entry, DType::f32, 4000 + i);
    bool reference = false;
    for (const std::string& step : steps_of(built, {built.output})) {
      reference = reference || step == "reference " + entry.op;
    }
    (reference ? slow : fast).insert(entry.op);
  }
  for (const std::string& name : slow) {
    const std::string& kernel = find_op(name)->doc.kernel;
    bool said = kernel.starts_with("reference") || kernel.find(';') != std::string::npos;
    CHECK_MESSAGE(said, name + " runs its plain reference and does not say so");
  }
  for (const std::string& name : fast) {
    bool modest = find_op(name)->doc.kernel.starts_with("reference") && !slow.contains(name);
    CHECK_MESSAGE(!modest, name + " has a kernel and does not say so");
  }
}

TEST("the reference page names every op's dtypes") {
  for (size_t i = 0; i < op_cases().size(); ++i) {
    const OpCase& entry = op_cases()[i];
    // The dtypes of an op on indices are those of its indices, which the cases do not vary.
    if (!entry.indices.empty() || !entry.plain) continue;
    for (DType dtype : {DType::f32, DType::i32, DType::i64, DType::u8, DType::boolean}) {
      bool listed = names(find_op(entry.op)->doc.dtypes, dtype);
      bool taken = code_of([&] { build(entry, dtype, 5000 + i); }).empty();
      CHECK_MESSAGE(listed == taken, entry.op + (taken ? " takes " : " does not take ") +
                                         std::string(dtype_name(dtype)) + " and its page " +
                                         (listed ? "lists it" : "does not"));
    }
  }
}

TEST("the cases cover every op that computes") {
  std::set<std::string> covered;
  for (const OpCase& entry : op_cases()) covered.insert(entry.op);
  // logical_not appears inside other cases; dropout and the updates have tests of their own; the
  // fused gradients run as gradients of their forward ops.
  std::set<std::string> elsewhere = {"logical_not",
                                     "dropout",
                                     "random_uniform",
                                     "random_normal",
                                     "random_truncated_normal",
                                     "random_bernoulli",
                                     "max_pool2d_grad",
                                     "batch_norm_grad",
                                     "layer_norm_grad",
                                     "group_norm_grad",
                                     "lstm_grad",
                                     "gru_grad",
                                     "attention_grad",
                                     "sample_noise",
                                     "negative_sampling_grad",
                                     "grid_sample_grad",
                                     "ctc_loss_grad",
                                     "fused",
                                     "fused_product"};
  for (const std::string& name : op_names()) {
    OpClass op_class = find_op(name)->op_class;
    if (op_class == OpClass::source || op_class == OpClass::effect || elsewhere.contains(name))
      continue;
    if (op_class == OpClass::internal) continue;
    CHECK_MESSAGE(covered.contains(name), "no case for " + name);
    const OpSpec& spec = *find_op(name);
    CHECK_MESSAGE(spec.reference != nullptr, name + " has no plain reference");
    if (spec.gradient == nullptr || spec.zero_gradient) continue;
    // Its gradient is not its slope, which differences would show; bf16_tests.cpp has it.
    if (name == "round_bf16") continue;
    bool first = false;
    bool second = false;
    for (const OpCase& entry : op_cases()) {
      if (entry.op != name || !entry.differentiable) continue;
      first = true;
      second = second || entry.second_order;
    }
    CHECK_MESSAGE(first, "no case checks the gradient of " + name);
    CHECK_MESSAGE(second != spec.first_order,
                  "the order of the gradient of " + name + " is not what its cases check");
  }
}

}  // namespace vanda::testing
