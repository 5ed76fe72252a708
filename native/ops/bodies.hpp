#pragma once

#include <string>
#include <vector>

#include "core/emit.hpp"

namespace vanda {

// The graphs that a node of control flow holds. A body is a function: its inputs are placeholders
// named p0, p1, ... by position, its outputs are its results. It has no variables, random numbers
// or effects of its own: what it needs of them is given to it.

std::string body_input(size_t position);
// Checks a body against the types of its inputs and makes it anew with them; once they are all
// known, so is everything inside.
Program bind_body(const std::string& op, const Program& body,
                  const std::vector<TensorType>& inputs);
std::vector<TensorType> output_types(const Program& body);
// The results of a bound body, each operation by its plain reference.
std::vector<Tensor> evaluate_body(const Program& body, const std::vector<Tensor>& inputs);

// Emits the nodes of a body into another graph, on the given inputs; gives its outputs there.
std::vector<Value> inline_body(Graph& graph, const Program& body, const std::vector<Value>& inputs);
Value body_placeholder(Graph& graph, size_t position, const TensorType& type);

// A tensor of zeros or the view's elements.
Tensor copy_of(const ConstView& view);

}  // namespace vanda
