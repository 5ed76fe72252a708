#include <map>

#include "passes/masks.hpp"
#include "passes/passes.hpp"

namespace vanda {

namespace {

class NormalizationJoiner {
 public:
  explicit NormalizationJoiner(const Program& program)
      : rewriter_(program),
        graph_(program.graph),
        uses_(count_uses(program)),
        reader_(static_cast<size_t>(program.graph.size()), -1) {
    for (int id = 0; id < graph_.size(); ++id) {
      for (Value input : graph_.node(id).inputs) {
        if (input.output == 0) reader_[static_cast<size_t>(input.node)] = id;
      }
    }
  }

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = graph_.node(id);
    if (node.is("batch_norm_train")) return take_apart(id);
    if (node.is("batch_norm_grad")) return join_mask(id);
    auto waiting = waiting_.find(id);
    if (waiting == waiting_.end()) return false;
    if (node.is("add")) {
      // Its relu is the one that everything waits for.
      waiting_[only_reader(id)] = waiting->second;
      return true;
    }
    finish(id, waiting->second, true);
    return true;
  }

  // The one node that reads the first output; -1 where there are more or the outside reads it.
  int only_reader(int id) const {
    return uses_[static_cast<size_t>(id)][0] == 1 ? reader_[static_cast<size_t>(id)] : -1;
  }

  struct Waiting {
    int norm;
    Value residual = kNoValue;
  };

  // The statistics are made here; the rest here too, or where a relu that follows stands.
  bool take_apart(int id) {
    const Node& node = graph_.node(id);
    Value x = rewriter_.input(id, 0);
    Value mean = rewriter_.emit.op("batch_norm_moments", {x});
    moments_.emplace(id, mean);
    rewriter_.replace(id, mean, 1);
    rewriter_.replace(id, Value{mean.node, 1}, 2);
    int next = only_reader(id);
    if (next >= 0 && graph_.node(next).is("relu")) {
      waiting_[next] = {id};
      relu_of_[id] = next;
      return true;
    }
    if (next >= 0 && graph_.node(next).is("add") && !waiting_.contains(next)) {
      const std::vector<Value>& terms = graph_.node(next).inputs;
      Value other = terms[0] == Value{id, 0} ? terms[1] : terms[0];
      int relu = only_reader(next);
      if (relu >= 0 && graph_.node(relu).is("relu") && graph_.type(other) == node.outputs[0]) {
        waiting_[next] = {id, other};
        return true;
      }
    }
    finish(id, {id}, false);
    return true;
  }

  void finish(int id, const Waiting& waiting, bool relu) {
    const Node& norm = graph_.node(waiting.norm);
    Value mean = moments_.at(waiting.norm);
    std::vector<Value> inputs = {rewriter_.input(waiting.norm, 0), mean, Value{mean.node, 1},
                                 rewriter_.input(waiting.norm, 1),
                                 rewriter_.input(waiting.norm, 2)};
    if (waiting.residual.node >= 0) inputs.push_back(rewriter_.mapped(waiting.residual));
    Attributes attributes = {{"epsilon", norm.number("epsilon")},
                             {"activation", std::string(relu ? "relu" : "")}};
    rewriter_.replace(id, rewriter_.emit.op("batch_norm_apply", inputs, std::move(attributes)));
  }

  // batch_norm_grad(where(relu(norm) > 0, dy, 0), ...): the gradient makes the mask itself.
  bool join_mask(int id) {
    const Node& node = graph_.node(id);
    if (node.inputs.size() != 5) return false;
    std::optional<Mask> mask = mask_of(graph_, node.inputs[0].node);
    if (!mask || uses_[static_cast<size_t>(node.inputs[0].node)][0] != 1) return false;
    int norm = node.inputs[3].node;
    auto relu = relu_of_.find(norm);
    bool same = relu != relu_of_.end() && mask->value == Value{relu->second, 0} &&
                constant_scalar(graph_, mask->bound) == 0.0 &&
                graph_.node(norm).inputs[0] == node.inputs[1] &&
                graph_.node(norm).inputs[1] == node.inputs[2] &&
                graph_.node(norm).number("epsilon") == node.number("epsilon");
    if (!same) return false;
    std::vector<Value> inputs = rewriter_.mapped_inputs(id);
    inputs[0] = rewriter_.mapped(mask->gradient);
    inputs.push_back(rewriter_.input(norm, 2));
    rewriter_.map_node(id, rewriter_.result.graph.add_copy(node, std::move(inputs)));
    return true;
  }

  Rewriter rewriter_;
  const Graph& graph_;
  std::vector<std::vector<int>> uses_;
  std::vector<int> reader_;
  std::map<int, Value> moments_;    // of each normalisation
  std::map<int, Waiting> waiting_;  // by the add or relu that will finish it
  std::map<int, int> relu_of_;      // of each normalisation that a relu alone follows
};

}  // namespace

Program join_normalization(const Program& program) { return NormalizationJoiner(program).run(); }

}  // namespace vanda
