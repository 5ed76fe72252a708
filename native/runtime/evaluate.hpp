#pragma once

#include "runtime/pipeline.hpp"
#include "runtime/session.hpp"

namespace vanda {

// Runs every batch of one pass and puts the outputs together: joined along the first dim where
// `joined` says so, stacked along a new one elsewhere.
std::vector<Tensor> evaluate(Session& session, const Request& request,
                             const std::shared_ptr<const Pipeline>& pipeline,
                             const std::vector<bool>& joined);

}  // namespace vanda
