// A picture of many images at once, for a person to look at.
#include <fcntl.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "io/descriptor.h"
#include "io/files.h"
#include "quench/dataset.h"
#include "quench/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

constexpr int columns = 20;
constexpr int gap = 2;  // pixels around every image
constexpr std::uint8_t gap_value = 96;

/// Interleaved rows of a grey (1 channel) or colour (3 channels) picture.
struct Picture {
  int channels, height, width;
  std::vector<std::uint8_t> bytes;
};

/// Copies planes [channels, height, width] into the picture with their upper left corner at (top, left).
void paste(Picture& picture, const ImageSet& images, std::int64_t index, int top, int left) {
  const std::span<const std::uint8_t> source = images.image(index);
  std::size_t next = 0;
  for (int channel = 0; channel < images.channels(); ++channel)
    for (int y = 0; y < images.height(); ++y)
      for (int x = 0; x < images.width(); ++x) {
        const std::int64_t at = (std::int64_t{top + y} * picture.width + left + x) * picture.channels + channel;
        picture.bytes[static_cast<std::size_t>(at)] = source[next++];
      }
}

Picture arrange(const ImageSet& images) {
  const int cell_height = images.height() + gap, cell_width = images.width() + gap;
  Picture picture{images.channels(), images.classes() * cell_height + gap, columns * cell_width + gap, {}};
  const std::int64_t size = std::int64_t{picture.channels} * picture.height * picture.width;
  picture.bytes.assign(static_cast<std::size_t>(size), gap_value);
  std::vector<int> used(static_cast<std::size_t>(images.classes()));
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const int row = images.labels()[static_cast<std::size_t>(i)];
    int& column = used[static_cast<std::size_t>(row)];
    if (column == columns) continue;
    paste(picture, images, i, row * cell_height + gap, column * cell_width + gap);
    ++column;
  }
  return picture;
}

std::error_code write_to_device(const fs::path& file, const std::string& contents) {
  io::Descriptor device(file, O_WRONLY);
  if (device.get() < 0) return io::last_error();
  const std::error_code error = io::write_all(device.get(), contents).error;
  const std::error_code closing = device.close();
  return error ? error : closing;
}

/// Puts `contents` in the place of the file, or of the one that a link of this name leads to, whole or not at all.
/// A device or a pipe cannot be replaced and is written to.
std::error_code put(const fs::path& file, const std::string& contents) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_to_device(file, contents);
  if (!fs::is_symlink(file, error)) return io::disk().replace(file, contents);
  const fs::path target = fs::weakly_canonical(file, error);
  return error ? error : io::disk().replace(target, contents);
}

}  // namespace

void write_contact_sheet(const ImageSet& images, const fs::path& file) {
  if (images.size() == 0) throw Error("an empty image set has no contact sheet, expected at least one image");
  if (images.channels() != 1 && images.channels() != 3) {
    throw Error("images of " + std::to_string(images.channels()) +
                " channels have no contact sheet, expected 1 (grey) or 3 (colour)");
  }
  const Picture picture = arrange(images);
  const std::string header = std::string(picture.channels == 1 ? "P5" : "P6") + "\n" +
                             std::to_string(picture.width) + " " + std::to_string(picture.height) + "\n255\n";

  const std::string contents = header + std::string(picture.bytes.begin(), picture.bytes.end());
  if (const std::error_code error = put(file, contents))
    throw Error("cannot write " + file.string() + ": " + error.message());
}

}  // namespace quench
