#include "io/graph_json.hpp"

#include <cstring>

#include "core/error.hpp"
#include "io/json.hpp"

namespace vanda {

namespace {

constexpr size_t kSourceMax = size_t{256} << 20;
constexpr size_t kValuesMax = 20'000'000;
constexpr int64_t kOutputsMax = 4096;
constexpr const char* kFormat = "vanda-graph/1";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

[[noreturn]] void corrupt(const std::string& detail) {
  throw Error("corrupt_file", "graph", detail);
}

void write_base64(std::string& out, const unsigned char* data, size_t size) {
  out.push_back('"');
  for (size_t i = 0; i < size; i += 3) {
    uint32_t word = static_cast<uint32_t>(data[i]) << 16;
    if (i + 1 < size) word |= static_cast<uint32_t>(data[i + 1]) << 8;
    if (i + 2 < size) word |= data[i + 2];
    out.push_back(kBase64[word >> 18]);
    out.push_back(kBase64[(word >> 12) & 63]);
    out.push_back(i + 1 < size ? kBase64[(word >> 6) & 63] : '=');
    out.push_back(i + 2 < size ? kBase64[word & 63] : '=');
  }
  out.push_back('"');
}

std::string read_base64(const std::string& text) {
  std::string out;
  uint32_t word = 0;
  int bits = 0;
  for (char c : text) {
    if (c == '=') break;
    const char* found = std::strchr(kBase64, c);
    if (found == nullptr || c == '\0') corrupt("a constant is not base64");
    word = (word << 6) | static_cast<uint32_t>(found - kBase64);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>((word >> bits) & 255));
    }
  }
  return out;
}

template <typename T, typename Write>
void write_list(std::string& out, const std::vector<T>& list, Write write) {
  out.push_back('[');
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out.push_back(',');
    write(list[i]);
  }
  out.push_back(']');
}

void write_attribute(std::string& out, const Attribute& attribute) {
  auto number = [&](double value) { write_json_number(out, value); };
  auto integer = [&](int64_t value) { out += std::to_string(value); };
  switch (attribute.index()) {
    case 0:
      out += std::get<bool>(attribute) ? "true" : "false";
      break;
    case 1:
      integer(std::get<int64_t>(attribute));
      break;
    case 2:
      number(std::get<double>(attribute));
      break;
    case 3:
      write_json_text(out, std::get<std::string>(attribute));
      break;
    case 4:
      write_list(out, std::get<std::vector<int64_t>>(attribute), integer);
      break;
    default:
      write_list(out, std::get<std::vector<double>>(attribute), number);
  }
}

void write_value(std::string& out, Value value) {
  out += "[" + std::to_string(value.node) + "," + std::to_string(value.output) + "]";
}

void write_program(std::string& out, const Program& program);

void write_node(std::string& out, const Node& node) {
  out += "{\"op\":";
  write_json_text(out, node.op->name);
  if (!node.name.empty()) {
    out += ",\"name\":";
    write_json_text(out, node.name);
  }
  if (!node.inputs.empty()) {
    out += ",\"inputs\":";
    write_list(out, node.inputs, [&](Value value) { write_value(out, value); });
  }
  if (node.is("constant")) {
    out += ",\"dtype\":\"" + std::string(dtype_name(node.payload.type.dtype)) + "\",\"shape\":";
    write_list(out, node.payload.type.shape.dims(),
               [&](int64_t dim) { out += std::to_string(dim); });
    out += ",\"data\":";
    write_base64(out, node.payload.as<unsigned char>(), node.payload.type.bytes());
  }
  if (!node.bodies.empty()) {
    out += ",\"bodies\":";
    write_list(out, node.bodies, [&](const auto& body) {
      out.push_back('{');
      write_program(out, *body);
      out.push_back('}');
    });
  }
  if (!node.attributes.empty()) {
    out += ",\"attributes\":{";
    bool first = true;
    for (const auto& [key, attribute] : node.attributes) {
      if (!first) out.push_back(',');
      first = false;
      write_json_text(out, key);
      out.push_back(':');
      write_attribute(out, attribute);
    }
    out.push_back('}');
  }
  out.push_back('}');
}

void write_program(std::string& out, const Program& program) {
  out += "\"nodes\":[";
  for (int id = 0; id < program.graph.size(); ++id) {
    out += id == 0 ? "\n" : ",\n";
    write_node(out, program.graph.node(id));
  }
  out += "\n],\"outputs\":";
  write_list(out, program.outputs, [&](Value value) { write_value(out, value); });
}

int64_t integer_of(const Json& json) {
  if (json.kind != Json::Kind::number || !json.integral) corrupt("a whole number was expected");
  return static_cast<int64_t>(json.number);
}

double number_of(const Json& json) {
  if (json.kind == Json::Kind::number) return json.number;
  if (json.kind == Json::Kind::text && json.text == "Infinity") return __builtin_inf();
  if (json.kind == Json::Kind::text && json.text == "-Infinity") return -__builtin_inf();
  if (json.kind == Json::Kind::text && json.text == "NaN") return __builtin_nan("");
  corrupt("a number was expected");
}

Attribute attribute_of(const Json& json, const AttributeSpec& spec) {
  switch (spec.kind) {
    case AttributeKind::boolean:
      if (json.kind != Json::Kind::boolean) corrupt("'" + spec.name + "' must be true or false");
      return json.boolean;
    case AttributeKind::integer:
      return integer_of(json);
    case AttributeKind::number:
      return number_of(json);
    case AttributeKind::text:
      if (json.kind != Json::Kind::text) corrupt("'" + spec.name + "' must be a string");
      return json.text;
    default:
      break;
  }
  if (json.kind != Json::Kind::array) corrupt("'" + spec.name + "' must be a list");
  if (spec.kind == AttributeKind::integers) {
    std::vector<int64_t> out;
    for (const Json& item : json.items) out.push_back(integer_of(item));
    return out;
  }
  std::vector<double> out;
  for (const Json& item : json.items) out.push_back(number_of(item));
  return out;
}

