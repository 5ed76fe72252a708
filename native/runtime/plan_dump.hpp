#pragma once

#include <string>

namespace vanda {

// The files that one plan leaves in a folder while it is compiled: PROCESS-PLAN-NUMBER-PASS.txt,
// numbered in the order in which the passes ran, so that two neighbours can be compared.
class PlanDump {
 public:
  // Makes the folder where there is none; throws io when it cannot.
  explicit PlanDump(std::string folder);
  void write(const std::string& stage, const std::string& text);

 private:
  std::string folder_;
  std::string prefix_;
  int written_ = 0;
};

}  // namespace vanda
