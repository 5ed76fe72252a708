#include "ops/scan.hpp"

#include <algorithm>
#include <cstring>

#include "core/autodiff.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

constexpr int64_t kPartsMax = 1000;
constexpr int64_t kLengthMax = int64_t{1} << 31;

TensorType stacked(const TensorType& type, int64_t length) {
  std::vector<int64_t> dims = type.shape.dims();
  dims.insert(dims.begin(), length);
  return TensorType{type.dtype, Shape(std::move(dims))};
}

TensorType element(const TensorType& sequence) {
  const std::vector<int64_t>& dims = sequence.shape.dims();
  return TensorType{sequence.dtype, Shape(std::vector<int64_t>(dims.begin() + 1, dims.end()))};
}

void require_count(const Node& node, const ScanShape& shape, Types inputs) {
  if (!shape.counted || inputs[0] == TensorType{DType::i32, Shape{}}) return;
  throw Error("shape_mismatch", node.op->name,
              "the count of steps is an i32 scalar, not " + inputs[0].text());
}

// The outputs of the body: one that says whether to go on, and the states as they came.
void require_results(const Node& node, const ScanShape& shape, Types inputs,
                     const std::vector<TensorType>& made) {
  size_t wanted = shape.first_state() + shape.states;
  if (made.size() < wanted) {
    throw Error("invalid_graph", node.op->name,
                "the body gives " + std::to_string(made.size()) + " values, not at least " +
                    std::to_string(wanted));
  }
  if (shape.conditional && made[0] != TensorType{DType::boolean, Shape{}}) {
    throw Error("shape_mismatch", node.op->name,
                "the condition is a bool scalar, not " + made[0].text());
  }
  for (size_t i = 0; i < shape.states; ++i) {
    const TensorType& before = inputs[shape.first + i];
    const TensorType& after = made[shape.first_state() + i];
    if (before == after) continue;
    throw Error("shape_mismatch", node.op->name,
                "state " + std::to_string(i) + " is " + before.text() + " before a step and " +
                    after.text() + " after it");
  }
}

std::vector<TensorType> infer_scan(const Node& node, Types inputs) {
  ScanShape shape(node, inputs.size());
  require_count(node, shape, inputs);
  int64_t length = scan_length(node, shape, inputs);
  std::vector<TensorType> made =
      output_types(bind_body(node.op->name, *node.bodies.at(0), scan_body_inputs(shape, inputs)));
  require_results(node, shape, inputs, made);
  std::vector<TensorType> outputs;
  auto state = [&](size_t i) { return inputs[shape.first + i]; };
  for (size_t i = 0; i < shape.states; ++i) outputs.push_back(state(i));
  for (size_t i = shape.first_state() + shape.states; i < made.size(); ++i) {
    outputs.push_back(stacked(made[i], length));
  }
  for (size_t i = 0; i < shape.states; ++i) outputs.push_back(stacked(state(i), length));
  if (shape.conditional) outputs.push_back(TensorType{DType::i32, Shape{}});
  return outputs;
}

Tensor element_at(const ConstView& sequence, int64_t t) {
  Tensor out(element(*sequence.type));
  std::memcpy(out.data(), static_cast<const char*>(sequence.data) + t * out.type.bytes(),
              out.type.bytes());
  return out;
}

void put(const View& stack, int64_t t, const Tensor& value) {
  std::memcpy(static_cast<char*>(stack.data) + t * value.type.bytes(), value.data(),
              value.type.bytes());
}

