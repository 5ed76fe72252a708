#include "io/json.hpp"

#include <charconv>
#include <cmath>

#include "core/error.hpp"

namespace vanda {

namespace {

constexpr int kDepthMax = 32;

class Parser {
 public:
  Parser(std::string_view source, size_t values_max) : source_(source), values_left_(values_max) {}

  Json parse() {
    Json value = parse_value(0);
    skip_space();
    if (at_ != source_.size()) fail("there is text after the end");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error("corrupt_file", "json", why + " at byte " + std::to_string(at_));
  }
  void skip_space() {
    while (at_ < source_.size() && (source_[at_] == ' ' || source_[at_] == '\n' ||
                                    source_[at_] == '\r' || source_[at_] == '\t')) {
      ++at_;
    }
  }
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }
  void expect(char wanted) {
    if (peek() != wanted || at_ >= source_.size()) fail(std::string("'") + wanted + "' is missing");
    ++at_;
  }
  bool accept(std::string_view word) {
    if (source_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json parse_value(int depth) {
    if (depth > kDepthMax) fail("it is nested too deeply");
    if (values_left_-- == 0) fail("it has too many values");
    skip_space();
    Json value;
    char next = peek();
    if (next == '{') {
      parse_object(value, depth);
    } else if (next == '[') {
      parse_array(value, depth);
    } else if (next == '"') {
      value.kind = Json::Kind::text;
      value.text = parse_text();
    } else if (accept("true")) {
      value.kind = Json::Kind::boolean;
      value.boolean = true;
    } else if (accept("false")) {
      value.kind = Json::Kind::boolean;
    } else if (!accept("null")) {
      parse_number(value);
    }
    return value;
  }

  void parse_object(Json& value, int depth) {
    value.kind = Json::Kind::object;
    expect('{');
    skip_space();
    if (peek() == '}') return expect('}');
    while (true) {
      skip_space();
      std::string key = parse_text();
      skip_space();
      expect(':');
      value.members.emplace_back(std::move(key), parse_value(depth + 1));
      skip_space();
      if (peek() != ',') return expect('}');
      ++at_;
    }
  }

  void parse_array(Json& value, int depth) {
    value.kind = Json::Kind::array;
    expect('[');
    skip_space();
    if (peek() == ']') return expect(']');
    while (true) {
      value.items.push_back(parse_value(depth + 1));
      skip_space();
      if (peek() != ',') return expect(']');
      ++at_;
    }
  }

  // RFC 8259: -? (0 | [1-9] [0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
  void parse_number(Json& value) {
    size_t begin = at_;
    bool integral = true;
    if (peek() == '-') ++at_;
    if (!is_digit(peek())) fail(at_ == begin ? "this is no JSON value" : "a digit is missing");
    if (peek() == '0' && at_ + 1 < source_.size() && is_digit(source_[at_ + 1])) {
      fail("a number begins with 0");
    }
    pass_digits();
    if (peek() == '.') {
      integral = false;
      ++at_;
      pass_digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integral = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      pass_digits();
    }
    const char* end = source_.data() + at_;
    auto [rest, error] = std::from_chars(source_.data() + begin, end, value.number);
    if (error != std::errc() || rest != end) fail("a number is too large or too small");
    value.kind = Json::Kind::number;
    value.integral = integral && std::fabs(value.number) < 9e15;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  void pass_digits() {
    if (!is_digit(peek())) fail("a digit is missing");
    while (is_digit(peek())) ++at_;
  }

  std::string parse_text() {
    expect('"');
    std::string out;
    while (true) {
      if (at_ >= source_.size()) fail("a string is not closed");
      char c = source_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character stands in a string");
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      char escape = peek();
      ++at_;
      switch (escape) {
        case '"':
        case '\\':
        case '/':
          out.push_back(escape);
          break;
        case 'b':
          out.push_back('\b');
          break;
        case 'f':
          out.push_back('\f');
          break;
        case 'n':
          out.push_back('\n');
          break;
        case 'r':
          out.push_back('\r');
          break;
        case 't':
          out.push_back('\t');
          break;
        case 'u':
          append_code_point(out);
          break;
        default:
          fail("an escape is unknown");
      }
    }
  }

  uint32_t parse_hex() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      char c = peek();
      uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                       : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                              : 16;
      if (digit == 16) fail("a \\u escape is cut off");
      code = code * 16 + digit;
    }
    return code;
  }

  void append_code_point(std::string& out) {
    uint32_t code = parse_hex();
    if (code >= 0xD800 && code < 0xDC00) {
      if (!accept("\\u")) fail("half of a surrogate pair stands alone");
      uint32_t low = parse_hex();
      if (low < 0xDC00 || low > 0xDFFF) fail("half of a surrogate pair stands alone");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      fail("half of a surrogate pair stands alone");
    }
    if (code < 0x80) {
      out.push_back(static_cast<char>(code));
      return;
    }
    int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    uint32_t lead = tail == 1 ? 0xC0 : tail == 2 ? 0xE0 : 0xF0;
    out.push_back(static_cast<char>(lead | (code >> (6 * tail))));
    while (tail-- > 0) out.push_back(static_cast<char>(0x80 | ((code >> (6 * tail)) & 0x3F)));
  }

  std::string_view source_;
  size_t at_ = 0;
  size_t values_left_;
};

}  // namespace

Json::Json() = default;

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Json parse_json(std::string_view source, size_t values_max) {
  return Parser(source, values_max).parse();
}

void write_json_text(std::string& out, std::string_view text) {
  static const char* const kHex = "0123456789abcdef";
  out.push_back('"');
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out += "\\u00";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void write_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, error == std::errc() ? end : buffer);
}

}  // namespace vanda
