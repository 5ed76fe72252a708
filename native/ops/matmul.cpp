#include "core/emit.hpp"
#include "ops/elementwise.hpp"
#include "ops/register.hpp"

namespace vanda {

namespace {

using Types = std::span<const TensorType>;
using Inputs = std::span<const ConstView>;
using Outputs = std::span<const View>;
using Grads = std::span<const Value>;

Shape batch_of(const Shape& shape) {
  return Shape(std::vector<int64_t>(shape.dims().begin(), shape.dims().end() - 2));
}

void require_floats(const Node& node, Types inputs) {
  for (const TensorType& input : inputs) {
    if (!is_float(input.dtype) || input.dtype != inputs[0].dtype) {
      throw Error("dtype_mismatch", node.op->name, "takes f32 inputs, not " + input.text());
    }
  }
}

std::vector<TensorType> infer_matmul(const Node& node, Types inputs) {
  require_floats(node, inputs);
  const Shape& a = inputs[0].shape;
  const Shape& b = inputs[1].shape;
  if (a.rank() < 2 || b.rank() < 2) {
    throw Error("shape_mismatch", "matmul", "takes matrices, not " + a.text() + " and " + b.text());
  }
  bool ta = node.flag("transposeA");
  bool tb = node.flag("transposeB");
  int64_t inner_a = a[a.rank() - (ta ? 2 : 1)];
  int64_t inner_b = b[b.rank() - (tb ? 1 : 2)];
  if (inner_a != inner_b) {
    throw Error("shape_mismatch", "matmul",
                "the inner dims of " + a.text() + " and " + b.text() + " differ");
  }
  std::vector<int64_t> dims = broadcast(batch_of(a), batch_of(b), "matmul").dims();
  dims.push_back(a[a.rank() - (ta ? 1 : 2)]);
  dims.push_back(b[b.rank() - (tb ? 2 : 1)]);
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_matmul(const Node& node, Inputs inputs, Outputs outputs) {
  bool ta = node.flag("transposeA");
  bool tb = node.flag("transposeB");
  const Shape& a = inputs[0].type->shape;
  const Shape& b = inputs[1].type->shape;
  const Shape& c = outputs[0].type->shape;
  int64_t m = c[c.rank() - 2];
  int64_t n = c[c.rank() - 1];
  int64_t k = a[a.rank() - (ta ? 2 : 1)];
  BroadcastIndex index_a(batch_of(a), batch_of(c));
  BroadcastIndex index_b(batch_of(b), batch_of(c));
  for (int64_t batch = 0; batch < batch_of(c).elements(); ++batch) {
    int64_t base_a = index_a(batch) * m * k;
    int64_t base_b = index_b(batch) * k * n;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) {
          sum += inputs[0].at(base_a + (ta ? p * m + i : i * k + p)) *
                 inputs[1].at(base_b + (tb ? j * k + p : p * n + j));
        }
        outputs[0].set((batch * m + i) * n + j, sum);
      }
    }
  }
}

Value matmul(Emit& emit, Value a, Value b, bool ta, bool tb) {
  return emit.op("matmul", {a, b}, {{"transposeA", ta}, {"transposeB", tb}});
}

// x [..., K] as one matrix [everything else, K].
Value as_rows(Emit& emit, Value x) {
  const Shape& shape = emit.graph.type(x).shape;
  if (shape.rank() == 2) return x;
  return emit.op("reshape", {x}, {{"shape", std::vector<int64_t>{-1, shape[shape.rank() - 1]}}});
}

std::vector<Value> grad_matmul(Graph& graph, int node, Grads grads) {
  Emit emit(graph);
  Value a = graph.node(node).inputs[0];
  Value b = graph.node(node).inputs[1];
  bool ta = graph.node(node).flag("transposeA");
  bool tb = graph.node(node).flag("transposeB");
  Value dy = grads[0];
  if (!ta && graph.type(b).shape.rank() == 2 && graph.type(a).shape.rank() > 2) {
    // One matrix for a whole batch of rows: its gradient is one product over all of them.
    Value rows = as_rows(emit, a);
    Value gradient = as_rows(emit, dy);
    Value db = tb ? matmul(emit, gradient, rows, true, false)
                  : matmul(emit, rows, gradient, true, false);
    return {matmul(emit, dy, b, false, !tb), db};
  }
  Value da = ta ? matmul(emit, b, dy, tb, true) : matmul(emit, dy, b, false, !tb);
  Value db = tb ? matmul(emit, dy, a, true, ta) : matmul(emit, a, dy, !ta, false);
  return {emit.reduce_to(da, a), emit.reduce_to(db, b)};
}

