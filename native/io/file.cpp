#include "io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"

namespace vanda {

namespace {

constexpr uint64_t kPiece = uint64_t{1} << 30;

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error("io", path, std::string(what) + ": " + std::strerror(errno));
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail(path, "cannot be opened");
  struct stat info {};
  if (::fstat(file_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(file_);
    throw Error("io", path, "is not a regular file");
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

InputFile::~InputFile() { ::close(file_); }

void InputFile::read(void* to, uint64_t bytes) {
  char* out = static_cast<char*>(to);
  while (bytes > 0) {
    ssize_t got = ::read(file_, out, std::min(bytes, kPiece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, "cannot be read");
    if (got == 0) throw Error("corrupt_file", path_, "ends too early");
    out += got;
    bytes -= static_cast<uint64_t>(got);
  }
}

void InputFile::read_at(void* to, uint64_t bytes, uint64_t offset) const {
  char* out = static_cast<char*>(to);
  while (bytes > 0) {
    ssize_t got = ::pread(file_, out, std::min(bytes, kPiece), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, "cannot be read");
    if (got == 0) throw Error("corrupt_file", path_, "ends too early");
    out += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
}

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  static std::atomic<uint64_t> counter{0};
  temporary_ = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(++counter);
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) fail(path, "cannot be written");
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) ::close(file_);
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* from, uint64_t bytes) {
  const char* in = static_cast<const char*>(from);
  while (bytes > 0) {
    ssize_t put = ::write(file_, in, std::min(bytes, kPiece));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(path_, "cannot be written");
    in += put;
    bytes -= static_cast<uint64_t>(put);
  }
}

void AtomicFile::commit() {
  if (::fsync(file_) != 0) fail(path_, "cannot be made durable");
  int file = file_;
  file_ = -1;
  if (::close(file) != 0) fail(path_, "cannot be closed");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be moved into place");
  committed_ = true;
  int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

}  // namespace vanda
