#include "capi/convert.hpp"
#include "capi/handles.hpp"
#include "core/emit.hpp"

namespace vanda::capi {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

constexpr int kInputsMax = 1000;
constexpr int kOutputsMax = 32;
constexpr size_t kNameBytesMax = 128;

// What a registered operation came with; its own copy of every text.
struct Custom {
  std::string name;
  size_t outputs = 0;
  vanda_shape_rule shape_rule = nullptr;
  vanda_kernel kernel = nullptr;
  vanda_gradient_rule gradient = nullptr;
  std::string gradient_operation;
  void* user = nullptr;
};

const Custom& custom_of(const Node& node) {
  return *static_cast<const Custom*>(node.op->context.get());
}

void check(vanda_status status, const Custom& custom) {
  if (status != VANDA_OK) throw_status(status, custom.name);
}

std::vector<TensorType> infer_custom(const Node& node, Types inputs) {
  const Custom& custom = custom_of(node);
  vanda_call call{&node, {inputs.begin(), inputs.end()}};
  std::vector<vanda_type> made(custom.outputs);
  failed(VANDA_OK, "");
  check(custom.shape_rule(custom.user, &call, made.data()), custom);
  std::vector<TensorType> types;
  for (const vanda_type& type : made) types.push_back(type_of(&type));
  return types;
}

void reference_custom(const Node& node, Inputs inputs, Outputs outputs) {
  const Custom& custom = custom_of(node);
  vanda_call call{&node, {}};
  std::vector<const void*> read;
  std::vector<void*> written;
  for (const ConstView& input : inputs) {
    call.inputs.push_back(*input.type);
    read.push_back(input.data);
  }
  for (const View& output : outputs) written.push_back(output.data);
  failed(VANDA_OK, "");
  check(custom.kernel(custom.user, &call, read.data(), written.data()), custom);
}

std::vector<Value> grad_by_callback(const Custom& custom, Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  vanda_call call{&node, {}};
  std::vector<vanda_value> inputs, outputs, comes;
  for (Value input : node.inputs) {
    call.inputs.push_back(graph.type(input));
    inputs.push_back(value_to_c(input));
  }
  for (size_t i = 0; i < grads.size(); ++i) {
    outputs.push_back({id, static_cast<int32_t>(i)});
    comes.push_back(value_to_c(grads[i]));
  }
  std::vector<vanda_value> made(inputs.size(), value_to_c(kNoValue));
  vanda_graph borrowed(graph);
  failed(VANDA_OK, "");
  check(custom.gradient(custom.user, &call, &borrowed, inputs.data(), outputs.data(), comes.data(),
                        made.data()),
        custom);
  return values_of(made.data(), made.size());
}

// With zeros where nothing comes to an output, since an operation takes a value for each.
std::vector<Value> grad_by_operation(const Custom& custom, Graph& graph, int id, Grads grads) {
  const Node node = graph.node(id);
  const OpSpec* spec = find_op(custom.gradient_operation);
  if (spec == nullptr) {
    throw Error("unknown_op", custom.name,
                "the operation of its gradient, '" + custom.gradient_operation +
                    "', is not registered");
  }
  std::vector<Value> given = node.inputs;
  for (size_t i = 0; i < grads.size(); ++i) given.push_back({id, static_cast<int>(i)});
  for (size_t i = 0; i < grads.size(); ++i) {
    Value output{id, static_cast<int>(i)};
    given.push_back(grads[i].node >= 0 ? grads[i] : Emit(graph).zeros_like(output));
  }
  Attributes attributes;
  for (const AttributeSpec& attribute : spec->attributes) {
    auto found = node.attributes.find(attribute.name);
    if (found != node.attributes.end()) attributes.insert(*found);
  }
  int made = graph.add(spec->name, std::move(given), std::move(attributes));
  std::vector<Value> result;
  for (size_t i = 0; i < node.inputs.size(); ++i) result.push_back({made, static_cast<int>(i)});
  return result;
}

std::vector<Value> grad_custom(Graph& graph, int id, Grads grads) {
  const Custom& custom = custom_of(graph.node(id));
  const std::vector<Value> inputs = graph.node(id).inputs;
  std::vector<Value> made = custom.gradient != nullptr
                                ? grad_by_callback(custom, graph, id, grads)
                                : grad_by_operation(custom, graph, id, grads);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& wanted = graph.type(inputs[i]);
    if (!is_float(wanted.dtype)) made[i] = kNoValue;
    if (made[i].node < 0) continue;
    if (graph.valid(made[i]) && graph.type(made[i]) == wanted) continue;
    std::string text = graph.valid(made[i]) ? graph.type(made[i]).text() : "what does not exist";
    throw Error("shape_mismatch", custom.name,
                "the gradient towards input " + std::to_string(i) + " must be " + wanted.text() +
                    " like the input, not " + text);
  }
  return made;
}

