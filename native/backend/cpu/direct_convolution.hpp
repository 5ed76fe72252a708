#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/lowering.hpp"
#include "backend/cpu/winograd.hpp"

namespace vanda::cpu {

// A forward convolution that no gradient hangs on. It reads and writes row-major pictures, so that
// whatever stands between two of them finds its data in the layout that it likes.
struct DirectConvolution {
  ConvShape shape{};
  int64_t batch = 0;
  bool depthwise = false;
  // Buffers. Inside a chain (see lower_convolution_chain.cpp) a source or a target is none.
  int source = -1, kernel = -1, bias = -1, residual = -1, target = -1;
  int64_t offset = 0;  // of the first place in the target, in floats
  float low = 0, high = 0;
  int stream = 0, far = 0;
  AlignedBytes zeros;
  std::optional<Winograd> tiles;

  explicit DirectConvolution(size_t zero_bytes);
  ConvEpilogue epilogue(const RunContext& context) const;
  void run(const RunContext& context) const;
};

bool is_direct(const Lowering& lowering, int id);
// Of each channel by itself.
inline bool is_depthwise(const Node& conv) { return conv.integer("groups") > 1; }
// Its target's rows are those of its filters.
ConvShape shape_of_convolution(const Lowering& lowering, const Node& conv);
// What it reads besides pictures goes to `reads`, what it needs besides a target to `writes`.
std::shared_ptr<DirectConvolution> plan_convolution(Lowering& lowering, int id,
                                                    std::vector<int>& reads,
                                                    std::vector<int>& writes);
// Its target: of its own, or a part of a concatenation.
void place_result(Lowering& lowering, int id, DirectConvolution& conv);
// What follows the operation's name in a plan: "+add", "+clamp".
std::string label_of_epilogue(const Node& conv);

// Consecutive convolutions one of which is depthwise, a few rows at a time. True where a node is
// part of a chain.
bool lower_convolution_chain(Lowering& lowering, int id);

}  // namespace vanda::cpu
