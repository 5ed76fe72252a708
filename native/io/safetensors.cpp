#include "io/safetensors.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <tuple>

#include "core/error.hpp"
#include "io/json.hpp"

namespace vanda {

namespace {

constexpr uint64_t kHeaderMax = 64ull << 20;
constexpr size_t kValuesMax = 8'000'000;

const std::pair<DType, const char*> kNames[] = {{DType::f32, "F32"},
                                                {DType::i32, "I32"},
                                                {DType::i64, "I64"},
                                                {DType::u8, "U8"},
                                                {DType::boolean, "BOOL"}};

// What a thread takes at a time: long enough that the call costs nothing beside the copy.
constexpr uint64_t kPiece = uint64_t{4} << 20;
// Copies from the page cache; more threads than these find no more memory bandwidth.
constexpr int kReadersMax = 8;

using Entry = SafetensorsFile::Entry;

struct Piece {
  char* to;
  uint64_t offset, bytes;
};

class HeaderReader {
 public:
  HeaderReader(const std::string& path, uint64_t data_bytes)
      : path_(path), data_bytes_(data_bytes) {}

  std::vector<Entry> read(const Json& header, std::map<std::string, std::string>& metadata) {
    require(header.kind == Json::Kind::object, "the header is not an object");
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.members) {
      if (name == "__metadata__")
        read_metadata(value, metadata);
      else
        entries.push_back(read_entry(name, value));
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    });
    uint64_t at = 0;
    for (const Entry& entry : entries) {
      require(entry.begin == at, "'" + entry.name + "' overlaps another tensor or leaves a hole");
      at = entry.end;
    }
    require(at == data_bytes_, "the tensors do not fill the file");
    return entries;
  }

 private:
  void require(bool condition, const std::string& why) const {
    if (!condition) throw Error("corrupt_file", path_, why);
  }

  uint64_t natural(const Json& json) const {
    require(json.kind == Json::Kind::number && json.integral && json.number >= 0,
            "a number in the header is not a whole number");
    return static_cast<uint64_t>(json.number);
  }

  void read_metadata(const Json& json, std::map<std::string, std::string>& metadata) const {
    require(json.kind == Json::Kind::object, "the metadata is not an object");
    for (const auto& [key, value] : json.members) {
      require(value.kind == Json::Kind::text, "the metadata holds more than strings");
      metadata[key] = value.text;
    }
  }

  Entry read_entry(const std::string& name, const Json& json) const {
    const Json* dtype = json.find("dtype");
    const Json* shape = json.find("shape");
    const Json* offsets = json.find("data_offsets");
    require(dtype != nullptr && shape != nullptr && offsets != nullptr &&
                shape->kind == Json::Kind::array && offsets->kind == Json::Kind::array &&
                offsets->items.size() == 2,
            "'" + name + "' has no dtype, shape and data_offsets");
    Entry entry;
    entry.name = name;
    bool known = false;
    for (const auto& [code, text] : kNames) {
      if (dtype->text != text) continue;
      entry.type.dtype = code;
      known = true;
    }
    require(known, "'" + name + "' has the unsupported dtype '" + dtype->text + "'");
    std::vector<int64_t> dims;
    for (const Json& dim : shape->items) dims.push_back(static_cast<int64_t>(natural(dim)));
    entry.type.shape = Shape(std::move(dims));
    entry.type.shape.validate(name);
    entry.begin = natural(offsets->items[0]);
    entry.end = natural(offsets->items[1]);
    require(entry.begin <= entry.end && entry.end <= data_bytes_,
            "'" + name + "' lies outside the file");
    require(entry.end - entry.begin == entry.type.bytes(),
            "'" + name + "' has the wrong size for its shape");
    return entry;
  }