void require_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= kNameBytesMax && name.find('.') != std::string::npos;
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    good = good && (letter || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-');
  }
  if (good) return;
  throw Error("invalid_attribute", "register",
              "the name '" + name +
                  "' must be OWNER.NAME, of letters, digits, _ and -, up to 128 bytes");
}

std::vector<AttributeSpec> attributes_of(const vanda_operation& operation) {
  require(operation.attributes != nullptr || operation.attribute_count == 0,
          "the list of attributes is NULL");
  std::vector<AttributeSpec> attributes;
  for (size_t i = 0; i < operation.attribute_count; ++i) {
    const vanda_attribute& attribute = operation.attributes[i];
    attributes.push_back({text_of(attribute.name, "the name of an attribute is NULL"),
                          AttributeKind::number, attribute.fallback});
  }
  return attributes;
}

OpSpec spec_of(const vanda_operation& operation) {
  auto custom = std::make_shared<Custom>();
  custom->name = text_of(operation.name, "the name of the operation is NULL");
  require_name(custom->name);
  bool counts = operation.inputs_min >= 1 && operation.inputs_max >= operation.inputs_min &&
                operation.inputs_max <= kInputsMax && operation.outputs >= 1 &&
                operation.outputs <= kOutputsMax;
  require(counts, "an operation has 1 to 1000 inputs and 1 to 32 outputs");
  require(operation.shape_rule != nullptr && operation.kernel != nullptr,
          "an operation has a shape rule and a kernel");
  require(operation.gradient == nullptr || operation.gradient_operation == nullptr,
          "an operation has one gradient: a callback or another operation");
  custom->outputs = static_cast<size_t>(operation.outputs);
  custom->shape_rule = operation.shape_rule;
  custom->kernel = operation.kernel;
  custom->gradient = operation.gradient;
  custom->user = operation.user;
  bool other = operation.gradient_operation != nullptr;
  if (other) custom->gradient_operation = operation.gradient_operation;
  OpSpec spec;
  spec.name = custom->name;
  spec.inputs_min = operation.inputs_min;
  spec.inputs_max = operation.inputs_max;
  spec.attributes = attributes_of(operation);
  spec.infer = infer_custom;
  spec.reference = reference_custom;
  if (other || operation.gradient != nullptr) spec.gradient = grad_custom;
  spec.costly = true;
  spec.doc = {"Registered by the program.", "by its shape rule", "any", "own"};
  spec.family = "Registered";
  spec.context = std::move(custom);
  return spec;
}

}  // namespace

}  // namespace vanda::capi

using namespace vanda::capi;

vanda_status vanda_operation_register(const vanda_operation* operation) {
  return guarded([&] {
    require(operation != nullptr, "the operation is NULL");
    vanda::OpSpec spec = spec_of(known_part<vanda_operation>(
        operation, "set the size of vanda_operation to its sizeof and the rest to zero first"));
    std::string name = spec.name;
    if (vanda::register_new_op(std::move(spec))) return;
    throw vanda::Error("invalid_attribute", "register",
                       "there is an operation '" + name + "' already");
  });
}

size_t vanda_call_input_count(const vanda_call* call) {
  return call == nullptr ? 0 : call->inputs.size();
}

vanda_status vanda_call_input_type(const vanda_call* call, size_t index, vanda_type* type) {
  return guarded([&] {
    require(type != nullptr, "there is no place for the type");
    require(index < vanda_call_input_count(call), "the call has no such input");
    *type = type_to_c(call->inputs[index]);
  });
}

vanda_status vanda_call_number(const vanda_call* call, const char* name, double* number) {
  return guarded([&] {
    require(call != nullptr && number != nullptr, "the call or the place is NULL");
    auto found = call->node->attributes.find(text_of(name, "the name is NULL"));
    if (found == call->node->attributes.end()) {
      throw vanda::Error("unknown_name", name, "the operation declares no such attribute");
    }
    *number = std::get<double>(found->second);
  });
}
