#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/backend.hpp"
#include "core/graph.hpp"

namespace vanda {

using FeedTypes = std::map<std::string, TensorType>;

// Each pass takes a legal program and returns a legal one that computes the same.
// Placeholders get their concrete types, and what depended on shapes alone becomes constant.
Program specialize(const Program& program, const FeedTypes& feeds);
// Keeps only what an output or an effect needs.
Program prune(const Program& program);
// Evaluates small nodes whose inputs are all constants.
Program fold_constants(const Program& program);
// Merges nodes that compute the same value.
Program eliminate_common(const Program& program);
// Algebra and shape identities: x * 1, reshape of reshape, mean as sum, sums of expanded scalars...
Program simplify(const Program& program);
// Joins a bias and a relu to the matmul or convolution that feeds them.
Program join_epilogues(const Program& program);
// Groups elementwise nodes into fused programs; afterwards no elementwise float node is left.
Program fuse_elementwise(const Program& program);

// All of the above in their order, verified after each.
Program optimize(const Program& program, const FeedTypes& feeds);

// The order in which nodes run: by id, effects last, so that every read of a variable comes before
// its write.
std::vector<int> schedule(const Program& program);

// Gives each buffer a place in one arena; buffers that live at the same time never overlap.
Placement place_buffers(const std::vector<Lifetime>& lifetimes);

}  // namespace vanda
