#pragma once

#include <string>

namespace vanda {

// What the environment says about the engine, read once: nothing else here looks at it.
struct Settings {
  std::string dump_folder;  // VANDA_ENGINE_DUMP: where each plan leaves its graph after each pass
};

const Settings& settings();

}  // namespace vanda
