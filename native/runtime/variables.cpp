#include "runtime/variables.hpp"

#include <cmath>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace vanda {

namespace {

// Inputs and outputs of one unit, for glorot (Glorot and Bengio, 2010) and he (He et al., 2015):
// dense weights are [in, out], kernels [KH, KW, in, out].
void fans(const Shape& shape, double& fan_in, double& fan_out) {
  if (shape.rank() < 2) {
    fan_in = fan_out = static_cast<double>(std::max<int64_t>(1, shape.elements()));
    return;
  }
  double field = 1;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) field *= static_cast<double>(shape[axis]);
  fan_in = field * static_cast<double>(shape[shape.rank() - 2]);
  fan_out = field * static_cast<double>(shape[shape.rank() - 1]);
}

}  // namespace

Tensor initial_value(const Node& variable) {
  Tensor tensor(variable.outputs[0]);
  View view{&tensor.type, tensor.data()};
  const std::string& kind = variable.text("init");
  double scale = variable.number("scale");
  double fan_in = 1;
  double fan_out = 1;
  fans(tensor.type.shape, fan_in, fan_out);
  PhiloxStream random(static_cast<uint64_t>(variable.integer("seed")),
                      hash_name(variable.name.data(), variable.name.size()));
  double limit = kind == "glorotUniform" ? std::sqrt(6 / (fan_in + fan_out))
                 : kind == "heUniform"   ? std::sqrt(6 / fan_in)
                                         : scale;
  double deviation = kind == "heNormal" ? std::sqrt(2 / fan_in) : scale;
  for (int64_t i = 0; i < view.elements(); ++i) {
    double value = 0;
    if (kind == "ones")
      value = 1;
    else if (kind == "constant")
      value = scale;
    else if (kind == "heNormal" || kind == "normal")
      value = random.normal() * deviation;
    else if (kind != "zeros")
      value = (random.unit() * 2 - 1) * limit;
    view.set(i, value);
  }
  return tensor;
}

void VariableStore::sync(const Graph& graph) {
  std::lock_guard lock(mutex_);
  for (; synced_ < graph.size(); ++synced_) {
    const Node& node = graph.node(synced_);
    if (!node.is("variable")) continue;
    auto variable = std::make_unique<Variable>();
    variable->name = node.name;
    variable->type = node.outputs[0];
    variable->trainable = node.flag("trainable");
    variable->storage = initial_value(node);
    order_.push_back(variable.get());
    variables_.emplace(node.name, std::move(variable));
  }
}

Variable& VariableStore::at(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = variables_.find(name);
  if (found == variables_.end()) {
    throw Error("unknown_name", name, "there is no variable of that name");
  }
  return *found->second;
}

std::vector<Variable*> VariableStore::all() const {
  std::lock_guard lock(mutex_);
  return order_;
}

}  // namespace vanda
