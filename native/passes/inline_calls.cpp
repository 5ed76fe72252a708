#include "ops/bodies.hpp"
#include "passes/passes.hpp"
#include "passes/rewrite.hpp"

namespace vanda {

namespace {

bool holds_calls(const Graph& graph) {
  for (int id = 0; id < graph.size(); ++id) {
    if (graph.node(id).is("call")) return true;
  }
  return false;
}

Program inline_once(const Program& program) {
  Rewriter rewriter(program);
  return rewriter.run([&](int id) {
    const Node& node = program.graph.node(id);
    if (!node.is("call")) return false;
    std::vector<Value> made =
        inline_body(rewriter.result.graph, *node.bodies[0], rewriter.mapped_inputs(id));
    for (size_t i = 0; i < made.size(); ++i) {
      rewriter.replace(id, made[i], static_cast<int>(i));
    }
    return true;
  });
}

}  // namespace

// Bodies may call as well, and are nested no deeper than a few levels.
Program inline_calls(const Program& program) {
  if (!holds_calls(program.graph)) return program;
  Program current = inline_once(program);
  while (holds_calls(current.graph)) current = inline_once(current);
  return current;
}

}  // namespace vanda
