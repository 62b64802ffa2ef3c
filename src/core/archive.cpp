#include "quench/archive.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "quench/error.h"

namespace quench {
namespace {

const char* type_name(Archive::Type type) {
  switch (type) {
    case Archive::Type::f64:
      return "f64";
    case Archive::Type::f32:
      return "f32";
    case Archive::Type::i64:
      return "i64";
    case Archive::Type::u8:
      break;
  }
  return "u8";
}

/// Copies between an object and its little-endian bytes, which is the same in both directions.
void copy_element(const char* from, char* to, std::size_t size) {
  if constexpr (std::endian::native == std::endian::little) {
    std::copy_n(from, size, to);
  } else {
    std::reverse_copy(from, from + size, to);
  }
}

template <typename Element>
std::string to_bytes(std::span<Element> values) {
  std::string bytes(values.size_bytes(), '\0');
  const char* from = reinterpret_cast<const char*>(values.data());
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Element))
    copy_element(from + at, bytes.data() + at, sizeof(Element));
  return bytes;
}

template <typename Element>
void from_bytes(const std::string& bytes, std::span<Element> values) {
  char* to = reinterpret_cast<char*>(values.data());
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(Element))
    copy_element(bytes.data() + at, to + at, sizeof(Element));
}

[[noreturn]] void refuse(const std::string& name, const std::string& found, const std::string& expected) {
  throw Error("state " + name + ": found " + found + ", expected " + expected);
}

void check_range(const std::string& name, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least || value > most)
    refuse(name, std::to_string(value), std::to_string(least) + " .. " + std::to_string(most));
}

}  // namespace

Archive::Archive(std::vector<Entry> entries) : entries_(std::move(entries)), reading_(true) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!unread_.emplace(entries_[i].name, i).second) refuse(entries_[i].name, "two", "one");
  }
}

Archive::Group::Group(Archive& archive, std::string_view name)
    : archive_(archive), length_(archive.prefix_.size()) {
  archive_.prefix_ += name;
  archive_.prefix_ += '.';
}

const Archive::Entry& Archive::read(std::string_view name, Type type) {
  const std::string wanted = full(name);
  const auto found = unread_.find(wanted);
  if (found == unread_.end()) refuse(wanted, "none", type_name(type));
  const Entry& entry = entries_[found->second];
  if (entry.type != type) refuse(wanted, type_name(entry.type), type_name(type));
  unread_.erase(found);
  return entry;
}

template <typename Element>
void Archive::exchange(std::string_view name, Type type, std::span<Element> values) {
  if (!reading_) {
    entries_.push_back({full(name), type, to_bytes(values)});
    return;
  }
  const Entry& entry = read(name, type);
  if (entry.bytes.size() != values.size_bytes()) {
    refuse(entry.name, std::to_string(entry.bytes.size()) + " bytes", std::to_string(values.size_bytes()));
  }
  from_bytes(entry.bytes, values);
}

template <typename Element>
void Archive::exchange(std::string_view name, Type type, std::vector<Element>& values) {
  if (!reading_) return exchange(name, type, std::span(values));
  const Entry& entry = read(name, type);
  if (entry.bytes.size() % sizeof(Element) != 0) {
    refuse(entry.name, std::to_string(entry.bytes.size()) + " bytes",
           "a multiple of " + std::to_string(sizeof(Element)));
  }
  values.resize(entry.bytes.size() / sizeof(Element));
  from_bytes(entry.bytes, std::span(values));
}

void Archive::value(std::string_view name, double& value) { exchange(name, Type::f64, std::span(&value, 1)); }
void Archive::value(std::string_view name, float& value) { exchange(name, Type::f32, std::span(&value, 1)); }
void Archive::value(std::string_view name, std::int64_t& value) { exchange(name, Type::i64, std::span(&value, 1)); }

void Archive::value(std::string_view name, int& value) {
  std::int64_t wide = value;
  this->value(name, wide);
  constexpr std::int64_t least = std::numeric_limits<int>::min(), most = std::numeric_limits<int>::max();
  check_range(full(name), wide, least, most);
  value = static_cast<int>(wide);
}

void Archive::value(std::string_view name, bool& value) {
  std::int64_t wide = value ? 1 : 0;
  this->value(name, wide);
  value = wide != 0;
}

void Archive::value(std::string_view name, std::size_t& value) {
  auto wide = static_cast<std::int64_t>(value);
  this->value(name, wide);
  check_range(full(name), wide, 0, std::numeric_limits<std::ptrdiff_t>::max());
  value = static_cast<std::size_t>(wide);
}

void Archive::count(std::string_view name, std::int64_t& count, std::int64_t most) {
  std::int64_t found = count;
  value(name, found);
  check_range(full(name), found, 0, most);
  count = found;
}

void Archive::count(std::string_view name, int& count) {
  std::int64_t wide = count;
  this->count(name, wide, std::numeric_limits<int>::max() / 2);
  count = static_cast<int>(wide);
}

void Archive::value(std::string_view name, std::string& value) {
  if (reading_) {
    value = read(name, Type::u8).bytes;
  } else {
    entries_.push_back({full(name), Type::u8, value});
  }
}

void Archive::values(std::string_view name, std::vector<double>& values) { exchange(name, Type::f64, values); }
void Archive::values(std::string_view name, std::vector<float>& values) { exchange(name, Type::f32, values); }
void Archive::values(std::string_view name, std::vector<std::int64_t>& values) {
  exchange(name, Type::i64, values);
}
void Archive::values(std::string_view name, std::span<double> values) { exchange(name, Type::f64, values); }
void Archive::values(std::string_view name, std::span<float> values) { exchange(name, Type::f32, values); }

void Archive::require_all_read() const {
  if (!unread_.empty()) refuse(unread_.begin()->first, "it", "none: it is of other options");
}

}  // namespace quench