void reference_scan(const Node& node, Inputs inputs, Outputs outputs) {
  std::vector<TensorType> types;
  for (const ConstView& input : inputs) types.push_back(*input.type);
  ScanShape shape(node, inputs.size());
  Program body = bind_body(node.op->name, *node.bodies[0], scan_body_inputs(shape, types));
  shape.results = body.outputs.size() - shape.first_state() - shape.states;
  int64_t length = scan_length(node, shape, types);
  int64_t steps = shape.counted ? std::clamp<int64_t>(inputs[0].at_integer(0), 0, length) : length;
  for (const View& output : outputs) std::memset(output.data, 0, output.type->bytes());
  std::vector<Tensor> states;
  for (size_t i = 0; i < shape.states; ++i) states.push_back(copy_of(inputs[shape.first + i]));
  int64_t done = 0;
  for (; done < steps; ++done) {
    int64_t t = shape.reverse ? steps - 1 - done : done;
    std::vector<Tensor> fed = states;
    for (size_t i = 0; i < shape.sequences; ++i) {
      fed.push_back(element_at(inputs[shape.first + shape.states + i], t));
    }
    for (size_t i = 0; i < shape.shared; ++i) {
      fed.push_back(copy_of(inputs[shape.first + shape.states + shape.sequences + i]));
    }
    std::vector<Tensor> made = evaluate_body(body, fed);
    if (shape.conditional && *made[0].as<uint8_t>() == 0) break;
    for (size_t i = 0; i < shape.states; ++i) {
      put(outputs[shape.first_history() + i], t, states[i]);
      states[i] = made[shape.first_state() + i];
    }
    for (size_t i = 0; i < shape.results; ++i) {
      put(outputs[shape.first_result() + i], t, made[shape.first_state() + shape.states + i]);
    }
  }
  for (size_t i = 0; i < shape.states; ++i) {
    std::memcpy(outputs[i].data, states[i].data(), states[i].type.bytes());
  }
  if (shape.conditional) outputs[shape.count_output()].set_integer(0, done);
}

// --- the gradient: a scan in the other direction over the states that there were ----------------

// Collects the reverse body's inputs and what the reverse scan is fed for them, by kind.
struct Reverse {
  Program body;
  size_t next = 0;
  std::vector<Value> states, sequences, shared;  // fed, in the outer graph

  Value input(const TensorType& type) { return body_placeholder(body.graph, next++, type); }
};

// The sum of a value of the body times what comes to it, as a scalar; added to `total`.
void add_product(Emit& emit, Value& total, Value made, Value gradient) {
  Value sum = emit.sum(emit.mul(made, gradient), {}, false);
  total = total.node < 0 ? sum : emit.add(total, sum);
}

struct ScanGradient {
  Graph& graph;
  int id;
  Node node;  // a copy: the graph grows meanwhile
  ScanShape shape;
  Grads grads;
  Emit emit;

  ScanGradient(Graph& graph, int id, Grads grads)
      : graph(graph),
        id(id),
        node(graph.node(id)),
        shape(node, node.inputs.size()),
        grads(grads),
        emit(graph) {
    shape.results = node.outputs.size() - 2 * shape.states - (shape.conditional ? 1 : 0);
  }

  Value input(size_t i) const { return node.inputs[shape.first + i]; }
  bool is_floating(Value value) const { return is_float(graph.type(value).dtype); }

