// Text from anywhere as a graph: read, optimised and written again, or refused with an Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "io/graph_json.hpp"
#include "ops/register.hpp"
#include "passes/passes.hpp"

namespace {

// Feeds of two rows, where the graph leaves their number open.
vanda::FeedTypes feed_types(const vanda::Program& program) {
  vanda::FeedTypes feeds;
  for (int id = 0; id < program.graph.size(); ++id) {
    const vanda::Node& node = program.graph.node(id);
    if (!node.is("placeholder")) continue;
    vanda::TensorType type = node.outputs.at(0);
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      if (type.shape[axis] < 0) type.shape[axis] = 2;
    }
    feeds[node.name] = type;
  }
  return feeds;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool registered = [] {
    vanda::register_ops();
    return true;
  }();
  (void)registered;
  try {
    const vanda::Program program =
        vanda::graph_from_json({reinterpret_cast<const char*>(data), size});
    const std::string text = vanda::graph_to_json(program);
    if (vanda::graph_to_json(vanda::graph_from_json(text)) != text) __builtin_trap();
    vanda::optimize(program, feed_types(program));
  } catch (const vanda::Error&) {
  }
  return 0;
}
