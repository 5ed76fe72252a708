#include <algorithm>
#include <map>
#include <set>

#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// A greedy step looks at every node that is ready; far larger graphs keep the order they have.
constexpr int kNodesReorderedMax = 20000;

bool is_view(const Node& node) { return node.is("reshape") || node.is("barrier"); }

// How many bytes each node makes and lets go of, in any order of the nodes. A view makes nothing:
// whoever reads it holds what it is a view of.
class MemoryModel {
 public:
  MemoryModel(const Program& program, const std::vector<int>& nodes) : graph_(program.graph) {
    for (int id : nodes) {
      for (int input : held_by(id)) ++readers_[input];
    }
    // What is handed out, or read by an effect, lives to the end.
    for (Value output : program.outputs) ++readers_[origin(output.node)];
    for (int effect : program.effects) {
      for (int input : held_by(effect)) ++readers_[input];
    }
  }

  int64_t bytes(int id) const {
    const Node& node = graph_.node(id);
    if (node.op->op_class == OpClass::source || is_view(node)) return 0;
    int64_t total = 0;
    for (const TensorType& type : node.outputs) total += static_cast<int64_t>(type.bytes());
    return total;
  }

  // Runs a node; gives what it lets go of once it is done.
  int64_t run(int id) {
    int64_t freed = frees(id);
    for (int input : held_by(id)) --readers_.at(input);
    return freed;
  }
  int64_t frees(int id) const {
    int64_t freed = 0;
    for (int input : held_by(id)) {
      if (readers_.at(input) == 1) freed += bytes(input);
    }
    return freed;
  }

 private:
  int origin(int id) const {
    while (is_view(graph_.node(id))) id = graph_.node(id).inputs[0].node;
    return id;
  }
  std::set<int> held_by(int id) const {
    std::set<int> held;
    if (is_view(graph_.node(id))) return held;
    for (Value input : graph_.node(id).inputs) held.insert(origin(input.node));
    return held;
  }

  const Graph& graph_;
  std::map<int, int> readers_;
};

int64_t peak(const Program& program, const std::vector<int>& order) {
  MemoryModel memory(program, order);
  int64_t live = 0;
  int64_t most = 0;
  for (int id : order) {
    live += memory.bytes(id);
    most = std::max(most, live);
    live -= memory.run(id);
  }
  return most;
}

// Among the nodes that are ready, the one after which the least memory is held; of equals the first.
std::vector<int> greedy(const Program& program, const std::vector<int>& nodes) {
  MemoryModel memory(program, nodes);
  std::map<int, int> missing;
  std::map<int, std::vector<int>> readers;
  std::set<int> ready;
  for (int id : nodes) {
    std::set<int> inputs;
    for (Value input : program.graph.node(id).inputs) inputs.insert(input.node);
    missing[id] = static_cast<int>(inputs.size());
    for (int input : inputs) readers[input].push_back(id);
    if (inputs.empty()) ready.insert(id);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    int best = -1;
    int64_t least = 0;
    for (int id : ready) {
      int64_t change = memory.bytes(id) - memory.frees(id);
      if (best < 0 || change < least) {
        best = id;
        least = change;
      }
    }
    memory.run(best);
    ready.erase(best);
    order.push_back(best);
    for (int reader : readers[best]) {
      if (--missing[reader] == 0) ready.insert(reader);
    }
  }
  return order;
}

// The gradient towards the weights of a product or a convolution, of a gradient `value`: its kernel
// makes the sum of the value, which is the gradient of the bias, on the way.
bool sums_on_the_way(const Node& node, Value value) {
  bool product = node.is("matmul") && node.flag("transposeA");
  return (product || node.is("conv2d_grad_kernel")) && node.inputs[1] == value;
}

// Puts sums behind the kernels that may make them, where nobody wants them before: else it would
// hang on the rest of the program which of two kernels adds in which order.
void delay_sums(const Program& program, std::vector<int>& order) {
  std::map<Value, int> last;  // where a kernel that makes the sum of a value is
  std::map<int, int> wanted;  // where a sum is read first
  for (int place = static_cast<int>(order.size()) - 1; place >= 0; --place) {
    const Node& node = program.graph.node(order[static_cast<size_t>(place)]);
    for (Value input : node.inputs) {
      if (sums_on_the_way(node, input)) last.emplace(input, place);
      wanted[input.node] = place;
    }
  }
  std::map<int, std::vector<int>> delayed;
  std::set<int> moved;
  for (int id : order) {
    const Node& node = program.graph.node(id);
    auto maker = node.is("sum") ? last.find(node.inputs[0]) : last.end();
    if (maker == last.end()) continue;
    auto reader = wanted.find(id);
    if (reader != wanted.end() && reader->second <= maker->second) continue;
    delayed[order[static_cast<size_t>(maker->second)]].push_back(id);
    moved.insert(id);
  }
  std::vector<int> result;
  for (int id : order) {
    if (!moved.contains(id)) result.push_back(id);
    for (int sum : delayed[id]) result.push_back(sum);
  }
  order = std::move(result);
}

}  // namespace

std::vector<int> schedule(const Program& program, bool reorder) {
  std::vector<bool> needed = Rewriter::needed_nodes(program);
  std::vector<int> order;
  for (int id = 0; id < program.graph.size(); ++id) {
    bool effect = program.graph.node(id).op->op_class == OpClass::effect;
    if (needed[static_cast<size_t>(id)] && !effect) order.push_back(id);
  }
  if (reorder && order.size() <= kNodesReorderedMax) {
    std::vector<int> other = greedy(program, order);
    if (peak(program, other) < peak(program, order)) order = std::move(other);
  }
  delay_sums(program, order);
  order.insert(order.end(), program.effects.begin(), program.effects.end());
  return order;
}

}  // namespace vanda