  std::vector<Value> run() {
    Reverse reverse;
    Emit inner(reverse.body.graph);
    std::vector<TensorType> types;
    for (Value value : node.inputs) types.push_back(graph.type(value));
    std::vector<TensorType> fed = scan_body_inputs(shape, types);
    // States of the reverse scan: what comes to each state, and the sums for what is shared.
    std::vector<Value> to_state(shape.states, kNoValue), to_shared(shape.shared, kNoValue);
    for (size_t i = 0; i < shape.states; ++i) {
      if (!is_floating(input(i))) continue;
      to_state[i] = reverse.input(fed[i]);
      reverse.states.push_back(grads[i].node >= 0 ? grads[i] : emit.zeros_like(input(i)));
    }
    size_t first_shared = shape.states + shape.sequences;
    for (size_t i = 0; i < shape.shared; ++i) {
      if (!is_floating(input(first_shared + i))) continue;
      to_shared[i] = reverse.input(fed[first_shared + i]);
      reverse.states.push_back(emit.zeros_like(input(first_shared + i)));
    }
    // Its sequences: the states before each step, the elements, and what comes to the results.
    std::vector<Value> given;
    for (size_t i = 0; i < first_shared; ++i) {
      given.push_back(reverse.input(fed[i]));
      bool state = i < shape.states;
      reverse.sequences.push_back(state ? Value{id, static_cast<int>(shape.first_history() + i)}
                                        : input(i));
    }
    auto sequence = [&](size_t output) {
      if (grads[output].node < 0) return kNoValue;
      reverse.sequences.push_back(grads[output]);
      return reverse.input(element(node.outputs[output]));
    };
    std::vector<Value> to_result, to_history;
    for (size_t i = 0; i < shape.results; ++i)
      to_result.push_back(sequence(shape.first_result() + i));
    for (size_t i = 0; i < shape.states; ++i)
      to_history.push_back(sequence(shape.first_history() + i));
    for (size_t i = 0; i < shape.shared; ++i) {
      given.push_back(reverse.input(fed[first_shared + i]));
      reverse.shared.push_back(input(first_shared + i));
    }

    std::vector<Value> made = inline_body(reverse.body.graph, *node.bodies[0], given);
    Value total = kNoValue;
    for (size_t i = 0; i < shape.states; ++i) {
      if (to_state[i].node >= 0)
        add_product(inner, total, made[shape.first_state() + i], to_state[i]);
    }
    for (size_t i = 0; i < shape.results; ++i) {
      Value result = made[shape.first_state() + shape.states + i];
      if (to_result[i].node >= 0) add_product(inner, total, result, to_result[i]);
    }
    std::vector<Value> wanted;
    for (Value value : given) {
      if (is_float(reverse.body.graph.type(value).dtype)) wanted.push_back(value);
    }
    std::vector<Value> result(node.inputs.size(), kNoValue);
    if (total.node < 0 || wanted.empty()) return result;
    std::vector<Value> found = gradients(reverse.body.graph, total, wanted);
    return finish(reverse, given, wanted, found, to_shared, to_history);
  }

  std::vector<Value> finish(Reverse& reverse, const std::vector<Value>& given,
                            const std::vector<Value>& wanted, const std::vector<Value>& found,
                            const std::vector<Value>& to_shared,
                            const std::vector<Value>& to_history) {
    Emit inner(reverse.body.graph);
    // States first, then the sums of what is shared, then the elements: each that has a gradient.
    struct Place {
      size_t input;
      int output;
    };
    std::vector<Place> places;
    auto gradient_of = [&](size_t i) {
      for (size_t k = 0; k < wanted.size(); ++k) {
        if (wanted[k] == given[i]) return found[k];
      }
      return kNoValue;
    };
    auto place = [&](size_t i, Value more) {
      Value gradient = gradient_of(i);
      if (gradient.node < 0) return;
      if (more.node >= 0) gradient = inner.add(gradient, more);
      places.push_back({i, static_cast<int>(reverse.body.outputs.size())});
      reverse.body.outputs.push_back(gradient);
    };
    size_t first_shared = shape.states + shape.sequences;
    for (size_t i = 0; i < shape.states; ++i) place(i, to_history[i]);
    for (size_t i = 0; i < shape.shared; ++i) place(first_shared + i, to_shared[i]);
    for (size_t i = 0; i < shape.sequences; ++i) place(shape.states + i, kNoValue);

    bool counted = shape.counted || shape.conditional;
    std::vector<Value> inputs;
    if (shape.conditional)
      inputs.push_back(Value{id, static_cast<int>(shape.count_output())});
    else if (shape.counted)
      inputs.push_back(node.inputs[0]);
    for (const auto* part : {&reverse.states, &reverse.sequences, &reverse.shared}) {
      inputs.insert(inputs.end(), part->begin(), part->end());
    }
    Attributes attributes = {{"states", static_cast<int64_t>(reverse.states.size())},
                             {"sequences", static_cast<int64_t>(reverse.sequences.size())},
                             {"length", shape.length},
                             {"reverse", !shape.reverse},
                             {"counted", counted}};
    int made = graph.add_with_bodies("scan", std::move(inputs), std::move(attributes),
                                     {std::make_shared<const Program>(std::move(reverse.body))});
    std::vector<Value> result(node.inputs.size(), kNoValue);
    for (const Place& each : places) result[shape.first + each.input] = Value{made, each.output};
    return result;
  }
};

