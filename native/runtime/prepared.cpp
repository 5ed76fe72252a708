#include "runtime/prepared.hpp"

#include <cstring>

namespace vanda {

PreparedCall::PreparedCall(std::shared_ptr<Session> session, const Request& request,
                           const FeedTypes& types)
    : session_(std::move(session)), cached_(session_->plan_for(request, types)) {
  for (const TensorType& type : cached_->plan->feed_types()) {
    feeds_.emplace_back(type);
    pointers_.push_back(feeds_.back().data());
  }
  for (const TensorType& type : cached_->plan->output_types()) outputs_.emplace_back(type);
}

void PreparedCall::run(uint64_t step) {
  std::lock_guard running(cached_->running);
  auto shared = session_->state.share();
  session_->execute(*cached_, pointers_, step);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    std::memcpy(outputs_[i].data(), cached_->plan->output(i), outputs_[i].type.bytes());
  }
}

}  // namespace vanda
