#include "capi/convert.hpp"
#include "capi/handles.hpp"
#include "core/autodiff.hpp"

namespace vanda::capi {

namespace {

Graph& graph_of(vanda_graph* graph) {
  require(graph != nullptr, "the graph is NULL");
  return *graph->graph;
}

const Graph& graph_of(const vanda_graph* graph) {
  require(graph != nullptr, "the graph is NULL");
  return *graph->graph;
}

// A placeholder or a variable: its type goes among the attributes.
Value add_source(Graph& graph, const char* op, const char* name, const vanda_type* type,
                 const char* attributes) {
  TensorType given = type_of(type);
  Attributes all = attributes_of(attributes);
  all["dtype"] = std::string(dtype_name(given.dtype));
  all["shape"] = given.shape.dims();
  return {graph.add(op, {}, std::move(all), text_of(name, "the name is NULL")), 0};
}

int add_node(Graph& graph, const char* op, bool effect, const vanda_value* inputs, size_t count,
             const char* attributes) {
  std::string name = text_of(op, "the name of the operation is NULL");
  const OpSpec* spec = find_op(name);
  if (spec != nullptr && (spec->op_class == OpClass::effect) != effect) {
    throw Error("invalid_graph", name,
                effect ? "writes no variable: vanda_graph_add appends it"
                       : "writes a variable: vanda_graph_effect appends it");
  }
  return graph.add(name, values_of(inputs, count), attributes_of(attributes));
}

}  // namespace

}  // namespace vanda::capi

using namespace vanda::capi;
using vanda::Error;
using vanda::Value;

vanda_status vanda_graph_create(vanda_graph** graph) {
  return guarded([&] {
    require(graph != nullptr, "there is no place for the graph");
    *graph = new vanda_graph();
  });
}

void vanda_graph_free(vanda_graph* graph) { delete graph; }

vanda_status vanda_graph_placeholder(vanda_graph* graph, const char* name, const vanda_type* type,
                                     vanda_value* value) {
  return guarded([&] {
    require(value != nullptr, "there is no place for the value");
    *value = value_to_c(add_source(graph_of(graph), "placeholder", name, type, nullptr));
  });
}

vanda_status vanda_graph_variable(vanda_graph* graph, const char* name, const vanda_type* type,
                                  const char* attributes, vanda_value* value) {
  return guarded([&] {
    require(value != nullptr, "there is no place for the value");
    *value = value_to_c(add_source(graph_of(graph), "variable", name, type, attributes));
  });
}

vanda_status vanda_graph_constant(vanda_graph* graph, const vanda_tensor* tensor,
                                  vanda_value* value) {
  return guarded([&] {
    require(value != nullptr, "there is no place for the value");
    *value = value_to_c({graph_of(graph).add_constant(tensor_of(tensor)), 0});
  });
}

vanda_status vanda_graph_add(vanda_graph* graph, const char* op, const vanda_value* inputs,
                             size_t input_count, const char* attributes, vanda_value* outputs,
                             size_t capacity, size_t* count) {
  return guarded([&] {
    vanda::Graph& target = graph_of(graph);
    require(outputs != nullptr || capacity == 0, "there is no place for the outputs");
    int id = add_node(target, op, false, inputs, input_count, attributes);
    size_t made = target.node(id).outputs.size();
    if (made > capacity) {
      throw Error("invalid_argument", op,
                  "has " + std::to_string(made) + " outputs and there are places for " +
                      std::to_string(capacity));
    }
    for (size_t i = 0; i < made; ++i) outputs[i] = {id, static_cast<int32_t>(i)};
    if (count != nullptr) *count = made;
  });
}

vanda_status vanda_graph_effect(vanda_graph* graph, const char* op, const vanda_value* inputs,
                                size_t input_count, const char* attributes, int32_t* effect) {
  return guarded([&] {
    require(effect != nullptr, "there is no place for the effect");
    *effect = add_node(graph_of(graph), op, true, inputs, input_count, attributes);
  });
}

vanda_status vanda_graph_find(const vanda_graph* graph, const char* name, vanda_value* value) {
  return guarded([&] {
    require(value != nullptr, "there is no place for the value");
    int id = graph_of(graph).find(text_of(name, "the name is NULL"));
    if (id < 0) {
      throw Error("unknown_name", name, "there is no placeholder or variable of that name");
    }
    *value = {id, 0};
  });
}

vanda_status vanda_graph_type(const vanda_graph* graph, vanda_value value, vanda_type* type) {
  return guarded([&] {
    require(type != nullptr, "there is no place for the type");
    if (!graph_of(graph).valid(value_of(value))) {
      throw Error("invalid_graph", "", "the value does not exist in this graph");
    }
    *type = type_to_c(graph_of(graph).type(value_of(value)));
  });
}

vanda_status vanda_graph_gradients(vanda_graph* graph, vanda_value loss, const vanda_value* wrt,
                                   size_t count, vanda_value* gradients) {
  return guarded([&] {
    require(gradients != nullptr || count == 0, "there is no place for the gradients");
    std::vector<Value> made =
        vanda::gradients(graph_of(graph), value_of(loss), values_of(wrt, count));
    for (size_t i = 0; i < count; ++i) gradients[i] = value_to_c(made[i]);
  });
}
