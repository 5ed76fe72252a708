#pragma once

#include <exception>
#include <new>
#include <string>

#include "core/error.hpp"
#include "include/vanda.h"

namespace vanda::capi {

// Keeps the sentence for vanda_last_error() and gives the status back. Never throws.
vanda_status failed(vanda_status status, const char* sentence) noexcept;
vanda_status failed(const Error& error) noexcept;
// What a callback returned and said, as an exception on its way through the engine.
[[noreturn]] void throw_status(vanda_status status, const std::string& where);

inline void require(bool good, const char* sentence) {
  if (!good) throw Error("invalid_argument", "", sentence);
}

// Fills the table of operations, once.
void open_engine();

// The body of every function that can fail: no exception gets past it.
template <typename Body>
vanda_status guarded(Body body) noexcept {
  try {
    open_engine();
    body();
    return VANDA_OK;
  } catch (const Error& error) {
    return failed(error);
  } catch (const std::bad_alloc&) {
    return failed(VANDA_OUT_OF_MEMORY, "there is not enough memory");
  } catch (const std::exception& error) {
    return failed(VANDA_INTERNAL, error.what());
  } catch (...) {
    return failed(VANDA_INTERNAL, "something that is no exception of C++ was thrown");
  }
}

}  // namespace vanda::capi
