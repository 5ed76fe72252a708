#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/emit.hpp"
#include "core/philox.hpp"
#include "runtime/session.hpp"

namespace vanda::testing {

using Feeds = std::map<std::string, Tensor>;

// Evaluates values node by node with the plain reference of each op: no pass, no backend.
std::vector<Tensor> evaluate_reference(const Graph& graph, const std::vector<Value>& outputs,
                                       const Feeds& feeds);

// Compiles with all passes and runs on the linked backend.
std::vector<Tensor> evaluate_backend(const Graph& graph, const std::vector<Value>& outputs,
                                     const Feeds& feeds, int threads = 2, uint64_t step = 0);

Value placeholder(Graph& graph, const std::string& name, std::vector<int64_t> shape,
                  DType dtype = DType::f32);
Tensor random_tensor(const TensorType& type, uint64_t seed, double low = -1, double high = 1);
Tensor cast_tensor(const Tensor& tensor, DType dtype);
double largest_difference(const Tensor& a, const Tensor& b);

}  // namespace vanda::testing
