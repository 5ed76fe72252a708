#pragma once

#include <set>
#include <string>

namespace vanda {

// Which passes run: all of them but those that were switched off. The names are those of
// pass_names() in passes/passes.hpp.
class PassOptions {
 public:
  bool enabled(const std::string& pass) const { return !off_.contains(pass); }
  void set(const std::string& pass, bool on) {
    if (on)
      off_.erase(pass);
    else
      off_.insert(pass);
  }

 private:
  std::set<std::string> off_;
};

}  // namespace vanda
