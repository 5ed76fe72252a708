#include "runtime/settings.hpp"

#include <cstdlib>

namespace vanda {

namespace {

Settings read_environment() {
  Settings settings;
  if (const char* folder = std::getenv("VANDA_ENGINE_DUMP")) settings.dump_folder = folder;
  return settings;
}

}  // namespace

const Settings& settings() {
  static const Settings* all = new Settings(read_environment());
  return *all;
}

}  // namespace vanda
