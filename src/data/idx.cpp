#include "data/idx.h"

#include <span>
#include <string>
#include <utility>

#include "io/numbers.h"

namespace quench {
namespace {

constexpr std::uint32_t unsigned_bytes = 0x0800;   // the element type in a magic number's second lowest byte
constexpr std::uint64_t most_values = 1ULL << 40;  // far above any data set, far below an overflow

/// "0x00000803"
std::string magic_text(std::uint32_t magic) { return "0x" + io::hexadecimal(magic).substr(8); }

std::uint32_t big_endian(std::span<const std::uint8_t, 4> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

/// "60000 x 28 x 28"; `any` is written as N.
std::string extents_text(std::span<const std::int64_t> extents) {
  std::string text;
  for (const std::int64_t extent : extents) {
    if (!text.empty()) text += " x ";
    text += extent == IdxFile::any ? "N" : std::to_string(extent);
  }
  return text;
}

void check_magic(const std::filesystem::path& path, std::uint32_t magic, std::size_t dimensions) {
  const std::uint32_t expected = unsigned_bytes | static_cast<std::uint32_t>(dimensions);
  if (magic != expected) {
    fail(path, " has magic number " + magic_text(magic) + ", expected " + magic_text(expected) +
                   " (IDX, unsigned bytes, " + std::to_string(dimensions) +
                   (dimensions == 1 ? " dimension)" : " dimensions)"));
  }
}

void check_extents(const std::filesystem::path& path, std::span<const std::int64_t> extents,
                   std::span<const std::int64_t> shape) {
  bool right = true;
  for (std::size_t i = 0; i < shape.size(); ++i)
    right = right && extents[i] > 0 && (shape[i] == IdxFile::any || extents[i] == shape[i]);
  if (!right) {
    fail(path, " holds " + extents_text(extents) + " values, expected " + extents_text(shape) +
                   (shape[0] == IdxFile::any ? " with N at least 1" : ""));
  }
}

/// The product of the extents; refuses one that no data set has before it can overflow.
std::uint64_t value_count(const std::filesystem::path& path, std::span<const std::int64_t> extents) {
  std::uint64_t product = 1;
  for (const std::int64_t extent : extents) {
    if (static_cast<std::uint64_t>(extent) > most_values / product) {
      fail(path,
           " claims to hold " + extents_text(extents) + " values, expected at most " + std::to_string(most_values));
    }
    product *= static_cast<std::uint64_t>(extent);
  }
  return product;
}

}  // namespace

IdxFile::IdxFile(DataFile file, std::initializer_list<std::int64_t> shape) : file_(std::move(file)) {
  const std::string length_text = " has " + file_.length_text();
  const std::size_t dimensions = shape.size();
  std::vector<std::uint8_t> header(4 + 4 * dimensions);
  const std::string header_text = std::to_string(header.size()) + " bytes of its header";
  if (file_.length() == 0) fail(file_.path(), " is empty, expected an IDX file");
  const std::size_t got = file_.read(header);
  if (begins_like_gzip(std::span(header).first(got))) refuse_packed(file_.path());
  if (got < header.size()) fail(file_.path(), length_text + ", expected at least the " + header_text);

  const std::span<const std::uint8_t> words(header);
  check_magic(file_.path(), big_endian(words.first<4>()), dimensions);
  std::vector<std::int64_t> extents;
  for (std::size_t i = 1; i <= dimensions; ++i) extents.push_back(big_endian(words.subspan(4 * i).first<4>()));
  check_extents(file_.path(), extents, shape);
  count_ = extents[0];
  values_ = value_count(file_.path(), extents);

  const std::uint64_t expected = header.size() + values_;
  if (file_.length() != expected) {
    fail(file_.path(), std::string(file_.length() < expected ? " is truncated: it" : " is too long: it") +
                           length_text + ", expected " + std::to_string(expected) + " (" + header_text + " and " +
                           extents_text(extents) + " values)");
  }
}

std::vector<std::uint8_t> IdxFile::read() {
  std::vector<std::uint8_t> values = image_memory(values_);
  const std::size_t got = file_.read(values);
  if (got != values.size()) {
    fail(file_.path(), " could be read only up to value " + std::to_string(got) + ", expected " +
                           std::to_string(values.size()) + " values");
  }
  return values;
}

}  // namespace quench
