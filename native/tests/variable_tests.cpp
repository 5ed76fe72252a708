#include <cstring>

#include "runtime/huge_pages.hpp"
#include "runtime/initializers.hpp"
#include "runtime/variables.hpp"
#include "tests/check.hpp"
#include "tests/harness.hpp"

namespace vanda::testing {

TEST("large variables that lie side by side hold what they hold alone, and outlive their store") {
  Graph graph;
  auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    graph.add("variable", {},
              {{"dtype", std::string("f32")},
               {"shape", std::move(shape)},
               {"init", std::string("normal")},
               {"scale", 0.5},
               {"seed", int64_t{3}}},
              name);
  };
  for (int i = 0; i < 20; ++i) add("table" + std::to_string(i), {10007, 13 + i});
  add("small", {3});
  std::vector<Tensor> kept;
  {
    VariableStore store;
    store.sync(graph);
    add("late", {5});
    store.sync(graph);
    for (Variable* variable : store.all()) kept.push_back(variable->storage);
  }
  CHECK(kept.size() == 22);
  uintptr_t before = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    Tensor alone = initial_value(graph.node(static_cast<int>(i)));
    CHECK(kept[i].type == alone.type);
    CHECK(std::memcmp(kept[i].data(), alone.data(), alone.type.bytes()) == 0);
    uintptr_t begin = reinterpret_cast<uintptr_t>(kept[i].data());
    CHECK(begin % kAlignment == 0);
    if (i > 0 && i < 20) CHECK(begin - before < kHugePage);
    before = begin;
  }
  CHECK(reinterpret_cast<uintptr_t>(kept[0].data()) % kHugePage == 0);
}

}  // namespace vanda::testing
