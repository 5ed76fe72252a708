// Bytes from anywhere as a safetensors file: read, or refused with an Error.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.hpp"
#include "io/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int file = ::memfd_create("fuzz", 0);
  if (file < 0 || ::write(file, data, size) != static_cast<ssize_t>(size)) __builtin_trap();
  try {
    const vanda::Safetensors content =
        vanda::read_safetensors("/proc/self/fd/" + std::to_string(file));
    // Every byte of every tensor is there to be read.
    unsigned sum = 0;
    for (const auto& [name, tensor] : content.tensors) {
      const auto* bytes = static_cast<const uint8_t*>(tensor.data());
      for (size_t i = 0; i < tensor.type.bytes(); ++i) sum += bytes[i];
    }
    static volatile unsigned sink;
    sink = sum;
  } catch (const vanda::Error&) {
  }
  ::close(file);
  return 0;
}
