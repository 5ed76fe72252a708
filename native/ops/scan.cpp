#include "ops/scan.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/autodiff.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

constexpr int64_t kPartsMax = 1000;
constexpr int64_t kLengthMax = int64_t{1} << 24;

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

// Builds the reverse scan. Its states are what comes to each float state, and the sums of what goes
// to each float that is shared; its sequences the states before each step, the elements, and what
// comes to the results and to the states as they were.
class ScanGradient {
 public:
  ScanGradient(Graph& graph, int id, Grads grads)
      : graph_(graph),
        id_(id),
        node_(graph.node(id)),
        shape_(node_, node_.inputs.size()),
        grads_(grads),
        given_(shape_.body_inputs(), kNoValue),
        comes_(shape_.body_inputs(), kNoValue) {
    shape_.results = node_.outputs.size() - 2 * shape_.states - (shape_.conditional ? 1 : 0);
    std::vector<TensorType> types;
    for (Value value : node_.inputs) types.push_back(graph.type(value));
    fed_ = scan_body_inputs(shape_, types);
  }

  std::vector<Value> run() {
    open_states();
    open_sequences();
    for (size_t i = first_shared(); i < given_.size(); ++i) {
      given_[i] = open(fed_[i]);
      shared_.push_back(input(i));
    }
    std::vector<Value> wanted;
    for (Value value : given_) {
      if (is_float(body_.graph.type(value).dtype)) wanted.push_back(value);
    }
    Value total = total_of(inline_body(body_.graph, *node_.bodies[0], given_));
    std::vector<Value> result(node_.inputs.size(), kNoValue);
    if (total.node < 0 || wanted.empty()) return result;
    std::vector<Value> found = gradients(body_.graph, total, wanted);
    std::map<size_t, int> outputs = close(wanted, found);
    int made = add_reverse();
    for (auto [at, output] : outputs) result[shape_.first + at] = Value{made, output};
    return result;
  }

 private:
  size_t first_shared() const { return shape_.states + shape_.sequences; }
  Value input(size_t i) const { return node_.inputs[shape_.first + i]; }
  Value output(size_t i) const { return Value{id_, static_cast<int>(i)}; }
  // The next input of the reverse body.
  Value open(const TensorType& type) { return body_placeholder(body_.graph, opened_++, type); }

  void open_states() {
    Emit emit(graph_);
    for (size_t i = 0; i < given_.size(); ++i) {
      bool state = i < shape_.states;
      if ((!state && i < first_shared()) || !is_float(fed_[i].dtype)) continue;
      comes_[i] = open(fed_[i]);
      bool begins = state && grads_[i].node >= 0;
      states_.push_back(begins ? grads_[i] : emit.zeros_like(input(i)));
    }
  }

  void open_sequences() {
    for (size_t i = 0; i < first_shared(); ++i) {
      given_[i] = open(fed_[i]);
      sequences_.push_back(i < shape_.states ? output(shape_.first_history() + i) : input(i));
    }
    auto stack = [&](size_t i) {
      if (grads_[i].node < 0) return kNoValue;
      sequences_.push_back(grads_[i]);
      return open(element(node_.outputs[i]));
    };
    for (size_t i = 0; i < shape_.results; ++i)
      to_result_.push_back(stack(shape_.first_result() + i));
    for (size_t i = 0; i < shape_.states; ++i)
      to_history_.push_back(stack(shape_.first_history() + i));
  }

  // The sum of all that a step makes, times what comes to it: its gradients are those of the step.
  Value total_of(const std::vector<Value>& made) {
    Emit emit(body_.graph);
    Value total = kNoValue;
    for (size_t i = 0; i < shape_.states + shape_.results; ++i) {
      Value comes = i < shape_.states ? comes_[i] : to_result_[i - shape_.states];
      if (comes.node < 0) continue;
      Value sum = emit.sum(emit.mul(made[shape_.first_state() + i], comes), {}, false);
      total = total.node < 0 ? sum : emit.add(total, sum);
    }
    return total;
  }

  // The outputs of the reverse body: for states, for what is shared, then for elements. Gives which
  // output belongs to which input.
  std::map<size_t, int> close(const std::vector<Value>& wanted, const std::vector<Value>& found) {
    Emit emit(body_.graph);
    std::map<size_t, int> outputs;
    auto place = [&](size_t i, Value more) {
      auto at = std::find(wanted.begin(), wanted.end(), given_[i]);
      if (at == wanted.end()) return;
      Value gradient = found[static_cast<size_t>(at - wanted.begin())];
      outputs[i] = static_cast<int>(body_.outputs.size());
      body_.outputs.push_back(more.node >= 0 ? emit.add(gradient, more) : gradient);
    };
    for (size_t i = 0; i < shape_.states; ++i) place(i, to_history_[i]);
    for (size_t i = first_shared(); i < given_.size(); ++i) place(i, comes_[i]);
    for (size_t i = shape_.states; i < first_shared(); ++i) place(i, kNoValue);
    return outputs;
  }

  int add_reverse() {
    std::vector<Value> inputs;
    if (shape_.conditional) inputs.push_back(output(shape_.count_output()));
    if (shape_.counted && !shape_.conditional) inputs.push_back(node_.inputs[0]);
    bool counted = !inputs.empty();
    for (const auto* part : {&states_, &sequences_, &shared_}) {
      inputs.insert(inputs.end(), part->begin(), part->end());
    }
    Attributes attributes = {{"states", static_cast<int64_t>(states_.size())},
                             {"sequences", static_cast<int64_t>(sequences_.size())},
                             {"length", shape_.length},
                             {"reverse", !shape_.reverse},
                             {"counted", counted}};
    return graph_.add_with_bodies("scan", std::move(inputs), std::move(attributes),
                                  {std::make_shared<const Program>(std::move(body_))});
  }

  Graph& graph_;
  int id_;
  Node node_;  // a copy: the graph grows meanwhile
  ScanShape shape_;
  Grads grads_;
  std::vector<TensorType> fed_;
  Program body_;
  size_t opened_ = 0;
  // Of the body's inputs: where they are in the reverse body, and what comes to them from the steps
  // behind. Then what the reverse scan is fed.
  std::vector<Value> given_, comes_;
  std::vector<Value> to_result_, to_history_;
  std::vector<Value> states_, sequences_, shared_;
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
