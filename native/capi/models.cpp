#include <cstdint>
#include <filesystem>
#include <map>
#include <set>

#include "capi/convert.hpp"
#include "capi/handles.hpp"
#include "io/file.hpp"
#include "io/graph_json.hpp"
#include "io/json.hpp"
#include "io/safetensors.hpp"

// The artifact of packages/engine/src/artifact.ts: model.json with the graph and its signatures,
// each a list of places among the graph's outputs, and the weights by name beside it.

using namespace vanda::capi;
using vanda::Error;
using vanda::Json;
using vanda::Value;

struct vanda_model {
  explicit vanda_model(const vanda::SessionOptions& options) : session(options) {}

  using Values = std::map<std::string, Value>;
  struct Signature {
    Values inputs, outputs;
  };
  const Signature& signature(const std::string& name) const {
    auto found = signatures.find(name);
    if (found != signatures.end()) return found->second;
    throw Error("unknown_name", name, "there is no signature of that name");
  }

  vanda_graph graph;
  vanda_session session;
  std::map<std::string, Signature> signatures;
};

namespace {

constexpr const char* kFormat = "vanda-model/1";
constexpr uint64_t kModelBytesMax = uint64_t{256} << 20;
constexpr size_t kValuesMax = 20'000'000;

// Writes {"NAME": PLACE, ...} and appends the values to the outputs of the program.
void write_values(std::string& out, const vanda_named_value* values, size_t count,
                  std::vector<Value>& places) {
  require(values != nullptr || count == 0, "the values of a signature are NULL");
  out.push_back('{');
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    vanda::write_json_text(out, text_of(values[i].name, "the name of a value is NULL"));
    out += ":" + std::to_string(places.size());
    places.push_back(value_of(values[i].value));
  }
  out.push_back('}');
}

std::string signatures_json(const vanda_signature* signatures, size_t count,
                            std::vector<Value>& places) {
  require(signatures != nullptr && count > 0, "a signature is needed");
  const char* at = reinterpret_cast<const char*>(signatures);
  size_t stride = signatures->size;
  std::string out = "{";
  for (size_t i = 0; i < count; ++i) {
    auto signature = known_part<vanda_signature>(
        at + i * stride, "set the size of each vanda_signature to its sizeof");
    require(signature.size == stride, "all signatures must have one size");
    if (i > 0) out.push_back(',');
    vanda::write_json_text(out, text_of(signature.name, "the name of a signature is NULL"));
    out += ":{\"inputs\":";
    write_values(out, signature.inputs, signature.input_count, places);
    out += ",\"outputs\":";
    write_values(out, signature.outputs, signature.output_count, places);
    out.push_back('}');
  }
  return out + "}";
}

void save_weights(const std::string& path, vanda_session& session, const vanda::Graph& graph) {
  std::set<std::string> needed;
  for (int id = 0; id < graph.size(); ++id) {
    if (graph.node(id).is("variable")) needed.insert(graph.node(id).name);
  }
  vanda::Safetensors content;
  for (auto& [name, tensor] : session.session.read_variables()) {
    if (needed.contains(name)) content.tensors.emplace_back(name, tensor);
  }
  vanda::write_safetensors(path, content);
}

Json read_model(const std::string& path) {
  vanda::InputFile file(path);
  if (file.size() > kModelBytesMax) {
    throw Error("limit", path, "the model is larger than 256 MiB");
  }
  std::string text(static_cast<size_t>(file.size()), '\0');
  file.read(text.data(), file.size());
  Json json = vanda::parse_json(text, kValuesMax);
  const Json* format = json.find("format");
  if (format == nullptr || format->text != kFormat) {
    throw Error("corrupt_file", path, std::string("the format is not ") + kFormat);
  }
  return json;
}

vanda_model::Values read_values(const Json& signature, const char* key,
                                const std::vector<Value>& outputs) {
  vanda_model::Values values;
  const Json* named = signature.find(key);
  if (named == nullptr) return values;
  for (const auto& [name, place] : named->members) {
    bool exists = place.integral && place.number >= 0 &&
                  place.number < static_cast<double>(outputs.size());
    if (!exists) {
      throw Error("corrupt_file", name, "the signature names a value that is not in the graph");
    }
    values[name] = outputs[static_cast<size_t>(place.number)];
  }
  return values;
}

