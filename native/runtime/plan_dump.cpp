#include "runtime/plan_dump.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/error.hpp"

namespace vanda {

namespace {

std::string numbered(int number, const char* format) {
  char text[16];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

}  // namespace

PlanDump::PlanDump(std::string folder) : folder_(std::move(folder)) {
  static std::atomic<int> plans{0};
  prefix_ = std::to_string(::getpid()) + "-" + numbered(++plans, "%04d");
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure) throw Error("io", folder_, "cannot be made: " + failure.message());
}

void PlanDump::write(const std::string& stage, const std::string& text) {
  std::string path = folder_ + "/" + prefix_ + "-" + numbered(written_++, "%02d") + "-" + stage +
                     ".txt";
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw Error("io", path, "cannot be written");
}

}  // namespace vanda
