#pragma once

#include <cmath>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "core/error.hpp"

// A small test runner: TEST registers a function, CHECK counts and reports, main() runs them all.
namespace vanda::testing {

struct Case {
  std::string name;
  std::function<void()> body;
};
std::vector<Case>& cases();
void report(bool passed, const char* file, int line, const std::string& what);

struct Register {
  Register(const char* name, std::function<void()> body) {
    cases().push_back({name, std::move(body)});
  }
};

// The code of the Error that the body throws; empty when it throws none.
template <typename Body>
std::string code_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code;
  }
  return "";
}

}  // namespace vanda::testing

#define VANDA_JOIN2(a, b) a##b
#define VANDA_JOIN(a, b) VANDA_JOIN2(a, b)
#define TEST(name)                                                                                \
  static void VANDA_JOIN(test_, __LINE__)();                                                      \
  static ::vanda::testing::Register VANDA_JOIN(register_, __LINE__)(name,                         \
                                                                    VANDA_JOIN(test_, __LINE__)); \
  static void VANDA_JOIN(test_, __LINE__)()
#define CHECK(condition) \
  ::vanda::testing::report(static_cast<bool>(condition), __FILE__, __LINE__, #condition)
#define CHECK_MESSAGE(condition, message) \
  ::vanda::testing::report(static_cast<bool>(condition), __FILE__, __LINE__, message)
