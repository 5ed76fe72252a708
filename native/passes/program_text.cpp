#include <sstream>

#include "ops/elementwise.hpp"
#include "passes/passes.hpp"

namespace vanda {

namespace {

constexpr int64_t kShownElementsMax = 8;

void write_attribute(std::ostringstream& out, const Attribute& attribute) {
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, bool>) {
          out << (value ? "true" : "false");
        } else if constexpr (std::is_same_v<T, std::string>) {
          out << '"' << value << '"';
        } else if constexpr (std::is_arithmetic_v<T>) {
          out << value;
        } else {
          out << '[';
          for (size_t i = 0; i < value.size(); ++i) out << (i > 0 ? ", " : "") << value[i];
          out << ']';
        }
      },
      attribute);
}

void write_value(std::ostringstream& out, Value value) {
  out << '%' << value.node;
  if (value.output > 0) out << '.' << value.output;
}

void write_payload(std::ostringstream& out, const Tensor& tensor) {
  ConstView view{&tensor.type, tensor.data()};
  out << " = ";
  for (int64_t i = 0; i < view.elements() && i < kShownElementsMax; ++i) {
    out << (i > 0 ? ", " : "") << view.at(i);
  }
  if (view.elements() > kShownElementsMax) out << ", ...";
}

std::string_view code_name(Scalar code) {
  for (const ScalarInfo& info : scalar_table()) {
    if (info.code == code) return info.op;
  }
  return code == Scalar::to_bool ? "to_bool" : "to_u8";
}

void write_program(std::ostringstream& out, const FusedProgram& program) {
  int next = program.inputs;
  for (double constant : program.constants) out << "\n      r" << next++ << " = " << constant;
  for (const FusedInstruction& step : program.code) {
    out << "\n      r" << next++ << " = " << code_name(step.code);
    for (int source : {step.a, step.b, step.c}) {
      if (source >= 0) out << " r" << source;
    }
    if (step.parameters[0] != 0 || step.parameters[1] != 0) {
      out << " (" << step.parameters[0] << ", " << step.parameters[1] << ")";
    }
  }
  out << "\n      results";
  for (int result : program.results) out << " r" << result;
}

}  // namespace

std::string program_text(const Program& program) {
  std::ostringstream out;
  out.precision(9);
  for (int id = 0; id < program.graph.size(); ++id) {
    const Node& node = program.graph.node(id);
    out << '%' << id << " = " << node.op->name;
    if (!node.name.empty()) out << " \"" << node.name << '"';
    out << '(';
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (i > 0) out << ", ";
      write_value(out, node.inputs[i]);
    }
    out << ')';
    for (const auto& [name, attribute] : node.attributes) {
      out << ' ' << name << '=';
      write_attribute(out, attribute);
    }
    out << " ->";
    for (const TensorType& type : node.outputs) out << ' ' << type.text();
    if (node.is("constant")) write_payload(out, node.payload);
    if (node.program != nullptr) write_program(out, *node.program);
    out << '\n';
  }
  out << "outputs:";
  for (Value output : program.outputs) {
    out << ' ';
    write_value(out, output);
  }
  out << "\neffects:";
  for (int effect : program.effects) out << " %" << effect;
  out << '\n';
  return out.str();
}

}  // namespace vanda
