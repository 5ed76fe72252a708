#include <cmath>

#include "capi/convert.hpp"
#include "capi/handles.hpp"
#include "core/autodiff.hpp"
#include "core/emit.hpp"
#include "ops/update.hpp"

namespace vanda::capi {

namespace {

// Trainable variables among what the loss is made of, in the order in which they were made.
std::vector<Value> trained_variables(const Graph& graph, Value loss) {
  if (!graph.valid(loss)) throw Error("invalid_graph", "minimize", "the loss does not exist");
  std::vector<bool> needed(static_cast<size_t>(loss.node) + 1, false);
  needed[static_cast<size_t>(loss.node)] = true;
  std::vector<Value> found;
  for (int id = loss.node; id >= 0; --id) {
    if (!needed[static_cast<size_t>(id)]) continue;
    const Node& node = graph.node(id);
    for (Value input : node.inputs) needed[static_cast<size_t>(input.node)] = true;
    if (node.is("variable") && node.flag("trainable")) found.insert(found.begin(), Value{id, 0});
  }
  if (found.empty()) {
    throw Error("invalid_graph", "minimize", "the loss depends on no trainable variable");
  }
  return found;
}

// How many tensors of state a rule keeps for each variable, with these attributes.
int slots_of(const OpSpec& spec, const Attributes& attributes) {
  Node node;
  node.op = &spec;
  for (const AttributeSpec& attribute : spec.attributes) {
    auto given = attributes.find(attribute.name);
    node.attributes[attribute.name] =
        given != attributes.end() ? given->second : *attribute.fallback;
  }
  return update_rule(node)->slots(node);
}

class Minimizer {
 public:
  Minimizer(Graph& graph, const std::string& rule, Attributes options)
      : graph_(graph), rule_(rule), attributes_(std::move(options)) {
    spec_ = find_op("apply_" + rule);
    // The state of ftrl does not begin at zero.
    if (spec_ == nullptr || rule == "ftrl" || rule == "average") {
      throw Error("unknown_op", "minimize",
                  "there is no rule '" + rule +
                      "'; there are sgd, momentum, adagrad, rmsprop, adam, adamax and lion");
    }
    auto rate = attributes_.find("learningRate");
    bool given = rate != attributes_.end() && std::holds_alternative<double>(rate->second);
    rate_ = given ? std::get<double>(rate->second) : -1;
    if (!std::isfinite(rate_) || rate_ < 0) {
      throw Error("invalid_attribute", "minimize",
                  "\"learningRate\" must be a finite number of at least 0");
    }
    attributes_.erase(rate);
    counts_ = rule == "adam" || rule == "adamax";
  }

  std::vector<int> run(Value loss) {
    std::vector<Value> variables = trained_variables(graph_, loss);
    std::vector<Value> found = gradients(graph_, loss, variables);
    int slots = slots_of(*spec_, attributes_);
    Value rate = Emit(graph_).scalar(rate_, loss);
    Value step = counts_ ? Emit(graph_).op("step", {}) : kNoValue;
    std::vector<int> effects;
    for (size_t i = 0; i < variables.size(); ++i) {
      std::vector<Value> inputs = {variables[i]};
      for (int slot = 0; slot < slots; ++slot) inputs.push_back(state(variables[i], slot));
      inputs.insert(inputs.end(), {found[i], rate});
      if (counts_) inputs.push_back(step);
      effects.push_back(graph_.add(spec_->name, std::move(inputs), attributes_));
    }
    return effects;
  }

 private:
  // That of an earlier call is taken over, so that training can go on.
  Value state(Value variable, int slot) {
    const Node& node = graph_.node(variable);
    std::string name = rule_ + "/" + std::to_string(slot) + "/" + node.name;
    int made = graph_.find(name);
    if (made >= 0) return {made, 0};
    Attributes attributes = {{"dtype", std::string("f32")},
                             {"shape", node.outputs[0].shape.dims()},
                             {"trainable", false}};
    return {graph_.add("variable", {}, std::move(attributes), name), 0};
  }

  Graph& graph_;
  std::string rule_;
  Attributes attributes_;
  const OpSpec* spec_ = nullptr;
  double rate_ = 0;
  bool counts_ = false;
};

}  // namespace

}  // namespace vanda::capi

using namespace vanda::capi;

vanda_status vanda_graph_minimize(vanda_graph* graph, vanda_value loss, const char* rule,
                                  const char* options, int32_t* effects, size_t capacity,
                                  size_t* count) {
  return guarded([&] {
    require(graph != nullptr, "the graph is NULL");
    require(effects != nullptr && count != nullptr, "there is no place for the effects");
    Minimizer minimizer(*graph->graph, text_of(rule, "the rule is NULL"), attributes_of(options));
    std::vector<int> made = minimizer.run(value_of(loss));
    if (made.size() > capacity) {
      throw vanda::Error("invalid_argument", "minimize",
                         "there are " + std::to_string(made.size()) + " variables to train and " +
                             std::to_string(capacity) + " places");
    }
    std::copy(made.begin(), made.end(), effects);
    *count = made.size();
  });
}
