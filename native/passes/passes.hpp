#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/backend.hpp"
#include "core/graph.hpp"
#include "core/precision.hpp"

namespace vanda {

using FeedTypes = std::map<std::string, TensorType>;

// Puts the bodies of operations that a program defined in the places of their calls; runs first.
Program inline_calls(const Program& program);
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
// Takes batch normalisations apart into their statistics and what is done with them, and joins the
// residual and the relu that follow, and the relu's gradient, to the second half.
Program join_normalization(const Program& program);
// Moves the mask of a relu's gradient through the gradient of a max pooling: it then works on the
// pooled values, of which there are fewer.
Program sink_masks(const Program& program);
// Moves borders of zeros into the padding of the convolutions that read them.
Program fold_borders(const Program& program);
// Folds what scales and shifts the channels that a convolution or a product makes, such as a batch
// normalisation in inference, into its kernel and bias, where both hang on variables alone and the
// program writes none.
Program fold_affine(const Program& program);
// Joins a bias and a relu to the matmul or convolution that feeds them; to a convolution that no
// gradient hangs on also a sum with another value and a clamp.
Program join_epilogues(const Program& program);
// Joins gelu, a sum or a product with another value to the matmul or dense that feeds them.
Program join_products(const Program& program);
// Turns updates by a gradient that is a scatter of few rows into updates of these rows, and norms of
// such gradients into norms of the rows.
Program sparse_updates(const Program& program);
// Makes one node of many embedding lookups that are concatenated or summed.
Program merge_lookups(const Program& program);
// Rounds the factors of products to bfloat16, each value once.
Program round_products(const Program& program);
// Groups elementwise nodes into fused programs; afterwards no elementwise float node is left.
Program fuse_elementwise(const Program& program);

// Every pass that can be switched off, in the order in which they first run. Those behind the graph
// passes work on the schedule and on the memory of a plan.
std::span<const char* const> pass_names();
// Throws invalid_attribute for a name that is not one of them.
void require_pass(const std::string& name);

struct OptimizeOptions {
  PassOptions passes = {};
  // Sees the program after each pass, "specialize" first.
  std::function<void(const char* pass, const Program& program)> observe = nullptr;
  Precision precision = Precision::float32;
};

// All of the above in their order, verified after each.
Program optimize(const Program& program, const FeedTypes& feeds,
                 const OptimizeOptions& options = {});

// The order in which nodes run: effects last, so that every read of a variable comes before its
// write; among the others, of the order in which they were written and a greedy one that frees
// memory early, whichever needs less at its peak. With `reorder` off, as they were written. In both,
// sums come behind kernels that can make them on the way.
std::vector<int> schedule(const Program& program, bool reorder = true);

// A program as text, a line for each node.
std::string program_text(const Program& program);

// Gives each buffer a place in one arena; buffers that live at the same time never overlap.
Placement place_buffers(const std::vector<Lifetime>& lifetimes);

}  // namespace vanda
