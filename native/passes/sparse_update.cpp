#include "ops/update.hpp"
#include "passes/passes.hpp"
#include "passes/row_view.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

constexpr int64_t kRowsMax = int64_t{1} << 32;

// A gradient that is zero but for few rows: scatters into one table, added up, times a scalar.
struct SparseGradient {
  std::vector<SparsePart> parts;
  std::vector<Value> inputs;
  Value scale = kNoValue;
};

class SparseUpdates {
 public:
  explicit SparseUpdates(const Program& program)
      : rewriter_(program), graph_(rewriter_.result.graph) {}

  Program run() {
    return rewriter_.run([this](int id) { return visit(id); });
  }

 private:
  bool visit(int id) {
    const Node& node = rewriter_.source.graph.node(id);
    if (node.is("sum")) return square_sum(id);
    if (node.op->op_class != OpClass::effect || !node.op->name.starts_with("apply_")) return false;
    const UpdateRule* rule = update_rule(node);
    if (rule == nullptr || !(rule->rests(node) || node.flag("lazy"))) return false;
    UpdateInputs at = update_inputs(node);
    std::vector<Value> old = rewriter_.mapped_inputs(id);
    SparseGradient gradient;
    if (!collect_scaled(old[static_cast<size_t>(at.gradient)], gradient)) return false;
    std::vector<Value> inputs(old.begin(), old.begin() + at.gradient);
    inputs.insert(inputs.end(), old.begin() + at.gradient + 1, old.end());
    Attributes attributes = node.attributes;
    attributes["scaled"] = gradient.scale.node >= 0;
    attributes["parts"] = encode_parts(gradient.parts);
    if (gradient.scale.node >= 0) inputs.push_back(gradient.scale);
    inputs.insert(inputs.end(), gradient.inputs.begin(), gradient.inputs.end());
    std::string op = std::string("sparse_") + rule->name;
    rewriter_.map_node(id, graph_.add_internal(op, std::move(inputs), std::move(attributes)));
    return true;
  }

  // sum(square(gradient)): what clipping by norm asks of every gradient.
  bool square_sum(int id) {
    Value x = rewriter_.input(id, 0);
    if (rewriter_.source.graph.node(id).outputs[0].shape.rank() != 0) return false;
    const Node& square = graph_.node(x);
    bool product = square.is("mul") && square.inputs[0] == square.inputs[1];
    if (!square.is("square") && !product) return false;
    Value table = square.inputs[0];
    SparseGradient gradient;
    if (!collect(table, gradient)) return false;
    const Shape& shape = graph_.type(table).shape;
    int made = graph_.add_internal("sparse_square_sum", gradient.inputs,
                                   {{"rows", shape[0]},
                                    {"width", shape.elements() / shape[0]},
                                    {"parts", encode_parts(gradient.parts)}});
    rewriter_.map_node(id, made);
    return true;
  }

  bool collect_scaled(Value value, SparseGradient& gradient) {
    const Node& node = graph_.node(value);
    if (node.is("mul")) {
      for (size_t i : {size_t{0}, size_t{1}}) {
        const TensorType& type = graph_.type(node.inputs[i]);
        if (type != TensorType{DType::f32, Shape{}}) continue;
        if (!collect(node.inputs[1 - i], gradient)) continue;
        gradient.scale = node.inputs[i];
        return true;
      }
    }
    return collect(value, gradient);
  }

  // False leaves `gradient` as it was or useless; nothing is made of it then.
  bool collect(Value value, SparseGradient& gradient) {
    const Node& node = graph_.node(value);
    if (node.is("add")) {
      if (graph_.type(node.inputs[0]) != graph_.type(node.inputs[1])) return false;
      return collect(node.inputs[0], gradient) && collect(node.inputs[1], gradient);
    }
    bool bag = node.is("scatter_bag");
    if (!bag && !node.is("scatter_add")) return false;
    const TensorType& table = node.outputs[0];
    int64_t count = graph_.type(node.inputs[1]).shape.elements();
    if (table.dtype != DType::f32 || table.shape.elements() == 0 || count == 0 ||
        count >= kRowsMax || table.shape[0] >= kRowsMax) {
      return false;
    }
    int64_t width = table.shape.elements() / table.shape[0];
    RowView values = view_rows(graph_, node.inputs[0], width);
    RowView indices = view_rows(graph_, node.inputs[1], 1);
    SparsePart part;
    part.count = count;
    part.value_offset = values.offset;
    part.value_stride = values.stride;
    part.index_offset = indices.offset;
    part.index_stride = indices.stride;
    gradient.inputs.push_back(values.source);
    gradient.inputs.push_back(indices.source);
    if (bag) {
      const Shape& shape = graph_.type(node.inputs[1]).shape;
      part.repeat = shape[shape.rank() - 1];
      part.padding = node.integer("padding");
      part.weighted = node.inputs.size() > 2;
      if (part.weighted) gradient.inputs.push_back(node.inputs[2]);
    }
    gradient.parts.push_back(part);
    return true;
  }

  Rewriter rewriter_;
  Graph& graph_;
};

}  // namespace

Program sparse_updates(const Program& program) { return SparseUpdates(program).run(); }

}  // namespace vanda
