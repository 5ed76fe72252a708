#pragma once

#include "runtime/session.hpp"

namespace vanda {

// A call that is made often: the plan, the memory of its feeds and of its outputs are found once,
// and a run looks up no name and allocates nothing. One run at a time, on the caller's thread.
class PreparedCall {
 public:
  // Throws what compiling throws; invalid_feed when `types` and the graph disagree.
  PreparedCall(std::shared_ptr<Session> session, const Request& request, const FeedTypes& types);

  void run(uint64_t step);
  // Filled by the caller before a run, in the order of feed_names().
  const std::vector<std::string>& feed_names() const { return cached_->plan->feed_names(); }
  const std::vector<Tensor>& feeds() const { return feeds_; }
  // Filled by a run, in the order of the request.
  const std::vector<Tensor>& outputs() const { return outputs_; }

 private:
  std::shared_ptr<Session> session_;
  std::shared_ptr<CachedPlan> cached_;
  std::vector<Tensor> feeds_;
  std::vector<Tensor> outputs_;
  std::vector<const void*> pointers_;
};

}  // namespace vanda
