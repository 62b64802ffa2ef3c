#include "io/json_value.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "io/json.h"
#include "io/numbers.h"
#include "quench/error.h"

namespace quench::io {
namespace {

constexpr int deepest = 64;

class Parser {
 public:
  Parser(std::string_view text, std::size_t most_values) : text_(text), values_left_(most_values) {}

  JsonValue document() {
    JsonValue result = value(0);
    skip_blanks();
    if (at_ < text_.size()) fail("expected the end");
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error("JSON, byte " + to_text(at_) + ": " + what); }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  void expect(std::string_view word) {
    if (!take(word)) fail("expected " + std::string(word));
  }

  JsonValue value(int depth) {
    if (depth > deepest) fail("more than 64 brackets are open");
    if (values_left_-- == 0) fail("more values than may be read");
    skip_blanks();
    JsonValue result;
    const char first = peek();
    if (first == '{') {
      object(result, depth);
    } else if (first == '[') {
      array(result, depth);
    } else if (first == '"') {
      result.kind = JsonValue::Kind::string;
      result.text = string();
    } else if (first == '-' || (first >= '0' && first <= '9')) {
      result.kind = JsonValue::Kind::number;
      result.text = number();
    } else if (take("true") || take("false")) {
      result.kind = JsonValue::Kind::boolean;
      result.boolean = first == 't';
    } else if (!take("null")) {
      fail("expected a value");
    }
    return result;
  }

  /// Calls `item` for each item up to the closing bracket.
  template <typename Item>
  void items(std::string_view open, std::string_view close, Item item) {
    expect(open);
    skip_blanks();
    if (take(close)) return;
    for (;;) {
      item();
      skip_blanks();
      if (take(close)) return;
      expect(",");
    }
  }

  void object(JsonValue& result, int depth) {
    result.kind = JsonValue::Kind::object;
    items("{", "}", [&] {
      skip_blanks();
      std::string key = string();
      skip_blanks();
      expect(":");
      JsonValue item = value(depth + 1);
      result.keys.push_back(std::move(key));
      result.items.push_back(std::move(item));
    });
    // Sorted, so that an object of a million names takes no longer than its length deserves.
    std::vector<std::string_view> names(result.keys.begin(), result.keys.end());
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) fail("the name " + json_excerpt(*twice) + " stands twice");
  }

  void array(JsonValue& result, int depth) {
    result.kind = JsonValue::Kind::array;
    items("[", "]", [&] { result.items.push_back(value(depth + 1)); });
  }

  std::size_t digits() {
    const std::size_t start = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ - start;
  }

  std::string number() {
    const std::size_t start = at_;
    take("-");
    const bool zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) fail("expected a number");
    if (take(".") && digits() == 0) fail("expected digits after the point");
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      if (digits() == 0) fail("expected digits of the exponent");
    }
    return std::string(text_.substr(start, at_ - start));
  }

  std::uint32_t four_digits() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const std::size_t digit = std::string_view("0123456789abcdef").find(static_cast<char>(peek() | 0x20));
      if (digit == std::string_view::npos) fail("expected four hexadecimal digits");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  void append_utf8(std::string& out, std::uint32_t code) const {
    const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
    if (code < 0x80) {
      byte(code);
      return;
    }
    if (code < 0x800) {
      byte(0xc0 | (code >> 6));
    } else {
      if (code < 0x10000) {
        byte(0xe0 | (code >> 12));
      } else {
        byte(0xf0 | (code >> 18));
        byte(0x80 | ((code >> 12) & 0x3f));
      }
      byte(0x80 | ((code >> 6) & 0x3f));
    }
    byte(0x80 | (code & 0x3f));
  }

  void escape(std::string& out) {
    const char kind = peek();
    ++at_;
    constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t known = names.find(kind); kind != '\0' && known != std::string_view::npos) {
      out += meanings[known];
      return;
    }
    if (kind != 'u') fail("an unknown escape");
    std::uint32_t code = four_digits();
    if (code >= 0xd800 && code < 0xdc00) {
      if (!take("\\u")) fail("half a surrogate pair");
      const std::uint32_t low = four_digits();
      if (low < 0xdc00 || low > 0xdfff) fail("half a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      fail("half a surrogate pair");
    }
    append_utf8(out, code);
  }

  std::string string() {
    expect("\"");
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) fail("a string without an end");
      const char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control byte in a string");
      if (c == '\\') {
        escape(out);
      } else {
        out += c;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t values_left_;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
}

std::optional<double> JsonValue::number() const { return kind == Kind::number ? parse_double(text) : std::nullopt; }

JsonValue parse_json(std::string_view text) {
  return parse_bounded_json(text, std::numeric_limits<std::size_t>::max());
}

JsonValue parse_bounded_json(std::string_view text, std::size_t most_values) {
  return Parser(text, most_values).document();
}

}  // namespace quench::io
