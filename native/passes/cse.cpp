#include <cstring>
#include <map>

#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

constexpr size_t kComparedBytesMax = 4096;

void append_attribute(std::string& key, const Attribute& attribute) {
  auto raw = [&](const void* data, size_t size) {
    key.append(static_cast<const char*>(data), size);
  };
  key.push_back(static_cast<char>(attribute.index()));
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>) {
          key += value;
        } else if constexpr (std::is_arithmetic_v<T>) {
          raw(&value, sizeof value);
        } else {
          raw(value.data(), value.size() * sizeof(value[0]));
        }
      },
      attribute);
  key.push_back('\n');
}

// Equal keys mean equal values; an empty key means that the node is never merged.
std::string key_of(const Node& node, const std::vector<Value>& inputs) {
  if (node.op->op_class == OpClass::effect || node.program != nullptr || !node.name.empty())
    return "";
  std::string key = node.op->name + "\n";
  for (Value input : inputs) {
    key += std::to_string(input.node) + ":" + std::to_string(input.output) + ",";
  }
  for (const auto& [name, attribute] : node.attributes) {
    key += name;
    append_attribute(key, attribute);
  }
  for (const auto& body : node.bodies) {
    const Program* address = body.get();
    key.append(reinterpret_cast<const char*>(&address), sizeof address);
  }
  if (node.is("constant")) {
    if (node.payload.type.bytes() > kComparedBytesMax) return "";
    key += node.payload.type.text();
    key.append(node.payload.as<char>(), node.payload.type.bytes());
  }
  return key;
}

}  // namespace

Program eliminate_common(const Program& program) {
  Rewriter rewriter(program);
  std::map<std::string, int> seen;
  return rewriter.run([&](int id) {
    const Node& node = program.graph.node(id);
    std::string key = key_of(node, rewriter.mapped_inputs(id));
    if (key.empty()) return false;
    auto [entry, fresh] = seen.emplace(std::move(key), -1);
    if (fresh) {
      rewriter.copy(id);
      entry->second = rewriter.result.graph.size() - 1;
    } else {
      rewriter.map_node(id, entry->second);
    }
    return true;
  });
}

}  // namespace vanda
