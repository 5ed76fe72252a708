#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/graph.hpp"
#include "include/vanda.h"
#include "runtime/session.hpp"

// What the opaque types of vanda.h are.

struct vanda_graph {
  vanda::Graph own;
  vanda::Graph* graph = &own;  // another one in the gradient of an operation

  vanda_graph() = default;
  explicit vanda_graph(vanda::Graph& borrowed) : graph(&borrowed) {}
  vanda_graph(const vanda_graph&) = delete;
  vanda_graph& operator=(const vanda_graph&) = delete;
};

struct vanda_session {
  explicit vanda_session(const vanda::SessionOptions& options) : session(options) {}
  vanda::Session session;
};

struct vanda_result {
  std::vector<std::string> names;
  std::vector<vanda::Tensor> tensors;
  std::vector<vanda_tensor> views;
};

struct vanda_call {
  const vanda::Node* node;
  std::vector<vanda::TensorType> inputs;
};
