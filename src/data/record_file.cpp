#include "data/record_file.h"

#include <array>
#include <string>
#include <utility>

#include "data/labels.h"

namespace quench::cifar10 {
namespace {

std::string record_text() { return std::to_string(record_bytes) + " bytes (a label and 3 x 32 x 32 pixels)"; }

}  // namespace

RecordFile::RecordFile(DataFile file) : file_(std::move(file)) {
  const std::filesystem::path& path = file_.path();
  if (path.extension() == packed_suffix) refuse_packed(path);
  if (file_.length() == 0) fail(path, " is empty, expected records of " + record_text());
  const std::uint64_t rest = file_.length() % record_bytes;
  if (rest != 0) {
    std::array<std::uint8_t, 2> first{};
    if (begins_like_gzip(std::span(first).first(file_.read(first)))) refuse_packed(path);
    fail(path, " has " + file_.length_text() + ", expected a multiple of " + record_text() + "; after record " +
                   std::to_string(records()) + " come " + std::to_string(rest) + " more");
  }
}

void RecordFile::read(std::span<std::uint8_t> pixels, std::span<std::uint8_t> labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (file_.read(labels.subspan(i, 1)) != 1 ||
        file_.read(pixels.subspan(i * image_bytes, image_bytes)) != image_bytes) {
      fail(file_.path(), " could be read only up to record " + std::to_string(i) + ", expected " +
                             std::to_string(labels.size()) + " records");
    }
  }
  check_labels(labels, classes, file_.path().string());
}

ImageSet read_images(std::span<RecordFile> files) {
  std::uint64_t records = 0;
  for (const RecordFile& file : files) records += file.records();
  std::vector<std::uint8_t> pixels = image_memory(records * image_bytes);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(records));
  std::span<std::uint8_t> pixels_left(pixels), labels_left(labels);
  for (RecordFile& file : files) {
    const auto count = static_cast<std::size_t>(file.records());
    file.read(pixels_left.first(count * image_bytes), labels_left.first(count));
    pixels_left = pixels_left.subspan(count * image_bytes);
    labels_left = labels_left.subspan(count);
  }
  ImageSet images(channels, side, side, classes, std::move(pixels), std::move(labels));
  images.set_normalization(normalization);
  return images;
}

}  // namespace quench::cifar10
