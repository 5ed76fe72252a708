#include <cstring>

#include "ops/register.hpp"
#include "tests/check.hpp"

namespace vanda::testing {

namespace {
int failures = 0;
int checks = 0;
}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

void report(bool passed, const char* file, int line, const std::string& what) {
  ++checks;
  if (passed) return;
  ++failures;
  std::cerr << file << ":" << line << ": failed: " << what << "\n";
}

int run(const char* filter) {
  register_ops();
  int ran = 0;
  for (const Case& each : cases()) {
    if (filter != nullptr && each.name.find(filter) == std::string::npos) continue;
    ++ran;
    int before = failures;
    try {
      each.body();
    } catch (const std::exception& error) {
      report(false, each.name.c_str(), 0, std::string("threw ") + error.what());
    }
    if (failures != before) std::cerr << "in test: " << each.name << "\n";
  }
  std::cerr << ran << " tests, " << checks << " checks, " << failures << " failed\n";
  return failures == 0 ? 0 : 1;
}

}  // namespace vanda::testing

int main(int argc, char** argv) { return vanda::testing::run(argc > 1 ? argv[1] : nullptr); }
