#include "ops/matrices.hpp"
#include "tests/op_cases.hpp"

namespace vanda::testing {

namespace {

using Inputs = std::vector<Value>;
using Ints = std::vector<int64_t>;

// Keeps random matrices away from singular ones, and their values away from each other.
Value with_diagonal(Emit& emit, Value x) {
  Value twos = emit.add(emit.zeros_like(x), 2.0);
  return emit.add(
      x, masked(emit, twos, [](int64_t i, int64_t j) { return i == j ? 1.0 + double(i) : 0.0; }));
}

// The same on the other diagonal, so that elimination has to look for its pivots.
Value with_corner(Emit& emit, Value x) {
  Value threes = emit.add(emit.zeros_like(x), 3.0);
  return emit.add(x, masked(emit, threes, [](int64_t i, int64_t j) {
                    return (i == 0) == (j != 0) && i + j <= 2 ? 1.0 : i == j && i > 1 ? 1.0 : 0.0;
                  }));
}

Value positive(Emit& emit, Value x) {
  return with_diagonal(emit, matrix_product(emit, x, x, false, true));
}

void add_solvers(std::vector<OpCase>& cases) {
  for (const Ints& shape : {Ints{4, 4}, Ints{3, 2, 3, 3}, Ints{1, 1}}) {
    cases.push_back({"cholesky", {shape}, [](Emit& emit, Inputs& x) {
                       return emit.op("cholesky", {positive(emit, x[0])});
                     }});
  }
  cases.push_back({"cholesky", {{2, 40, 40}}, [](Emit& emit, Inputs& x) {
                     return emit.op("cholesky", {positive(emit, x[0])});
                   }});
  cases.back().differentiable = false;  // too large for differences
  for (bool lower : {true, false}) {
    for (bool transpose : {true, false}) {
      cases.push_back({"triangular_solve", {{2, 3, 3}, {2, 3, 2}}, [=](Emit& emit, Inputs& x) {
                         return emit.op("triangular_solve", {with_diagonal(emit, x[0]), x[1]},
                                        {{"lower", lower}, {"transpose", transpose}});
                       }});
    }
  }
  for (bool transpose : {true, false}) {
    cases.push_back(
        {"solve", {{2, 3, 3}, {2, 3, 2}}, [=](Emit& emit, Inputs& x) {
           return emit.op("solve", {with_corner(emit, x[0]), x[1]}, {{"transpose", transpose}});
         }});
  }
  cases.push_back({"solve", {{37, 37}, {37, 5}}, [](Emit& emit, Inputs& x) {
                     return emit.op("solve", {with_corner(emit, x[0]), x[1]});
                   }});
  cases.back().differentiable = false;
  for (int output : {0, 1}) {
    cases.push_back({"log_determinant", {{3, 4, 4}}, [output](Emit& emit, Inputs& x) {
                       Value sign = emit.op("log_determinant", {with_corner(emit, x[0])});
                       return Value{sign.node, output};
                     }});
  }
}

// One output of a decomposition, times weights of its shape: sums of squares of orthonormal columns
// alone would be constant.
void add_part(std::vector<OpCase>& cases, const char* op, const Ints& shape, int output,
              const Ints& part) {
  std::string name = op;
  cases.push_back({name, {shape, part}, [name, output](Emit& emit, Inputs& x) {
                     Value a = name == "symmetric_eigen" ? symmetric_part(emit, x[0]) : x[0];
                     Value made = emit.op(name, {with_diagonal(emit, a)});
                     return emit.mul(Value{made.node, output}, x[1]);
                   }});
}

void add_decompositions(std::vector<OpCase>& cases) {
  for (int64_t rows : {3, 5}) {
    add_part(cases, "qr", {2, rows, 3}, 0, {2, rows, 3});
    add_part(cases, "qr", {2, rows, 3}, 1, {2, 3, 3});
    add_part(cases, "svd", {2, rows, 3}, 0, {2, rows, 3});
    add_part(cases, "svd", {2, rows, 3}, 1, {2, 3});
    add_part(cases, "svd", {2, rows, 3}, 2, {2, 3, 3});
  }
  add_part(cases, "symmetric_eigen", {2, 3, 3}, 0, {2, 3});
  add_part(cases, "symmetric_eigen", {2, 3, 3}, 1, {2, 3, 3});
}

}  // namespace

void add_matrix_cases(std::vector<OpCase>& cases) {
  add_solvers(cases);
  add_decompositions(cases);
}

}  // namespace vanda::testing