// dense: x [..., I] by w [I, O], plus an optional bias [O]; the epilogue pass may set `activation`.
std::vector<TensorType> infer_dense(const Node& node, Types inputs) {
  require_floats(node, inputs);
  const Shape& x = inputs[0].shape;
  const Shape& w = inputs[1].shape;
  if (x.rank() < 2 || w.rank() != 2 || x[x.rank() - 1] != w[0]) {
    std::string wanted = w.rank() == 2 ? "; it takes [..., " + std::to_string(w[0]) + "]" : "";
    throw Error("shape_mismatch", "dense",
                "an input of " + x.text() + " does not go with a weight of " + w.text() + wanted);
  }
  if (inputs.size() == 3 && inputs[2].shape != Shape{w[1]}) {
    throw Error("shape_mismatch", "dense", "the bias must have the shape " + Shape{w[1]}.text());
  }
  if (node.text("activation") != "" && node.text("activation") != "relu") {
    throw Error("invalid_attribute", "dense", "only relu can be joined to it");
  }
  std::vector<int64_t> dims = x.dims();
  dims.back() = w[1];
  return {TensorType{inputs[0].dtype, Shape(std::move(dims))}};
}

void reference_dense(const Node& node, Inputs inputs, Outputs outputs) {
  int64_t columns = inputs[1].type->shape[1];
  int64_t rows = columns == 0 ? 0 : outputs[0].elements() / columns;
  int64_t inner = inputs[1].type->shape[0];
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      double sum = inputs.size() == 3 ? inputs[2].at(j) : 0;
      for (int64_t p = 0; p < inner; ++p) {
        sum += inputs[0].at(i * inner + p) * inputs[1].at(p * columns + j);
      }
      outputs[0].set(i * columns + j, node.text("activation") == "relu" && !(sum > 0) ? 0 : sum);
    }
  }
}

std::vector<Value> grad_dense(Graph& graph, int node, Grads grads) {
  if (graph.node(node).text("activation") != "") {
    throw Error("no_gradient", "dense", "gradients are taken before activations are joined");
  }
  Emit emit(graph);
  std::vector<Value> inputs = graph.node(node).inputs;
  Value gradient = as_rows(emit, grads[0]);
  std::vector<Value> result = {matmul(emit, grads[0], inputs[1], false, true),
                               matmul(emit, as_rows(emit, inputs[0]), gradient, true, false)};
  if (inputs.size() == 3) result.push_back(emit.sum(gradient, {0}, false));
  return result;
}

}  // namespace

void register_matmul() {
  OpSpec matmul;
  matmul.name = "matmul";
  matmul.inputs_min = matmul.inputs_max = 2;
  matmul.attributes = {{"transposeA", AttributeKind::boolean, false},
                       {"transposeB", AttributeKind::boolean, false}};
  matmul.doc = {"The matrix product; batch dims broadcast.",
                "[..., M, K], [..., K, N] -> [..., M, N]", "f32", "own, for batches of both oneDNN"};
  matmul.infer = infer_matmul;
  matmul.reference = reference_matmul;
  matmul.gradient = grad_matmul;
  register_op(std::move(matmul));

  OpSpec dense;
  dense.name = "dense";
  dense.inputs_min = 2;
  dense.inputs_max = 3;
  dense.attributes = {{"activation", AttributeKind::text, std::string()}};
  dense.doc = {"A fully connected layer: x times weight, plus a bias.",
               "x [..., I], weight [I, O], bias [O] -> [..., O]"};
  dense.infer = infer_dense;
  dense.reference = reference_dense;
  dense.gradient = grad_dense;
  register_op(std::move(dense));
}

}  // namespace vanda
