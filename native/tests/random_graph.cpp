#include "tests/random_graph.hpp"

namespace vanda::testing {

namespace {

using Ints = std::vector<int64_t>;

class Drawer {
 public:
  Drawer(uint64_t seed, const MakeParameter& parameter)
      : random_(seed, 4711), parameter_(parameter), emit_(out_.graph) {}

  RandomGraph draw() {
    int64_t rows = 2 + static_cast<int64_t>(random_.below(4));
    for (int i = 0; i < 2; ++i) {
      int64_t columns = 1 + static_cast<int64_t>(random_.below(6));
      Value feed = placeholder(out_.graph, "x" + std::to_string(i), {rows, columns});
      out_.feeds.push_back(feed);
      pool_.push_back(feed);
    }
    int steps = 8 + static_cast<int>(random_.below(14));
    for (int i = 0; i < steps; ++i) pool_.push_back(calm(step()));
    Value total = emit_.scalar(0, pool_[0]);
    for (size_t i = pool_.size() - 4; i < pool_.size(); ++i) {
      total = emit_.add(total, emit_.op("mean", {emit_.op("square", {pool_[i]})}));
    }
    out_.loss = total;
    for (int i = 0; i < 3; ++i) out_.seen.push_back(pick());
    return std::move(out_);
  }

 private:
  const Shape& shape(Value value) const { return out_.graph.type(value).shape; }
  Value pick() { return pool_[random_.below(static_cast<uint32_t>(pool_.size()))]; }
  double number() { return random_.unit() * 2 - 1; }

  // Keeps values near one, so that differences mean something.
  Value calm(Value value) {
    return random_.below(3) == 0 ? emit_.op("tanh", {value}) : value;
  }

  Value parameter(Ints dims) {
    std::string name = "w" + std::to_string(out_.parameters.size());
    Value made = parameter_(out_.graph, name, std::move(dims));
    out_.parameters.push_back(made);
    return made;
  }

  Value step() {
    switch (random_.below(9)) {
      case 0:
        return unary(pick());
      case 1:
        return emit_.mul(pick(), random_.below(3) == 0 ? 1.0 : number());
      case 2:
        return binary(pick());
      case 3:
        return emit_.add(pick(), random_.below(3) == 0 ? 0.0 : number());
      case 4:
        return reduced(pick());
      case 5:
        return product(pick());
      case 6:
        return turned(pick());
      case 7:
        return rows(pick());
      default:
        return spread(pick());
    }
  }

  Value unary(Value x) {
    static const char* const kOps[] = {"neg", "exp", "tanh",     "sigmoid", "relu",   "square",
                                       "abs", "elu", "softplus", "gelu",    "silu",   "erf"};
    const char* op = kOps[random_.below(12)];
    bool large = std::string(op) == "exp" || std::string(op) == "square";
    return emit_.op(op, {large ? emit_.op("tanh", {x}) : x});
  }

  // With a value of the same shape, a parameter of one row or column, or itself.
  Value binary(Value x) {
    static const char* const kOps[] = {"add", "sub", "mul", "maximum", "minimum"};
    Value other = x;
    for (Value each : pool_) {
      if (shape(each) == shape(x) && random_.below(2) == 0) other = each;
    }
    if (random_.below(2) == 0) {
      Shape wanted = shape(x);
      for (int axis = 0; axis < wanted.rank(); ++axis) {
        if (random_.below(2) == 0) wanted[axis] = 1;
      }
      other = parameter(wanted.dims());
    }
    const char* op = kOps[random_.below(5)];
    return random_.below(2) == 0 ? emit_.op(op, {x, other}) : emit_.op(op, {other, x});
  }

  Value reduced(Value x) {
    static const char* const kOps[] = {"sum", "mean", "max"};
    if (shape(x).rank() == 0) return emit_.neg(x);
    int64_t axis = static_cast<int64_t>(random_.below(static_cast<uint32_t>(shape(x).rank())));
    return emit_.op(kOps[random_.below(3)], {x}, {{"axes", Ints{axis}}, {"keepDims", true}});
  }

  Value product(Value x) {
    if (shape(x).rank() != 2) return emit_.op("square", {emit_.op("tanh", {x})});
    int64_t width = 1 + static_cast<int64_t>(random_.below(5));
    Value w = parameter({shape(x)[1], width});
    if (random_.below(2) == 0) return emit_.op("matmul", {x, w});
    Value y = emit_.add(emit_.op("matmul", {x, w}), parameter({width}));
    return random_.below(2) == 0 ? emit_.op("relu", {y}) : y;
  }

  Value turned(Value x) {
    if (shape(x).rank() != 2) return emit_.op("reshape", {x}, {{"shape", Ints{-1, 1}}});
    Value y = emit_.op("transpose", {x}, {{"permutation", Ints{1, 0}}});
    if (random_.below(2) == 0) y = emit_.op("transpose", {y}, {{"permutation", Ints{1, 0}}});
    return random_.below(3) == 0 ? emit_.op("reshape", {y}, {{"shape", Ints{-1, 1}}}) : y;
  }

  Value rows(Value x) {
    if (shape(x).rank() != 2) return emit_.op("sigmoid", {x});
    return emit_.op(random_.below(2) == 0 ? "softmax" : "log_softmax", {x});
  }

  Value spread(Value x) {
    if (shape(x).rank() != 2) return emit_.neg(emit_.neg(x));
    Value row = emit_.op("mean", {x}, {{"axes", Ints{0}}, {"keepDims", true}});
    Value wide = emit_.op("expand", {row}, {{"shape", shape(x).dims()}});
    return emit_.sub(x, wide);
  }

  PhiloxStream random_;
  const MakeParameter& parameter_;
  RandomGraph out_;
  Emit emit_;
  std::vector<Value> pool_;
};

}  // namespace

RandomGraph random_graph(uint64_t seed, const MakeParameter& parameter) {
  return Drawer(seed, parameter).draw();
}

}  // namespace vanda::testing
