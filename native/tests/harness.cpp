#include "tests/harness.hpp"

#include <cmath>

#include "passes/passes.hpp"

namespace vanda::testing {

std::vector<Tensor> evaluate_reference(const Graph& graph, const std::vector<Value>& outputs,
                                       const Feeds& feeds) {
  FeedTypes types;
  for (const auto& [name, tensor] : feeds) types[name] = tensor.type;
  Program program;
  program.graph = graph;
  program.outputs = outputs;
  Program concrete = specialize(prune(program), types);
  std::vector<std::vector<Tensor>> values(static_cast<size_t>(concrete.graph.size()));
  for (int id = 0; id < concrete.graph.size(); ++id) {
    const Node& node = concrete.graph.node(id);
    std::vector<Tensor>& own = values[static_cast<size_t>(id)];
    if (node.is("placeholder")) {
      own = {feeds.at(node.name)};
      continue;
    }
    if (node.is("constant")) {
      own = {node.payload};
      continue;
    }
    std::vector<ConstView> inputs;
    for (Value input : node.inputs) {
      const Tensor& tensor =
          values[static_cast<size_t>(input.node)][static_cast<size_t>(input.output)];
      inputs.push_back({&tensor.type, tensor.data()});
    }
    std::vector<View> views;
    for (const TensorType& type : node.outputs) own.emplace_back(type);
    for (Tensor& tensor : own) views.push_back({&tensor.type, tensor.data()});
    if (node.op->reference == nullptr) throw Error("internal", node.op->name, "has no reference");
    node.op->reference(node, inputs, views);
  }
  std::vector<Tensor> result;
  for (Value output : concrete.outputs) {
    result.push_back(values[static_cast<size_t>(output.node)][static_cast<size_t>(output.output)]);
  }
  return result;
}

std::vector<Tensor> evaluate_backend(const Graph& graph, const std::vector<Value>& outputs,
                                     const Feeds& feeds, int threads, uint64_t step) {
  Session session(threads);
  std::vector<NamedView> views;
  for (const auto& [name, tensor] : feeds) views.push_back({name, tensor.type, tensor.data()});
  return session.run(session.prepare(graph, outputs, {}), views, step);
}

Value placeholder(Graph& graph, const std::string& name, std::vector<int64_t> shape, DType dtype) {
  Attributes attributes = {{"dtype", std::string(dtype_name(dtype))}, {"shape", std::move(shape)}};
  return Value{graph.add("placeholder", {}, std::move(attributes), name), 0};
}

Tensor random_tensor(const TensorType& type, uint64_t seed, double low, double high) {
  PhiloxStream random(seed, 77);
  Tensor tensor(type);
  View view{&tensor.type, tensor.data()};
  for (int64_t i = 0; i < view.elements(); ++i) view.set(i, low + random.unit() * (high - low));
  return tensor;
}

Tensor cast_tensor(const Tensor& tensor, DType dtype) {
  Tensor out(TensorType{dtype, tensor.type.shape});
  ConstView from{&tensor.type, tensor.data()};
  View to{&out.type, out.data()};
  for (int64_t i = 0; i < to.elements(); ++i) to.set(i, from.at(i));
  return out;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.type.shape != b.type.shape) return INFINITY;
  double worst = 0;
  ConstView x{&a.type, a.data()};
  ConstView y{&b.type, b.data()};
  for (int64_t i = 0; i < x.elements(); ++i) {
    double scale = std::fmax(1, std::fabs(y.at(i)));
    double difference = std::fabs(x.at(i) - y.at(i)) / scale;
    if (std::isnan(x.at(i)) != std::isnan(y.at(i))) return INFINITY;
    if (difference > worst) worst = difference;
  }
  return worst;
}

}  // namespace vanda::testing
