#pragma once

#include "core/graph.hpp"

namespace vanda {

// Checks a program against the table of ops: every node has a known op, inputs that come before
// it, and exactly the output types that the op's shape rule gives. Run after every pass; `stage`
// names the pass in the error (code internal: a pass is wrong, never the user).
void verify(const Program& program, const char* stage);

}  // namespace vanda
