#include "backend/cpu/update_settings.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace vanda::cpu {

static_assert(kUpdateCount == kUpdateKinds);

UpdateRates UpdateSettings::rates(const RunContext& context) const {
  UpdateRates rates = fixed;
  rates.rate = *static_cast<const float*>(context.data[rate_buffer]);
  if (step_buffer >= 0) {
    double t = static_cast<double>(*static_cast<const float*>(context.data[step_buffer])) + 1;
    rates.correction1 = static_cast<float>(1 / (1 - std::pow(double{fixed.beta1}, t)));
    rates.correction2 = static_cast<float>(1 / (1 - std::pow(double{fixed.beta2}, t)));
  }
  return rates;
}

UpdateSettings update_settings(Lowering& lowering, const Node& node) {
  const UpdateRule& rule = *update_rule(node);
  UpdateInputs at = update_inputs(node);
  UpdateSettings settings;
  settings.function = kernels().update[static_cast<int>(rule.kind)];
  settings.slots = at.slots;
  settings.every = static_cast<uint64_t>(node.integer("every"));
  settings.rate_buffer = lowering.snapshot(node.inputs[static_cast<size_t>(at.rate)]);
  if (at.step >= 0) {
    settings.step_buffer = lowering.snapshot(node.inputs[static_cast<size_t>(at.step)]);
  }
  auto number = [&](const char* name) {
    auto found = node.attributes.find(name);
    return found == node.attributes.end() ? 0.0f : static_cast<float>(node.number(name));
  };
  auto flag = [&](const char* name) {
    return node.attributes.contains(name) && node.flag(name) ? 1 : 0;
  };
  UpdateRates& fixed = settings.fixed;
  fixed.l1 = number("l1");
  fixed.l2 = number("l2");
  fixed.momentum = number("momentum");
  fixed.beta = number("beta");
  fixed.beta1 = number("beta1");
  fixed.beta2 = number("beta2");
  fixed.epsilon = number("epsilon");
  fixed.decay = node.attributes.contains("weightDecay") ? number("weightDecay") : number("decay");
  fixed.nesterov = flag("nesterov");
  fixed.centered = flag("centered");
  fixed.amsgrad = flag("amsgrad");
  return settings;
}

std::string update_key(const Node& node, const UpdateSettings& settings) {
  std::string key = node.op->name;
  for (const auto& [name, value] : node.attributes) {
    key += "," + name + "=";
    if (const double* number = std::get_if<double>(&value))
      key.append(reinterpret_cast<const char*>(number), sizeof *number);
    else if (const bool* flag = std::get_if<bool>(&value))
      key += *flag ? "1" : "0";
    else if (const int64_t* integer = std::get_if<int64_t>(&value))
      key += std::to_string(*integer);
  }
  return key + "," + std::to_string(settings.rate_buffer) + "," +
         std::to_string(settings.step_buffer);
}

int written_buffer(Lowering& lowering, const Node& node, size_t input) {
  const Node& target = lowering.graph().node(node.inputs[input]);
  if (!target.is("variable")) {
    throw Error("invalid_graph", node.op->name, "only a variable can be written");
  }
  int buffer = lowering.plain(node.inputs[input]);
  Variable* variable = lowering.buffers[static_cast<size_t>(buffer)].variable;
  // A second write to the same variable keeps its place after the first.
  std::vector<Variable*>& written = lowering.written;
  if (std::find(written.begin(), written.end(), variable) != written.end()) {
    lowering.open_updates.clear();
  }
  written.push_back(variable);
  return buffer;
}

}  // namespace vanda::cpu
