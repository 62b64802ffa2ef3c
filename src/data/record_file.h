// CIFAR-10's binary files: records of a label and an image, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/cifar10.h"
#include "data/data_file.h"
#include "quench/image_set.h"

namespace quench::cifar10 {

inline constexpr std::size_t image_bytes = std::size_t{channels} * side * side;
inline constexpr std::size_t record_bytes = 1 + image_bytes;  ///< the label comes first

/// One file of the set, open and of a possible length.
class RecordFile {
 public:
  static constexpr std::string_view packed_suffix = ".gz";

  /// Throws Error, naming the file, unless it has one record or more, all of them whole.
  explicit RecordFile(DataFile file);

  std::uint64_t records() const { return file_.length() / record_bytes; }

  /// Reads all records; pixels: image_bytes of each. To be called once. Throws Error when the file cannot be read
  /// to its end, or has a label of no class.
  void read(std::span<std::uint8_t> pixels, std::span<std::uint8_t> labels);

 private:
  DataFile file_;
};

/// The files' records, one file after the other, normalised. Takes as much memory as the files have bytes, and
/// most_bytes_besides. Throws Error as RecordFile::read does.
ImageSet read_images(std::span<RecordFile> files);

}  // namespace quench::cifar10
