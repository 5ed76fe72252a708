#include "ops/lookups.hpp"
#include "passes/passes.hpp"
#include "passes/row_view.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

// Fewer lookups than this are left as they are.
constexpr size_t kLookupsMin = 2;

class LookupMerger {
 public:
  explicit LookupMerger(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph), uses_(count_uses(program)) {}

  Program run() {
    mark_inner_sums();
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  const Graph& source() const { return rewriter_.source.graph; }
  bool used_once(Value value) const {
    return uses_[static_cast<size_t>(value.node)][static_cast<size_t>(value.output)] == 1;
  }

  // Sums that are read by one other sum of the same shape alone are seen from there.
  void mark_inner_sums() {
    inner_.assign(static_cast<size_t>(source().size()), false);
    for (int id = 0; id < source().size(); ++id) {
      const Node& node = source().node(id);
      if (!node.is("add")) continue;
      for (Value input : node.inputs) {
        inner_[static_cast<size_t>(input.node)] =
            source().node(input).is("add") && used_once(input) &&
            source().type(input) == node.outputs[0];
      }
    }
  }

  // rows of a table of f32, read by nobody else
  bool is_lookup(Value value) const {
    const Node& node = source().node(value);
    if (!node.is("gather") || !used_once(value)) return false;
    const TensorType& table = source().type(node.inputs[0]);
    return table.dtype == DType::f32 && table.shape.rank() == 2 && table.shape.elements() > 0 &&
           node.outputs[0].shape.elements() > 0;
  }

  void take_lookup(Value value, std::vector<LookupPart>& parts, std::vector<Value>& inputs) {
    const Node& node = source().node(value);
    RowView view = view_rows(graph_, rewriter_.mapped(node.inputs[1]), 1);
    LookupPart part;
    part.table = true;
    part.width = source().type(node.inputs[0]).shape[1];
    part.index_offset = view.offset;
    part.index_stride = view.stride;
    parts.push_back(part);
    inputs.push_back(rewriter_.mapped(node.inputs[0]));
    inputs.push_back(view.source);
  }

  Value emit(const TensorType& type, const std::vector<LookupPart>& parts,
             std::vector<Value> inputs, bool sum) {
    Attributes attributes = {
        {"shape", type.shape.dims()}, {"parts", encode_lookups(parts)}, {"sum", sum}};
    return {graph_.add_internal("lookups", std::move(inputs), std::move(attributes)), 0};
  }

  bool visit(int id) {
    const Node& node = source().node(id);
    if (node.is("concat")) return join_concat(id);
    if (node.is("add") && !inner_[static_cast<size_t>(id)]) return join_sum(id);
    return false;
  }

  bool join_concat(int id) {
    const Node& node = source().node(id);
    const TensorType& out = node.outputs[0];
    int rank = out.shape.rank();
    if (out.dtype != DType::f32 || out.shape.elements() == 0 || rank < 2 ||
        normalize_axis(node.integer("axis"), rank, "concat") != rank - 1) {
      return false;
    }
    size_t lookups = 0;
    for (Value input : node.inputs) lookups += is_lookup(input) ? 1 : 0;
    if (lookups < kLookupsMin) return false;
    std::vector<LookupPart> parts;
    std::vector<Value> inputs;
    for (Value input : node.inputs) {
      int64_t width = source().type(input).shape[rank - 1];
      if (width == 0) continue;
      if (is_lookup(input)) {
        take_lookup(input, parts, inputs);
      } else {
        parts.push_back({false, width, 0, 1});
        inputs.push_back(rewriter_.mapped(input));
      }
    }
    rewriter_.replace(id, emit(out, parts, std::move(inputs), false));
    return true;
  }

  void leaves(Value value, std::vector<Value>& found) const {
    if (!inner_[static_cast<size_t>(value.node)]) {
      found.push_back(value);
      return;
    }
    for (Value input : source().node(value).inputs) leaves(input, found);
  }

  bool join_sum(int id) {
    const TensorType& out = source().node(id).outputs[0];
    std::vector<Value> all;
    for (Value input : source().node(id).inputs) leaves(input, all);
    std::vector<LookupPart> parts;
    std::vector<Value> inputs;
    Value rest = kNoValue;
    size_t lookups = 0;
    for (Value leaf : all) lookups += is_lookup(leaf) && source().type(leaf) == out ? 1 : 0;
    if (lookups < kLookupsMin) return false;
    for (Value leaf : all) {
      if (is_lookup(leaf) && source().type(leaf) == out) {
        take_lookup(leaf, parts, inputs);
        continue;
      }
      Value made = rewriter_.mapped(leaf);
      rest = rest.node < 0 ? made : rewriter_.emit.add(rest, made);
    }
    Value sum = emit(out, parts, std::move(inputs), true);
    rewriter_.replace(id, rest.node < 0 ? sum : rewriter_.emit.add(rest, sum));
    return true;
  }

  Rewriter rewriter_;
  Graph& graph_;
  std::vector<std::vector<int>> uses_;
  std::vector<bool> inner_;
};

}  // namespace

Program merge_lookups(const Program& program) { return LookupMerger(program).run(); }

}  // namespace vanda
