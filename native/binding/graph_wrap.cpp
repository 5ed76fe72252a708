#include "binding/convert.hpp"
#include "binding/main_thread.hpp"
#include "binding/wraps.hpp"
#include "core/autodiff.hpp"
#include "io/graph_json.hpp"
#include "ops/recompute.hpp"
#include "passes/passes.hpp"

namespace vanda::binding {

namespace {

Napi::Object describe_node(Napi::Env env, const Graph& graph, int id) {
  const Node& node = graph.node(id);
  Napi::Object out = Napi::Object::New(env);
  out.Set("id", Napi::Number::New(env, id));
  out.Set("op", node.op->name);
  out.Set("name", node.name);
  Napi::Array outputs = Napi::Array::New(env, node.outputs.size());
  for (uint32_t i = 0; i < node.outputs.size(); ++i)
    outputs.Set(i, type_to_js(env, node.outputs[i]));
  out.Set("outputs", outputs);
  if (node.is("variable")) out.Set("trainable", Napi::Boolean::New(env, node.flag("trainable")));
  return out;
}

std::vector<std::shared_ptr<const Program>> bodies_of(const Napi::Array& list) {
  std::vector<std::shared_ptr<const Program>> bodies;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Napi::Value item = list.Get(i);
    if (!item.IsObject()) throw Error("invalid_graph", "", "a body is a graph with its outputs");
    Napi::Object body = item.As<Napi::Object>();
    Program program;
    program.graph = GraphWrap::from(body.Get("graph")).graph;
    program.outputs = values_of(body.Get("outputs"));
    for (Value output : program.outputs) {
      if (!program.graph.valid(output))
        throw Error("invalid_graph", "", "an output of a body does not exist");
    }
    // Only what the outputs need: what a body was tried with on the way does not matter.
    bodies.push_back(std::make_shared<const Program>(prune(program)));
  }
  return bodies;
}

Program program_of(const Graph& graph, const Napi::CallbackInfo& info) {
  Program program;
  program.graph = graph;
  program.outputs = values_of(info[0]);
  for (Value output : program.outputs) {
    if (!graph.valid(output)) throw Error("invalid_graph", "toJSON", "an output does not exist");
  }
  return program;
}

}  // namespace

void GraphWrap::define(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(
      env, "Graph",
      {InstanceMethod<&GraphWrap::add>("add"),
       InstanceMethod<&GraphWrap::add_constant>("addConstant"),
       InstanceMethod<&GraphWrap::gradients>("gradients"),
       InstanceMethod<&GraphWrap::recompute>("recompute"),
       InstanceMethod<&GraphWrap::describe>("describe"), InstanceMethod<&GraphWrap::size>("size"),
       InstanceMethod<&GraphWrap::to_json>("toJson"),
       InstanceMethod<&GraphWrap::load_json>("loadJson")});
  exports.Set("Graph", constructor);
}

namespace {
const napi_type_tag kGraphTag = {0x76616e64615f6772, 0x6170680000000001};
}

GraphWrap::GraphWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GraphWrap>(info) {
  info.This().As<Napi::Object>().TypeTag(&kGraphTag);
}

GraphWrap& GraphWrap::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kGraphTag)) {
    throw Error("invalid_graph", "", "a graph was expected");
  }
  return *Unwrap(value.As<Napi::Object>());
}

// add(op, [node, output, ...], attributes, name, bodies) -> description; a body is {graph, outputs}
Napi::Value GraphWrap::add(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (info[4].IsArray()) {
      int id = graph.add_with_bodies(text_of(info[0], "op"), values_of(info[1]),
                                     attributes_of(info[2]), bodies_of(info[4].As<Napi::Array>()));
      return describe_node(info.Env(), graph, id);
    }
    std::string name = info[3].IsString() ? text_of(info[3], "name") : "";
    int id = graph.add(text_of(info[0], "op"), values_of(info[1]), attributes_of(info[2]), name);
    return describe_node(info.Env(), graph, id);
  });
}

Napi::Value GraphWrap::add_constant(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsObject()) throw Error("invalid_attribute", "constant", "takes a tensor");
    return describe_node(info.Env(), graph,
                         graph.add_constant(tensor_of(info[0].As<Napi::Object>())));
  });
}

// gradients([loss], [wrt...]) as flat pairs -> flat pairs
Napi::Value GraphWrap::gradients(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::vector<vanda::Value> loss = values_of(info[0]);
    if (loss.size() != 1) throw Error("invalid_graph", "gradients", "one loss is needed");
    return values_to_js(info.Env(), vanda::gradients(graph, loss[0], values_of(info[1])));
  });
}

// recompute(first, [outputs...] as flat pairs) -> description of the node that closes the block
Napi::Value GraphWrap::recompute(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    int64_t first = integer_of(info[0], "the first node of a block");
    if (first < 0 || first > graph.size())
      throw Error("invalid_graph", "recompute", "the block begins outside of the graph");
    int id = close_recomputed(graph, static_cast<int>(first), values_of(info[1]));
    return describe_node(info.Env(), graph, id);
  });
}

Napi::Value GraphWrap::describe(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    int64_t id = integer_of(info[0], "node");
    if (id < 0 || id >= graph.size()) throw Error("invalid_graph", "", "the node does not exist");
    return describe_node(info.Env(), graph, static_cast<int>(id));
  });
}

Napi::Value GraphWrap::size(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), graph.size());
}

// toJson(flat outputs, inlined) -> text of what the outputs need, outputs in the same order
Napi::Value GraphWrap::to_json(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Program program = program_of(graph, info);
    bool whole = program.outputs.empty();
    if (!whole) program = prune(program);
    if (boolean_of(info[1])) program = inline_calls(program);
    return Napi::String::New(info.Env(), graph_to_json(program));
  });
}

// loadJson(text) fills an empty graph -> flat outputs
Napi::Value GraphWrap::load_json(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (graph.size() != 0) throw Error("invalid_graph", "", "the graph is not empty");
    Program program = graph_from_json(text_of(info[0], "json"));
    graph = std::move(program.graph);
    return values_to_js(info.Env(), program.outputs);
  });
}

}  // namespace vanda::binding
