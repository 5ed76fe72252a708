#pragma once

#include <string>
#include <string_view>

#include "core/graph.hpp"

namespace vanda {

struct Json;

// A program as JSON: {"format": "vanda-graph/1", "nodes": [{op, name?, inputs, attributes}],
// "outputs": [[node, output]], "effects": [node]}. Constants carry their bytes in base64.
std::string graph_to_json(const Program& program);

// The opposite, for text from anywhere: closed list of ops and attributes, bounded sizes; every
// node goes through the same checks as one made by a program. Throws Error, never aborts.
Program graph_from_json(std::string_view source);
// The same of a part of a larger document.
Program graph_from_json(const Json& json);

}  // namespace vanda
