// Writes JSON text (RFC 8259), indented for people.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/numbers.h"

namespace quench::io {

/// Whether the text is UTF-8 throughout: no overlong forms, no surrogates (Unicode, table 3-7).
bool is_utf8(std::string_view text);

/// The text as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

/// The same for a message: of a long text the beginning.
std::string json_excerpt(std::string_view text);

/// Appends values one after the other; inside an object each is preceded by its key(). Calls must nest properly:
/// that is the caller's part.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view text) { return raw(json_string(text)); }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  /// Shortest text that reads back as the same value; null for NaN and infinities, which JSON has not.
  JsonWriter& number(double value);
  template <std::integral Integer>
  JsonWriter& number(Integer value) {
    return raw(to_text(value));
  }

  /// The document with a newline at its end.
  std::string text() const { return text_ + '\n'; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& raw(std::string_view value);
  void start_item();
  void new_line();

  std::string text_;
  std::vector<bool> has_items_;  // one for each open bracket
  bool after_key_ = false;
};

}  // namespace quench::io
