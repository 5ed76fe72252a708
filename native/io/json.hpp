#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vanda {

// A JSON value. The parser is bounded in depth and in the number of values, and throws Error
// (code corrupt_file) with the position of what is wrong.
struct Json {
  // Not made where a vector of members, which are no complete type yet, would be asked about.
  Json();
  enum class Kind : uint8_t { null, boolean, number, text, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  bool integral = false;  // written without fraction or exponent
  std::string text;
  std::vector<Json> items;
  std::vector<std::pair<std::string, Json>> members;

  // Null when there is no such member.
  const Json* find(std::string_view key) const;
};

Json parse_json(std::string_view source, size_t values_max);

// Appends a JSON string with its quotes.
void write_json_text(std::string& out, std::string_view text);
// Shortest form that reads back to the same double; what is not finite becomes a string.
void write_json_number(std::string& out, double value);

}  // namespace vanda
