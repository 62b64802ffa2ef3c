// The IDX format of MNIST's files: a big-endian magic number, one 32-bit extent per dimension, then the values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <vector>

#include "data/data_file.h"

namespace quench {

/// An open IDX file of unsigned bytes whose header and length have been found right; its values are not read yet.
/// Takes memory for the values, which are no more than the file's bytes, when they are read, and
/// most_bytes_besides.
class IdxFile {
 public:
  static constexpr std::int64_t any = -1;  ///< in a shape: every extent of at least 1 will do

  /// Checks the file's magic number, its extents against `shape` and its length against the header. Throws Error,
  /// naming the file, what was found and what was expected, for the first of these that does not hold.
  IdxFile(DataFile file, std::initializer_list<std::int64_t> shape);

  const std::filesystem::path& path() const { return file_.path(); }
  /// The first extent: how many images or labels there are.
  std::int64_t count() const { return count_; }
  /// Reads all values, in stored order. To be called once. Throws Error when the file cannot be read to its end.
  std::vector<std::uint8_t> read();

 private:
  DataFile file_;
  std::int64_t count_ = 0;
  std::uint64_t values_ = 0;
};

}  // namespace quench
