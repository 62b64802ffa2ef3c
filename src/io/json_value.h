// Reads JSON text (RFC 8259).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quench::io {

/// A value, and those within it. Numbers are kept as they are spelled: what reads them knows which type it wants.
struct JsonValue {
  enum class Kind { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;               ///< of a string, in UTF-8; of a number, its spelling
  std::vector<std::string> keys;  ///< of an object, one for each item
  std::vector<JsonValue> items;   ///< of an array or an object

  /// The member of that name; null when there is none, or when this is no object.
  const JsonValue* find(std::string_view key) const;
  /// The value as a decimal number; nothing when it is no number or out of range.
  std::optional<double> number() const;
};

/// What parse_json takes at most for a text of so many bytes, the message of an error included: two bytes can be a
/// value, and values are copied where their number doubles.
constexpr std::uint64_t most_json_memory(std::uint64_t text_bytes) { return 200 * text_bytes + 64 * 1024; }

/// Throws Error, with the offset in bytes, when the text is not one JSON value: nothing after it, no name twice in
/// an object, no more than 64 brackets open at once.
JsonValue parse_json(std::string_view text);
/// The same, for a text that may be made to exhaust memory: throws Error also for more than `most_values` values.
JsonValue parse_bounded_json(std::string_view text, std::size_t most_values);

}  // namespace quench::io
