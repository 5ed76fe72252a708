#include "capi/status.hpp"

#include <array>

#include "ops/register.hpp"

namespace vanda::capi {

namespace {

// By status; the engine's codes but for the first two.
constexpr std::array<const char*, 15> kNames = {
    "ok",         "invalid_argument",  "shape_mismatch", "dtype_mismatch", "invalid_attribute",
    "unknown_op", "invalid_graph",     "no_gradient",    "invalid_feed",   "unknown_name",
    "limit",      "corrupt_file",      "io",             "out_of_memory",  "internal"};

std::string& last_error() {
  thread_local std::string sentence;
  return sentence;
}

}  // namespace

vanda_status failed(vanda_status status, const char* sentence) noexcept {
  try {
    // Into a text of its own first: the sentence may be the one that is kept.
    std::string kept = sentence == nullptr ? "" : sentence;
    last_error().swap(kept);
  } catch (...) {
    last_error().clear();
  }
  return status;
}

vanda_status failed(const Error& error) noexcept {
  vanda_status status = VANDA_INTERNAL;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (error.code == kNames[i]) status = static_cast<vanda_status>(i);
  }
  return failed(status, error.what());
}

void throw_status(vanda_status status, const std::string& where) {
  bool known = status > VANDA_OK && static_cast<size_t>(status) < kNames.size();
  const std::string& said = last_error();
  std::string sentence = said.empty() ? "a callback failed and did not say why" : said;
  throw Error(known ? kNames[static_cast<size_t>(status)] : "internal", where, sentence);
}

void open_engine() { register_ops(); }

}  // namespace vanda::capi

using vanda::capi::failed;

uint32_t vanda_api_version(void) { return VANDA_API_VERSION; }

const char* vanda_status_name(vanda_status status) {
  bool known = status >= 0 && static_cast<size_t>(status) < vanda::capi::kNames.size();
  return known ? vanda::capi::kNames[static_cast<size_t>(status)] : "unknown";
}

const char* vanda_last_error(void) { return vanda::capi::last_error().c_str(); }

vanda_status vanda_fail(vanda_status status, const char* sentence) {
  return failed(status, sentence);
}
