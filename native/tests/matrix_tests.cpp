#include "ops/matrices.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

namespace {

// What is wrong with a decomposition of a random matrix [rows, columns]: how far the product of its
// parts is from it, and how far its columns are from orthonormal.
double fault(const char* op, int64_t rows, int64_t columns, double scale) {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", {rows, columns});
  Feeds feeds = {
      {"x", random_tensor(TensorType{DType::f32, Shape{rows, columns}}, 7, -scale, scale)}};
  std::string name = op;
  Value a = name == "symmetric_eigen" ? symmetric_part(emit, x) : x;
  Value made = emit.op(op, {a});
  auto part = [&](int output) { return Value{made.node, output}; };
  Value product{};
  Value columns_of{};
  if (name == "qr") {
    product = matrix_product(emit, part(0), part(1));
    columns_of = part(0);
  } else if (name == "svd") {
    product = matrix_product(emit, emit.mul(part(0), as_row(emit, part(1))), part(2), false, true);
    columns_of = part(0);
  } else {
    product = matrix_product(emit, emit.mul(part(1), as_row(emit, part(0))), part(1), false, true);
    columns_of = part(1);
  }
  Value square = part(name == "svd" ? 2 : 1);
  Value unit = masked(emit, emit.add(emit.zeros_like(square), 1.0),
                      [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
  Value gram = matrix_product(emit, columns_of, columns_of, true);
  std::vector<Tensor> got = evaluate_backend(graph, {product, a, gram, unit}, feeds);
  return std::fmax(largest_difference(got[0], got[1]), largest_difference(got[2], got[3]));
}

// A matrix as a feed of a graph with one op.
std::string code_for(const char* op, std::vector<int64_t> shape, std::vector<float> values) {
  Graph graph;
  Emit emit(graph);
  Value x = placeholder(graph, "x", shape);
  Tensor fed(TensorType{DType::f32, Shape(shape)});
  for (size_t i = 0; i < values.size(); ++i) fed.as<float>()[i] = values[i];
  std::vector<Value> inputs = {x};
  if (std::string(op).ends_with("solve")) inputs.push_back(x);
  Feeds feeds = {{"x", fed}};
  return code_of([&] { evaluate_backend(graph, {emit.op(op, inputs)}, feeds); });
}

}  // namespace

TEST("decompositions multiply back, and their columns are orthonormal") {
  for (const char* op : {"qr", "svd"}) {
    CHECK(fault(op, 60, 60, 1) < 2e-5);
    CHECK(fault(op, 90, 30, 1) < 2e-5);
    CHECK(fault(op, 5, 1, 1) < 2e-5);
    // Of rank nothing: the columns are chosen.
    CHECK(fault(op, 6, 4, 0) < 2e-5);
  }
  CHECK(fault("symmetric_eigen", 60, 60, 1) < 5e-5);
  CHECK(fault("symmetric_eigen", 4, 4, 0) < 2e-5);
}

TEST("a matrix without an answer is an error, not a number") {
  CHECK(code_for("solve", {2, 2, 2}, {1, 0, 0, 1, 1, 2, 2, 4}) == "invalid_feed");
  CHECK(code_for("solve", {2, 2}, {NAN, 0, 0, NAN}) == "invalid_feed");
  CHECK(code_for("triangular_solve", {2, 2}, {1, 0, 1, 0}) == "invalid_feed");
  CHECK(code_for("cholesky", {2, 2}, {1, 0, 3, 1}) == "invalid_feed");
  CHECK(code_for("cholesky", {2, 2}, {2, 0, 1, 2}).empty());
  CHECK(code_for("log_determinant", {2, 2}, {1, 2, 2, 4}).empty());
  CHECK(code_for("svd", {2, 2}, {NAN, 1, 1, 1}).empty());
  CHECK(code_for("symmetric_eigen", {2, 2}, {NAN, 1, 1, 1}).empty());
  CHECK(code_for("solve", {2, 3}, {1, 2, 3, 4, 5, 6}) == "shape_mismatch");
  CHECK(code_for("qr", {2, 3}, {1, 2, 3, 4, 5, 6}) == "shape_mismatch");
}

}  // namespace vanda::testing