std::vector<Value> grad_scan(Graph& graph, int node, Grads grads) {
  return ScanGradient(graph, node, grads).run();
}

}  // namespace

ScanShape::ScanShape(const Node& node, size_t input_count)
    : reverse(node.flag("reverse")),
      counted(node.flag("counted")),
      conditional(node.flag("conditional")),
      length(node.integer("length")) {
  int64_t state_count = node.integer("states");
  int64_t sequence_count = node.integer("sequences");
  first = counted ? 1 : 0;
  int64_t given = static_cast<int64_t>(input_count - std::min(first, input_count));
  bool fits = state_count >= 0 && sequence_count >= 0 && state_count <= kPartsMax &&
              sequence_count <= kPartsMax && state_count + sequence_count <= given &&
              input_count >= first && length >= 0 && length <= kLengthMax &&
              !(conditional && reverse) && (length > 0 || sequence_count > 0);
  if (!fits) {
    throw Error(
        "invalid_attribute", node.op->name,
        "the numbers of states and sequences, and the length where there is no sequence, must "
        "go with the inputs; a conditional scan has no reverse");
  }
  states = static_cast<size_t>(state_count);
  sequences = static_cast<size_t>(sequence_count);
  shared = static_cast<size_t>(given) - states - sequences;
}

int64_t scan_length(const Node& node, const ScanShape& shape, Types inputs) {
  int64_t length = shape.length;
  for (size_t i = 0; i < shape.sequences; ++i) {
    const TensorType& sequence = inputs[shape.first + shape.states + i];
    int64_t own = sequence.shape.rank() >= 1 ? sequence.shape[0] : 0;
    if (length == 0) length = own;
    if (own != 0 && own == length) continue;
    throw Error("shape_mismatch", node.op->name,
                "sequences are [T, ...] of equal T of at least 1; " + sequence.text() +
                    " does not go with " + std::to_string(length) + " steps");
  }
  return length;
}

std::vector<TensorType> scan_body_inputs(const ScanShape& shape, Types inputs) {
  std::vector<TensorType> fed;
  for (size_t i = 0; i < shape.body_inputs(); ++i) {
    const TensorType& type = inputs[shape.first + i];
    bool sequence = i >= shape.states && i < shape.states + shape.sequences;
    fed.push_back(sequence ? element(type) : type);
  }
  return fed;
}

void register_scan() {
  OpSpec scan;
  scan.name = "scan";
  scan.inputs_max = 3 * static_cast<int>(kPartsMax);
  scan.bodies = 1;
  scan.attributes = {{"states", AttributeKind::integer, std::nullopt},
                     {"sequences", AttributeKind::integer, std::nullopt},
                     {"length", AttributeKind::integer, int64_t{0}},
                     {"reverse", AttributeKind::boolean, false},
                     {"counted", AttributeKind::boolean, false},
                     {"conditional", AttributeKind::boolean, false}};
  scan.infer = infer_scan;
  scan.reference = reference_scan;
  scan.gradient = grad_scan;
  scan.doc = {
      "Runs a body step after step, on states that go from step to step, on the elements of "
      "sequences, and on what is shared; for so many steps, or while a condition holds.",
      "[count], states..., sequences [T, ...]..., shared... -> last states..., results "
      "[T, ...]..., states before each step [T, ...]..., [count]",
      "any"};
  register_op(std::move(scan));
}

}  // namespace vanda
