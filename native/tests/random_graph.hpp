#pragma once

#include <functional>

#include "tests/harness.hpp"

namespace vanda::testing {

// A small graph drawn at random from a seed: a few feeds and parameters, a chain of operations over
// them (elementwise, shape, reductions, products, rows), and a scalar loss that hangs on all of it.
struct RandomGraph {
  Graph graph;
  std::vector<Value> feeds;       // placeholders
  std::vector<Value> parameters;  // what `parameter` made
  Value loss;
  std::vector<Value> seen;  // some inner values
};

// Makes a parameter of a shape: a placeholder for the reference, a variable for a session.
using MakeParameter =
    std::function<Value(Graph& graph, const std::string& name, std::vector<int64_t> shape)>;

RandomGraph random_graph(uint64_t seed, const MakeParameter& parameter);

}  // namespace vanda::testing
