#include "passes/simplify_chain.hpp"

#include <cmath>
#include <optional>

#include "passes/rewrite.hpp"

namespace vanda {

namespace {

class Chain {
 public:
  Chain(Emit& emit, const Node& node, const std::vector<Value>& inputs)
      : emit_(emit), node_(node), inputs_(inputs) {}

  Value simplify() {
    Value result = inputs_.size() == 1 ? unary() : kNoValue;
    if (result.node < 0 && inputs_.size() == 2) result = binary();
    if (result.node < 0 && node_.is("where") && inputs_[1] == inputs_[2]) result = inputs_[1];
    return result;
  }

 private:
  const Node& made(Value value) const { return emit_.graph.node(value); }
  bool is(Value value, const char* op) const { return made(value).is(op); }
  Value under(Value value) const { return made(value).inputs[0]; }

  Value unary() {
    Value x = inputs_[0];
    if (node_.is("neg") && is(x, "neg")) return under(x);
    if (node_.is("neg") && is(x, "sub")) {
      return emit_.sub(made(x).inputs[1], made(x).inputs[0]);
    }
    if (node_.is("logical_not") && is(x, "logical_not")) return under(x);
    // Once is as good as twice.
    for (const char* op : {"relu", "abs", "sign", "floor"}) {
      if (node_.is(op) && is(x, op)) return x;
    }
    if (node_.is("abs") && (is(x, "relu") || is(x, "square") || is(x, "exp") || is(x, "sigmoid")))
      return x;
    if (node_.is("relu") && (is(x, "abs") || is(x, "square") || is(x, "exp") || is(x, "sigmoid")))
      return x;
    bool even = node_.is("abs") || node_.is("square");
    if (even && (is(x, "neg") || is(x, "abs"))) return emit_.op(node_.op->name, {under(x)});
    // exp stays below infinity for fewer x than log(exp(x)) means, so this only gains.
    if (node_.is("log") && is(x, "exp")) return under(x);
    return kNoValue;
  }

  Value binary() {
    Value a = inputs_[0];
    Value b = inputs_[1];
    if ((node_.is("maximum") || node_.is("minimum")) && a == b) return a;
    if (node_.is("add") && is(b, "neg")) return emit_.sub(a, under(b));
    if (node_.is("add") && is(a, "neg")) return emit_.sub(b, under(a));
    if (node_.is("sub") && is(b, "neg")) return emit_.add(a, under(b));
    bool product = node_.is("mul") || node_.is("div");
    if (product && is(a, "neg") && is(b, "neg")) return emit_.op(node_.op->name, {under(a), under(b)});
    return scalars();
  }

  std::optional<double> scalar(Value value) const {
    if (!is_float(emit_.graph.type(value).dtype)) return std::nullopt;
    return constant_scalar(emit_.graph, value);
  }

  // The scalar that a value was multiplied by (or that was added to it), and the value itself.
  struct Term {
    Value x;
    double by;
  };
  std::optional<Term> term(Value value, const char* op) const {
    if (!is(value, op)) return std::nullopt;
    const std::vector<Value>& inputs = made(value).inputs;
    if (std::optional<double> by = scalar(inputs[1])) return Term{inputs[0], *by};
    if (std::optional<double> by = scalar(inputs[0])) return Term{inputs[1], *by};
    return std::nullopt;
  }

  // (x * p) * q is x * pq, (x + p) + q is x + (p + q), (-x) * q is x * -q.
  Value scalars() {
    bool product = node_.is("mul");
    if (!product && !node_.is("add")) return kNoValue;
    std::optional<double> q = scalar(inputs_[1]);
    Value x = inputs_[q ? 0 : 1];
    if (!q) q = scalar(inputs_[0]);
    if (!q || scalar(x)) return kNoValue;
    if (product && is(x, "neg")) return emit_.mul(under(x), -*q);
    std::optional<Term> inner = term(x, product ? "mul" : "add");
    if (!inner) return kNoValue;
    double joined = product ? inner->by * *q : inner->by + *q;
    // Where the joined scalar leaves the range of floats, the two steps may not.
    double size = std::fabs(joined);
    bool fits = size == 0 ? !product : size > 1e-30 && size < 1e30;
    if (!fits) return kNoValue;
    return product ? emit_.mul(inner->x, joined) : emit_.add(inner->x, joined);
  }

  Emit& emit_;
  const Node& node_;
  const std::vector<Value>& inputs_;
};

}  // namespace

Value simplify_chain(Emit& emit, const Node& node, const std::vector<Value>& inputs) {
  return Chain(emit, node, inputs).simplify();
}

}  // namespace vanda