// Feeds by the names of the inputs, as feeds of their placeholders.
std::vector<vanda::NamedView> inputs_of(const vanda_model& model,
                                        const vanda_model::Signature& signature,
                                        const vanda_named_tensor* feeds, size_t count) {
  std::vector<vanda::NamedView> views = views_of(feeds, count);
  for (vanda::NamedView& view : views) {
    auto input = signature.inputs.find(view.name);
    if (input == signature.inputs.end()) {
      throw Error("invalid_feed", view.name, "there is no input of that name");
    }
    view.name = model.graph.own.node(input->second).name;
  }
  return views;
}

}  // namespace

vanda_status vanda_model_save(const char* folder, vanda_session* session, const vanda_graph* graph,
                              const vanda_signature* signatures, size_t count, const char* extra) {
  return guarded([&] {
    require(session != nullptr, "the session is NULL");
    require(graph != nullptr, "the graph is NULL");
    std::string path = text_of(folder, "the folder is NULL");
    vanda::Program program;
    program.graph = *graph->graph;
    std::string named = signatures_json(signatures, count, program.outputs);
    for (Value output : program.outputs) {
      if (!program.graph.valid(output)) {
        throw Error("invalid_graph", "model", "a value of a signature does not exist");
      }
    }
    if (extra != nullptr) vanda::parse_json(extra, kValuesMax);
    program = vanda::prune(program);
    session->session.variables.sync(*graph->graph);
    std::string text = std::string("{\"format\":\"") + kFormat +
                       "\",\"graph\":" + vanda::graph_to_json(program) +
                       ",\"signatures\":" + named +
                       ",\"extra\":" + (extra == nullptr ? "null" : extra) + "}";
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (failure) throw Error("io", path, "cannot be made: " + failure.message());
    save_weights(path + "/weights.safetensors", *session, program.graph);
    vanda::AtomicFile file(path + "/model.json");
    file.write(text.data(), text.size());
    file.commit();
  });
}

vanda_status vanda_model_load(const char* folder, const vanda_session_options* options,
                              vanda_model** model) {
  return guarded([&] {
    require(model != nullptr, "there is no place for the model");
    std::string path = text_of(folder, "the folder is NULL");
    auto made = std::make_unique<vanda_model>(options_of(options));
    Json json = read_model(path + "/model.json");
    const Json* graph = json.find("graph");
    const Json* signatures = json.find("signatures");
    if (graph == nullptr || signatures == nullptr) {
      throw Error("corrupt_file", path, "the graph or its signatures are missing");
    }
    vanda::Program program = vanda::graph_from_json(*graph);
    made->graph.own = std::move(program.graph);
    for (const auto& [name, signature] : signatures->members) {
      made->signatures[name] = {read_values(signature, "inputs", program.outputs),
                                read_values(signature, "outputs", program.outputs)};
    }
    vanda::SafetensorsFile weights(path + "/weights.safetensors");
    made->session.session.load_variables(made->graph.own, weights);
    *model = made.release();
  });
}

vanda_status vanda_model_run(vanda_model* model, const char* signature,
                             const vanda_named_tensor* feeds, size_t feed_count,
                             vanda_result** result) {
  return guarded([&] {
    require(model != nullptr, "the model is NULL");
    require(result != nullptr, "there is no place for the result");
    const auto& chosen = model->signature(text_of(signature, "the signature is NULL"));
    std::vector<vanda::NamedView> views = inputs_of(*model, chosen, feeds, feed_count);
    std::vector<std::string> names;
    std::vector<Value> outputs;
    for (const auto& [name, value] : chosen.outputs) {
      names.push_back(name);
      outputs.push_back(value);
    }
    vanda::Session& session = model->session.session;
    vanda::Request request = session.prepare(model->graph.own, outputs, {});
    *result = result_of(std::move(names), session.run(request, views, 0));
  });
}

vanda_graph* vanda_model_graph(vanda_model* model) {
  return model == nullptr ? nullptr : &model->graph;
}

vanda_session* vanda_model_session(vanda_model* model) {
  return model == nullptr ? nullptr : &model->session;
}

vanda_status vanda_model_value(const vanda_model* model, const char* signature, const char* name,
                               vanda_value* value) {
  return guarded([&] {
    require(model != nullptr, "the model is NULL");
    require(value != nullptr, "there is no place for the value");
    const auto& chosen = model->signature(text_of(signature, "the signature is NULL"));
    std::string wanted = text_of(name, "the name is NULL");
    for (const auto* values : {&chosen.inputs, &chosen.outputs}) {
      auto found = values->find(wanted);
      if (found == values->end()) continue;
      *value = value_to_c(found->second);
      return;
    }
    throw Error("unknown_name", wanted, "the signature has no input or output of that name");
  });
}

void vanda_model_free(vanda_model* model) { delete model; }
