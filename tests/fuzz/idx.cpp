// The two IDX files of half of MNIST, as load_mnist reads them. An input is the length of the file of labels (4
// bytes, little-endian; more than there is: all there is), that file, and the file of images. Past the header: both
// files' magic numbers, extents and lengths, and that there is a label for each image, were found right.
#include <algorithm>
#include <optional>

#include "data/mnist.h"
#include "fuzz/memory.h"
#include "fuzz/target.h"
#include "io/little_endian.h"
#include "quench/error.h"

namespace quench::fuzz {
namespace {

constexpr std::size_t length_bytes = 4, label_header = 8, image_header = 16;
constexpr std::size_t image_bytes = std::size_t{mnist::side} * mnist::side;
constexpr std::uint32_t label_magic = 0x801, image_magic = 0x803;

void put_big_endian(std::string& file, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) file.at(at + i) = static_cast<char>(value >> (24 - 8 * i));
}

struct Files {
  std::string labels, images;

  static Files from(const std::string& input) {
    if (input.size() < length_bytes) return {};
    const std::string_view rest = std::string_view(input).substr(length_bytes);
    const std::size_t length =
        std::min<std::size_t>(rest.size(), io::from_little_endian<std::uint32_t>(input.data()));
    return {std::string(rest.substr(0, length)), std::string(rest.substr(length))};
  }
  std::string input() const {
    std::string result;
    io::append_little_endian(result, static_cast<std::uint32_t>(labels.size()));
    return result + labels + images;
  }

  /// The headers of as many images as there are, and as many labels.
  void repair() {
    images.resize(std::max(images.size(), image_header + image_bytes));
    const std::size_t count = (images.size() - image_header) / image_bytes;
    images.resize(image_header + count * image_bytes);
    labels.resize(label_header + count);
    const auto extent = static_cast<std::uint32_t>(count);
    put_big_endian(labels, 0, label_magic);
    put_big_endian(labels, 4, extent);
    put_big_endian(images, 0, image_magic);
    put_big_endian(images, 4, extent);
    put_big_endian(images, 8, mnist::side);
    put_big_endian(images, 12, mnist::side);
  }
};

class IdxTarget final : public Target {
 public:
  Reached check(std::span<const std::byte> input) override {
    if (input.size() < length_bytes) return Reached::header;
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    const auto rest = bytes.subspan(length_bytes);
    const std::size_t length = std::min<std::size_t>(
        rest.size(), io::from_little_endian<std::uint32_t>(reinterpret_cast<const char*>(input.data())));
    const MemoryWatch memory;
    const Reached reached = read(rest.first(length), rest.subspan(length));
    // What each of the two files may take, by idx.h.
    memory.expect_at_most(rest.size() + 2 * most_bytes_besides, "IdxFile");
    return reached;
  }

  std::vector<std::string> seeds() override {
    std::vector<std::string> result;
    for (const std::size_t count : {1U, 2U, 5U}) {
      Files files;
      files.images.resize(image_header + count * image_bytes);
      files.repair();
      for (std::size_t i = 0; i < count; ++i) {
        files.labels[label_header + i] = static_cast<char>(9 * i % 10);
        for (std::size_t at = 0; at < image_bytes; at += 3)
          files.images[image_header + i * image_bytes + at] = static_cast<char>(at + i);
      }
      result.push_back(files.input());
    }
    return result;
  }

  void mutate(std::string& input, Chance& chance) override {
    if (chance.once_in(20)) return chance.change(input, input.size() + 16);
    Files files = Files::from(input);
    const bool repaired = !chance.once_in(4);
    switch (chance.below(5)) {
      case 0:
        chance.change(files.labels, files.labels.size() + 2);
        break;
      case 1:
        chance.change(files.images, files.images.size() + image_bytes);
        break;
      case 2:
        files.images.resize(image_header + (1 + chance.below(5)) * image_bytes,
                            static_cast<char>(chance.below(256)));
        break;
      case 3: {  // a word of a header, or a label
        files.repair();
        if (repaired) {
          files.labels[label_header + chance.below(files.labels.size() - label_header)] =
              static_cast<char>(chance.below(12));
        } else {
          const bool of_labels = chance.once_in(2);
          std::string& file = of_labels ? files.labels : files.images;
          put_big_endian(file, 4 * chance.below(of_labels ? 2 : 4), static_cast<std::uint32_t>(chance.number()));
        }
        break;
      }
      default:  // one value everywhere, which has no variance
        files.repair();
        std::fill(files.images.begin() + image_header, files.images.end(), static_cast<char>(chance.below(256)));
    }
    if (repaired) files.repair();
    input = files.input();
  }

 private:
  static Reached read(std::span<const std::uint8_t> labels, std::span<const std::uint8_t> images) {
    std::optional<mnist::Half> half;
    try {
      IdxFile image_file = mnist::images_file(DataFile("images", images));
      half.emplace(std::move(image_file), mnist::labels_file(DataFile("labels", labels)));
    } catch (const Error&) {
      return Reached::header;
    }
    try {
      half->read_labels();
      const ImageSet set = half->read_images();
      expect(static_cast<std::size_t>(set.size()) == labels.size() - label_header, "not an image for each label");
      expect(std::equal(set.image(0).begin(), set.image(0).end(), images.begin() + image_header),
             "the first image is not what the file has");
      set.zero_mean_unit_variance();
    } catch (const Error&) {
      return Reached::body;  // a label of no class, pixels without variance
    }
    return Reached::accepted;
  }
};

const AddTarget added({"idx", 5000, [] { return std::unique_ptr<Target>(new IdxTarget); }});

}  // namespace
}  // namespace quench::fuzz