Value value_of(const Json& json) {
  if (json.kind != Json::Kind::array || json.items.size() != 2)
    corrupt("a value is [node, output]");
  int64_t node = integer_of(json.items[0]);
  int64_t output = integer_of(json.items[1]);
  bool exists = node >= 0 && node < kNodesMax && output >= 0 && output < kOutputsMax;
  if (!exists) corrupt("a value does not exist");
  return Value{static_cast<int>(node), static_cast<int>(output)};
}

const std::vector<Json>& list_of(const Json& json, const char* key) {
  static const std::vector<Json> kNone;
  const Json* found = json.find(key);
  if (found == nullptr) return kNone;
  if (found->kind != Json::Kind::array) corrupt(std::string("'") + key + "' must be a list");
  return found->items;
}

std::string text_of(const Json& json, const char* key) {
  const Json* found = json.find(key);
  if (found == nullptr) return "";
  if (found->kind != Json::Kind::text) corrupt(std::string("'") + key + "' must be a string");
  return found->text;
}

void add_constant(Graph& graph, const Json& json) {
  std::optional<DType> dtype = dtype_from_name(text_of(json, "dtype"));
  if (!dtype || *dtype == DType::f64) corrupt("a constant has no known dtype");
  std::vector<int64_t> dims;
  for (const Json& dim : list_of(json, "shape")) dims.push_back(integer_of(dim));
  TensorType type{*dtype, Shape(std::move(dims))};
  type.shape.validate("constant");
  if (!type.shape.is_static()) corrupt("a constant has an open shape");
  std::string bytes = read_base64(text_of(json, "data"));
  if (bytes.size() != type.bytes()) corrupt("a constant has the wrong number of bytes");
  Tensor tensor(type);
  std::memcpy(tensor.data(), bytes.data(), bytes.size());
  graph.add_constant(std::move(tensor));
}

Program read_program(const Json& json);

void add_node(Graph& graph, const Json& json) {
  if (json.kind != Json::Kind::object) corrupt("a node must be an object");
  std::string op = text_of(json, "op");
  if (op == "constant") return add_constant(graph, json);
  const OpSpec* spec = find_op(op);
  if (spec == nullptr || spec->op_class == OpClass::internal || spec->made_by_passes) {
    throw Error("unknown_op", op, "there is no operation of that name");
  }
  std::vector<Value> inputs;
  for (const Json& input : list_of(json, "inputs")) inputs.push_back(value_of(input));
  Attributes attributes;
  const Json* given = json.find("attributes");
  if (given != nullptr && given->kind != Json::Kind::object)
    corrupt("'attributes' must be an object");
  for (size_t i = 0; given != nullptr && i < given->members.size(); ++i) {
    const auto& [key, value] = given->members[i];
    const AttributeSpec* known = nullptr;
    for (const AttributeSpec& candidate : spec->attributes) {
      if (candidate.name == key) known = &candidate;
    }
    if (known == nullptr)
      throw Error("invalid_attribute", op, "there is no attribute '" + key + "'");
    if (key == "dtype" && value.text == "f64") corrupt("f64 is not for models");
    attributes[key] = attribute_of(value, *known);
  }
  std::vector<std::shared_ptr<const Program>> bodies;
  for (const Json& body : list_of(json, "bodies")) {
    bodies.push_back(std::make_shared<const Program>(read_program(body)));
  }
  if (bodies.empty())
    graph.add(op, std::move(inputs), std::move(attributes), text_of(json, "name"));
  else
    graph.add_with_bodies(op, std::move(inputs), std::move(attributes), std::move(bodies));
}

Program read_program(const Json& json) {
  if (json.kind != Json::Kind::object) corrupt("a body must be an object");
  Program program;
  for (const Json& node : list_of(json, "nodes")) add_node(program.graph, node);
  for (const Json& output : list_of(json, "outputs")) {
    Value value = value_of(output);
    if (!program.graph.valid(value)) corrupt("an output does not exist");
    program.outputs.push_back(value);
  }
  return program;
}

}  // namespace

std::string graph_to_json(const Program& program) {
  std::string out = std::string("{\"format\":\"") + kFormat + "\",";
  write_program(out, program);
  out += ",\"effects\":";
  write_list(out, program.effects, [&](int effect) { out += std::to_string(effect); });
  return out + "}";
}

Program graph_from_json(std::string_view source) {
  if (source.size() > kSourceMax) throw Error("limit", "graph", "the model is larger than 256 MiB");
  return graph_from_json(parse_json(source, kValuesMax));
}

Program graph_from_json(const Json& json) {
  if (json.kind != Json::Kind::object || text_of(json, "format") != kFormat) {
    corrupt(std::string("the format is not ") + kFormat);
  }
  Program program = read_program(json);
  for (const Json& effect : list_of(json, "effects")) {
    int64_t id = integer_of(effect);
    if (id < 0 || id >= program.graph.size() ||
        program.graph.node(static_cast<int>(id)).op->op_class != OpClass::effect) {
      corrupt("an effect does not exist");
    }
    program.effects.push_back(static_cast<int>(id));
  }
  return program;
}

}  // namespace vanda
