#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.hpp"

namespace vanda {

// The variables of one session. Storage never moves once made.
class VariableStore {
 public:
  // Makes storage for the variables of the graph that have none yet, with their first values.
  void sync(const Graph& graph) { make(graph, true); }
  // The same without first values, for whoever writes all of them next: drawing those of a large
  // network takes longer than reading the ones that it was trained to.
  void make_unfilled(const Graph& graph) { make(graph, false); }
  Variable& at(const std::string& name) const;
  std::vector<Variable*> all() const;  // in the order in which they were made

 private:
  void make(const Graph& graph, bool filled);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Variable>> variables_;
  std::vector<Variable*> order_;
  int synced_ = 0;
};

}  // namespace vanda
