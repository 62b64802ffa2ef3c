#include "io/numbers.h"

#include <cmath>

namespace quench::io {
namespace {

template <typename Float>
std::string shortest(Float value) {
  if (std::isnan(value)) return "nan";  // its sign differs between processors
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

std::string to_text(double value) { return shortest(value); }
std::string to_text(float value) { return shortest(value); }

std::string fixed(double value, int decimals) {
  // Below 1e15 the digits before the point are few; above, a fixed notation could need 308 of them.
  if (!(std::fabs(value) < 1e15)) return to_text(value);
  char text[64];
  const auto result = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
  return result.ec == std::errc{} ? std::string(text, result.ptr) : to_text(value);
}

std::string significant(double value, int digits) {
  if (std::isnan(value)) return to_text(value);
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr};
}

std::string grouped(std::uint64_t value) {
  std::string text = to_text(value);
  for (std::size_t end = text.size(); end > 3; end -= 3) text.insert(end - 3, 1, ',');
  return text;
}

std::string byte_size(std::uint64_t bytes) {
  if (bytes < 1000) return to_text(bytes) + " bytes";
  static constexpr const char* units[] = {" kB", " MB", " GB", " TB", " PB", " EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < std::size(units); ++unit) value /= 1000;
  return fixed(value, 1) + units[unit];
}

std::string clock_time(double seconds) {
  if (!(seconds >= 0 && seconds < 1e15)) return "?";
  const auto total = static_cast<std::uint64_t>(std::ceil(seconds));
  const std::string tail = padded(total % 60, 2);
  const std::uint64_t minutes = total / 60;
  if (minutes < 60) return to_text(minutes) + ":" + tail;
  return to_text(minutes / 60) + ":" + padded(minutes % 60, 2) + ":" + tail;
}

std::string padded(std::uint64_t value, std::size_t digits) {
  std::string text = to_text(value);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

std::string hexadecimal(std::uint64_t value) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

std::optional<double> parse_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool spells_number(std::string_view text) {
  double ignored = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ignored);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

}  // namespace quench::io
