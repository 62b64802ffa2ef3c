// The state of a run as named arrays of numbers: written by its objects, read by others of the same kind, which
// then go on with the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quench {

/// Either collects values or hands them out: an object has one function, archive(Archive&), that names all it is
/// made of, for both directions, so that neither can forget what the other has.
class Archive {
 public:
  enum class Type { f64, f32, i64, u8 };
  struct Entry {
    std::string name;
    Type type;
    std::string bytes;  ///< little-endian
  };

  /// An empty one, which collects.
  Archive() = default;
  /// One that hands out these entries.
  /// Throws Error when two have one name.
  explicit Archive(std::vector<Entry> entries);

  bool reading() const { return reading_; }
  /// Whether there is an entry of that name that has not been read: for what is not always archived.
  bool has(std::string_view name) const { return unread_.find(full(name)) != unread_.end(); }

  // Values are stored under the name, after those of the groups that are open. When reading, all throw Error,
  // naming the entry, when it is missing, of another type or size, or no such value; what was read before has its
  // new value then.
  void value(std::string_view name, double& value);
  void value(std::string_view name, float& value);
  void value(std::string_view name, std::int64_t& value);
  void value(std::string_view name, int& value);
  void value(std::string_view name, bool& value);
  void value(std::string_view name, std::size_t& value);
  void value(std::string_view name, std::string& value);
  /// How many there are of something, 0 .. most_count: reading throws Error for anything else. Sums of counts and
  /// small multiples do not overflow.
  void count(std::string_view name, std::int64_t& count) { this->count(name, count, most_count); }
  void count(std::string_view name, int& count);
  void count(std::string_view name, std::int64_t& count, std::int64_t most);
  static constexpr std::int64_t most_count = std::int64_t{1} << 50;
  void values(std::string_view name, std::vector<double>& values);
  void values(std::string_view name, std::vector<float>& values);
  void values(std::string_view name, std::vector<std::int64_t>& values);
  /// Of a size that reading does not change.
  void values(std::string_view name, std::span<double> values);
  void values(std::string_view name, std::span<float> values);

  /// Throws Error when an entry has not been read: it is of another version, or of other options.
  void require_all_read() const;

  /// In the order in which they were collected.
  const std::vector<Entry>& entries() const { return entries_; }

  /// Names that begin alike: while it lives, names follow `name` and a dot.
  class Group {
   public:
    Group(Archive& archive, std::string_view name);
    ~Group() { archive_.prefix_.resize(length_); }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

   private:
    Archive& archive_;
    std::size_t length_;
  };

 private:
  std::string full(std::string_view name) const { return prefix_ + std::string(name); }
  /// The entry of that name, which must be of this type.
  const Entry& read(std::string_view name, Type type);
  template <typename Element>
  void exchange(std::string_view name, Type type, std::span<Element> values);
  template <typename Element>
  void exchange(std::string_view name, Type type, std::vector<Element>& values);

  std::vector<Entry> entries_;
  bool reading_ = false;
  std::map<std::string, std::size_t> unread_;  // when reading: where the entries are that nobody asked for yet
  std::string prefix_;
};

}  // namespace quench
