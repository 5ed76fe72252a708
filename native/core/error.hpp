#pragma once

#include <exception>
#include <string>
#include <utility>

namespace vanda {

// The one exception of the engine. `code` comes from a closed list that the TypeScript face
// repeats (EngineErrorCode); `op` names where it happened; `detail` is a sentence for people.
class Error : public std::exception {
 public:
  Error(std::string code, std::string op, std::string detail)
      : code(std::move(code)), op(std::move(op)), detail(std::move(detail)) {
    what_ = this->op.empty() ? this->detail : this->op + ": " + this->detail;
  }
  const char* what() const noexcept override { return what_.c_str(); }

  std::string code;
  std::string op;
  std::string detail;

 private:
  std::string what_;
};

}  // namespace vanda