  const std::string& path_;
  uint64_t data_bytes_;
};

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  if (file_.size() < 8) throw Error("corrupt_file", path, "is shorter than its header");
  uint64_t length = 0;
  file_.read(&length, 8);  // little-endian, as every machine that this runs on
  if (length > kHeaderMax || length > file_.size() - 8) {
    throw Error("corrupt_file", path, "the header is longer than the file");
  }
  std::string header(length, '\0');
  file_.read(header.data(), length);
  data_begin_ = 8 + length;
  HeaderReader reader(path, file_.size() - data_begin_);
  entries_ = reader.read(parse_json(header, kValuesMax), metadata_);
  for (size_t i = 0; i < entries_.size(); ++i) places_[entries_[i].name] = i;
}

const SafetensorsFile::Entry* SafetensorsFile::find(const std::string& name) const {
  auto found = places_.find(name);
  return found == places_.end() ? nullptr : &entries_[found->second];
}

void SafetensorsFile::read(const std::vector<Part>& parts, int threads) const {
  std::vector<Piece> pieces;
  for (const Part& part : parts) {
    uint64_t bytes = part.entry->end - part.entry->begin;
    for (uint64_t at = 0; at < bytes; at += kPiece) {
      pieces.push_back({static_cast<char*>(part.to) + at, data_begin_ + part.entry->begin + at,
                        std::min(kPiece, bytes - at)});
    }
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  auto work = [&] {
    try {
      for (size_t i = next++; i < pieces.size(); i = next++) {
        file_.read_at(pieces[i].to, pieces[i].bytes, pieces[i].offset);
      }
    } catch (...) {
      next = pieces.size();
      std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  uint64_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.bytes;
  uint64_t most = static_cast<uint64_t>(std::clamp(threads, 1, kReadersMax));
  uint64_t team = std::min(most, bytes / kPiece);
  std::vector<std::jthread> others;
  for (uint64_t i = 1; i < team; ++i) others.emplace_back(work);
  work();
  others.clear();  // waits for them
  if (failure) std::rethrow_exception(failure);
}

Safetensors read_safetensors(const std::string& path) {
  SafetensorsFile file(path);
  Safetensors content;
  content.metadata = file.metadata();
  std::vector<SafetensorsFile::Part> parts;
  for (const Entry& entry : file.entries()) {
    content.tensors.emplace_back(entry.name, Tensor(entry.type));
    parts.push_back({&entry, content.tensors.back().second.data()});
  }
  file.read(parts, 1);
  return content;
}

void write_safetensors(const std::string& path, const Safetensors& content) {
  std::string header = "{";
  if (!content.metadata.empty()) {
    header += "\"__metadata__\":{";
    for (auto at = content.metadata.begin(); at != content.metadata.end(); ++at) {
      if (at != content.metadata.begin()) header.push_back(',');
      write_json_text(header, at->first);
      header.push_back(':');
      write_json_text(header, at->second);
    }
    header.push_back('}');
  }
  uint64_t offset = 0;
  for (const auto& [name, tensor] : content.tensors) {
    if (header.size() > 1) header.push_back(',');
    write_json_text(header, name);
    const char* dtype = nullptr;
    for (const auto& [code, text] : kNames) {
      if (code == tensor.type.dtype) dtype = text;
    }
    if (dtype == nullptr) throw Error("dtype_mismatch", name, "this dtype cannot be stored");
    header += std::string(":{\"dtype\":\"") + dtype + "\",\"shape\":[";
    for (int axis = 0; axis < tensor.type.shape.rank(); ++axis) {
      if (axis > 0) header.push_back(',');
      header += std::to_string(tensor.type.shape[axis]);
    }
    uint64_t end = offset + tensor.type.bytes();
    header += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header.push_back('}');
  while (header.size() % 8 != 0) header.push_back(' ');
  AtomicFile file(path);
  uint64_t length = header.size();
  file.write(&length, 8);
  file.write(header.data(), header.size());
  for (const auto& [name, tensor] : content.tensors) file.write(tensor.data(), tensor.type.bytes());
  file.commit();
}

}  // namespace vanda
