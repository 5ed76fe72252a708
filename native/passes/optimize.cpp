#include "core/verify.hpp"
#include "passes/passes.hpp"

namespace vanda {

Program optimize(const Program& program, const FeedTypes& feeds) {
  Program current = specialize(program, feeds);
  verify(current, "specialize");
  auto apply = [&](Program (*pass)(const Program&), const char* name) {
    current = pass(current);
    verify(current, name);
  };
  // Twice: what one pass uncovers, an earlier one may use.
  for (int round = 0; round < 2; ++round) {
    apply(fold_constants, "fold_constants");
    apply(simplify, "simplify");
    apply(eliminate_common, "eliminate_common");
  }
  apply(prune, "prune");
  apply(join_epilogues, "join_epilogues");
  apply(fuse_elementwise, "fuse_elementwise");
  apply(prune, "prune");
  return current;
}

}  // namespace vanda
