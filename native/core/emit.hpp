#pragma once

#include "core/error.hpp"
#include "core/graph.hpp"

namespace vanda {

// A short way to write gradients: each call appends one node to the graph.
class Emit {
 public:
  explicit Emit(Graph& graph) : graph(graph) {}

  Value op(const std::string& name, std::vector<Value> inputs, Attributes attributes = {}) {
    return Value{graph.add(name, std::move(inputs), std::move(attributes)), 0};
  }
  // A scalar constant of the dtype of `like`.
  Value scalar(double value, Value like) {
    Tensor tensor(TensorType{graph.type(like).dtype, Shape{}});
    View{&tensor.type, tensor.data()}.set(0, value);
    return Value{graph.add_constant(std::move(tensor)), 0};
  }
  Value add(Value a, Value b) { return op("add", {a, b}); }
  Value sub(Value a, Value b) { return op("sub", {a, b}); }
  Value mul(Value a, Value b) { return op("mul", {a, b}); }
  Value div(Value a, Value b) { return op("div", {a, b}); }
  Value neg(Value a) { return op("neg", {a}); }
  Value mul(Value a, double b) { return mul(a, scalar(b, a)); }
  Value add(Value a, double b) { return add(a, scalar(b, a)); }
  Value zeros_like(Value like) { return op("expand_like", {scalar(0, like), like}); }
  Value where(Value condition, Value a, Value b) { return op("where", {condition, a, b}); }
  Value sum(Value x, std::vector<int64_t> axes, bool keep_dims) {
    return op("sum", {x}, {{"axes", std::move(axes)}, {"keepDims", keep_dims}});
  }
  Value cast(Value x, DType dtype) {
    return op("cast", {x}, {{"dtype", std::string(dtype_name(dtype))}});
  }
  // Undoes broadcasting: sums the gradient down to the shape of `like`.
  Value reduce_to(Value grad, Value like) {
    const Shape& from = graph.type(grad).shape;
    const Shape& to = graph.type(like).shape;
    return from == to ? grad : op("sum_to", {grad, like});
  }

  Graph& graph;
};

constexpr Value kNoValue{-1, 0};

}  // namespace vanda
