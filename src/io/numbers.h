// Numbers as text and back, the same in every locale: std::to_chars and std::from_chars.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quench::io {

/// The shortest text that reads back as the same value: "0.1", "1e+30", "nan", "inf".
std::string to_text(double value);
std::string to_text(float value);

/// All digits, nothing between them.
template <std::integral Integer>
std::string to_text(Integer value) {
  char digits[24];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// For people: `decimals` digits after the point ("0.3144"); values of 1e15 and more as to_text.
std::string fixed(double value, int decimals);
/// For people: at most `digits` significant digits ("0.05314"), the shortest text of the rounded value.
std::string significant(double value, int digits);
/// For people: "199,210".
std::string grouped(std::uint64_t value);
/// For people, in units of 1000: "812 bytes", "57.3 MB".
std::string byte_size(std::uint64_t bytes);
/// For people: "0:07", "12:34", "1:02:03" from seconds, rounded up; "?" for what is negative or not finite.
std::string clock_time(double seconds);
/// At least `digits` digits, zeros in front: "07".
std::string padded(std::uint64_t value, std::size_t digits);
/// 16 hexadecimal digits.
std::string hexadecimal(std::uint64_t value);

/// The value that the whole text spells, or nothing: no blanks, no '+', nothing left over, nothing out of range.
template <std::integral Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}
/// The same for decimal numbers; "nan" and "inf" are numbers here, and a range check is the caller's.
std::optional<double> parse_double(std::string_view text);
/// Whether the whole text spells a decimal number, be it one that is too large or too small for parse_double.
bool spells_number(std::string_view text);

}  // namespace quench::io
