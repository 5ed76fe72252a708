#include "ops/bodies.hpp"

#include <algorithm>
#include <cstring>

namespace vanda {

namespace {

// Bodies inside bodies: no more than a file can hold, whose reader bounds its depth.
constexpr int kNestedMax = 6;

int depth_of(const Program& body, int left) {
  if (left == 0) throw Error("limit", "body", "there are too many bodies inside bodies");
  int deepest = 0;
  for (int id = 0; id < body.graph.size(); ++id) {
    for (const auto& inner : body.graph.node(id).bodies) {
      deepest = std::max(deepest, depth_of(*inner, left - 1));
    }
  }
  return deepest + 1;
}

void require_function(const std::string& op, const Node& node) {
  bool pure = node.op->reference != nullptr || node.is("placeholder") || node.is("constant");
  if (pure && node.op->op_class != OpClass::effect) return;
  throw Error("invalid_graph", op,
              "a body cannot hold '" + node.op->name +
                  "': give it variables, random numbers and step counts as shared inputs");
}

// Where placeholder p0, p1, ... of a body is; the others are refused.
size_t position_of(const std::string& op, const Node& placeholder, size_t inputs) {
  for (size_t i = 0; i < inputs; ++i) {
    if (placeholder.name == body_input(i)) return i;
  }
  throw Error("invalid_graph", op,
              "a body of " + std::to_string(inputs) + " inputs has no '" + placeholder.name + "'");
}

bool agrees(const TensorType& declared, const TensorType& given) {
  bool fits = declared.dtype == given.dtype && declared.shape.rank() == given.shape.rank();
  for (int axis = 0; fits && axis < given.shape.rank(); ++axis) {
    fits = declared.shape[axis] == given.shape[axis] || declared.shape[axis] == kDynamic;
  }
  return fits;
}

// Takes the batch of its input, or 1, where it was written with an open one.
int add_expand(Graph& graph, const Node& node, Value input) {
  std::vector<int64_t> dims = node.integers("shape");
  const Shape& from = graph.type(input).shape;
  for (size_t i = 0; i < dims.size(); ++i) {
    int axis = static_cast<int>(i) - (static_cast<int>(dims.size()) - from.rank());
    if (dims[i] == kDynamic && from.is_static()) dims[i] = axis >= 0 ? from[axis] : 1;
  }
  return graph.add("expand", {input}, {{"shape", std::move(dims)}});
}

std::vector<Value> mapped(const Node& node, const std::vector<int>& made) {
  std::vector<Value> inputs;
  for (Value input : node.inputs) {
    inputs.push_back({made[static_cast<size_t>(input.node)], input.output});
  }
  return inputs;
}

}  // namespace

std::string body_input(size_t position) { return "p" + std::to_string(position); }

Program bind_body(const std::string& op, const Program& body,
                  const std::vector<TensorType>& inputs) {
  depth_of(body, kNestedMax);
  Program bound;
  std::vector<int> made(static_cast<size_t>(body.graph.size()));
  for (int id = 0; id < body.graph.size(); ++id) {
    const Node& node = body.graph.node(id);
    require_function(op, node);
    int& fresh = made[static_cast<size_t>(id)];
    if (node.is("placeholder")) {
      size_t position = position_of(op, node, inputs.size());
      if (!agrees(node.outputs[0], inputs[position])) {
        throw Error("shape_mismatch", op,
                    "the body takes " + node.outputs[0].text() + " as input " +
                        std::to_string(position) + ", not " + inputs[position].text());
      }
      fresh = bound.graph.add_placeholder_typed(node, inputs[position]);
    } else if (node.is("expand")) {
      fresh = add_expand(bound.graph, node, mapped(node, made)[0]);
    } else {
      fresh = bound.graph.add_copy(node, mapped(node, made));
    }
  }
  for (Value output : body.outputs) {
    if (!body.graph.valid(output)) throw Error("invalid_graph", op, "an output does not exist");
    bound.outputs.push_back({made[static_cast<size_t>(output.node)], output.output});
  }
  return bound;
}

std::vector<TensorType> output_types(const Program& body) {
  std::vector<TensorType> types;
  for (Value output : body.outputs) types.push_back(body.graph.type(output));
  return types;
}

std::vector<Tensor> evaluate_body(const Program& body, const std::vector<Tensor>& inputs) {
  std::vector<std::vector<Tensor>> values(static_cast<size_t>(body.graph.size()));
  for (int id = 0; id < body.graph.size(); ++id) {
    const Node& node = body.graph.node(id);
    std::vector<Tensor>& own = values[static_cast<size_t>(id)];
    if (node.is("placeholder")) {
      own = {inputs[position_of("body", node, inputs.size())]};
      continue;
    }
    if (node.is("constant")) {
      own = {node.payload};
      continue;
    }
    std::vector<ConstView> read;
    for (Value input : node.inputs) {
      const Tensor& tensor =
          values[static_cast<size_t>(input.node)][static_cast<size_t>(input.output)];
      read.push_back({&tensor.type, tensor.data()});
    }
    std::vector<View> written;
    for (const TensorType& type : node.outputs) own.emplace_back(type);
    for (Tensor& tensor : own) written.push_back({&tensor.type, tensor.data()});
    node.op->reference(node, read, written);
  }
  std::vector<Tensor> results;
  for (Value output : body.outputs) {
    results.push_back(values[static_cast<size_t>(output.node)][static_cast<size_t>(output.output)]);
  }
  return results;
}

std::vector<Value> inline_body(Graph& graph, const Program& body,
                               const std::vector<Value>& inputs) {
  std::vector<int> made(static_cast<size_t>(body.graph.size()));
  std::vector<Value> placed(static_cast<size_t>(body.graph.size()), kNoValue);
  auto at = [&](Value value) {
    Value input = placed[static_cast<size_t>(value.node)];
    return input.node >= 0 ? input : Value{made[static_cast<size_t>(value.node)], value.output};
  };
  for (int id = 0; id < body.graph.size(); ++id) {
    const Node& node = body.graph.node(id);
    if (node.is("placeholder")) {
      placed[static_cast<size_t>(id)] = inputs[position_of("body", node, inputs.size())];
      continue;
    }
    std::vector<Value> read;
    for (Value input : node.inputs) read.push_back(at(input));
    made[static_cast<size_t>(id)] = graph.add_copy(node, std::move(read));
  }
  std::vector<Value> outputs;
  for (Value output : body.outputs) outputs.push_back(at(output));
  return outputs;
}

Value body_placeholder(Graph& graph, size_t position, const TensorType& type) {
  // Typed as it is: an open dim may stand in any place, which that of a placeholder from outside
  // may not.
  Node node;
  node.op = find_op("placeholder");
  node.attributes = {{"dtype", std::string(dtype_name(type.dtype))}, {"shape", type.shape.dims()}};
  node.name = body_input(position);
  return Value{graph.add_placeholder_typed(node, type), 0};
}

Tensor copy_of(const ConstView& view) {
  Tensor copy(*view.type);
  std::memcpy(copy.data(), view.data, view.type->bytes());
  return copy;
}

}  // namespace vanda
