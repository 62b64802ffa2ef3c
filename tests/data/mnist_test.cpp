#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "quench/dataset.h"
#include "quench/error.h"
#include "temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using quench::DataState;
using quench::test::TemporaryFolder;

using Bytes = std::vector<std::uint8_t>;

Bytes header(std::uint32_t magic, const std::vector<std::uint32_t>& extents) {
  Bytes bytes;
  const auto append = [&](std::uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  };
  append(magic);
  for (const std::uint32_t extent : extents) append(extent);
  return bytes;
}

Bytes operator+(Bytes head, const Bytes& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

void write(const fs::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

Bytes images_file(std::uint32_t count) {
  Bytes pixels(std::size_t{count} * 784);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i % 251);
  return header(0x803, {count, 28, 28}) + pixels;
}

Bytes labels_file(const Bytes& labels) {
  return header(0x801, {static_cast<std::uint32_t>(labels.size())}) + labels;
}

/// A folder with a tiny, valid MNIST: 3 training and 2 test images.
struct Folder {
  TemporaryFolder directory;
  fs::path train_images = directory / "train-images-idx3-ubyte",
           train_labels = directory / "train-labels-idx1-ubyte";
  fs::path test_images = directory / "t10k-images-idx3-ubyte", test_labels = directory / "t10k-labels-idx1-ubyte";

  Folder() {
    write(train_images, images_file(3));
    write(train_labels, labels_file({7, 0, 9}));
    write(test_images, images_file(2));
    write(test_labels, labels_file({1, 2}));
  }

  /// What load_mnist says; empty when it succeeds.
  std::string complaint() const {
    try {
      quench::load_mnist(directory.path());
    } catch (const quench::Error& error) {
      return error.what();
    }
    return {};
  }
};

TEST_CASE("MNIST's files are read into images, labels and one normalisation for both halves") {
  const Folder folder;
  const quench::Dataset mnist = quench::load_mnist(folder.directory.path());
  CHECK(mnist.name == "mnist");
  CHECK(!mnist.generated);
  CHECK(mnist.train.size() == 3);
  CHECK(mnist.test.size() == 2);
  CHECK(mnist.train.channels() == 1);
  CHECK(mnist.train.height() == 28);
  CHECK(mnist.train.width() == 28);
  CHECK(mnist.train.classes() == 10);
  CHECK(Bytes(mnist.train.labels().begin(), mnist.train.labels().end()) == Bytes{7, 0, 9});
  CHECK(Bytes(mnist.test.labels().begin(), mnist.test.labels().end()) == Bytes{1, 2});
  CHECK(mnist.train.image(2)[5] == (2 * 784 + 5) * (2 * 784 + 5) % 251);
  CHECK(mnist.train.normalization().scale == mnist.train.zero_mean_unit_variance().scale);
  CHECK(mnist.train.normalization().shift == mnist.train.zero_mean_unit_variance().shift);
  CHECK(mnist.test.normalization().scale == mnist.train.normalization().scale);
  CHECK(mnist.test.normalization().shift == mnist.train.normalization().shift);
}

TEST_CASE("Both usual spellings of MNIST's names are found, in any mixture") {
  const Folder folder;
  fs::rename(folder.train_images, folder.directory / "train-images.idx3-ubyte");
  fs::rename(folder.test_labels, folder.directory / "t10k-labels.idx1-ubyte");
  CHECK(quench::mnist_state(folder.directory.path()) == DataState::complete);
  CHECK(folder.complaint() == "");
}

TEST_CASE("A folder without MNIST's files, or no folder at all, is absent, and one with some of them is partial") {
  const TemporaryFolder empty;
  CHECK(quench::mnist_state(empty.path()) == DataState::absent);
  CHECK(quench::mnist_state(empty / "nowhere") == DataState::absent);
  write(empty / "unrelated", {1});
  CHECK(quench::mnist_state(empty.path()) == DataState::absent);
  const Folder folder;
  CHECK(quench::mnist_state(folder.directory.path()) == DataState::complete);
  fs::remove(folder.train_images);
  CHECK(quench::mnist_state(folder.directory.path()) == DataState::partial);
}

TEST_CASE("A missing file is named, with its other spelling") {
  const Folder folder;
  fs::remove(folder.train_labels);
  CHECK(folder.complaint() == folder.train_labels.string() + " is missing (and so is train-labels.idx1-ubyte)");
}

TEST_CASE("A file that is still packed counts as there and is reported, under its own or the unpacked name") {
  const Folder folder;
  const fs::path packed = folder.test_images.string() + ".gz";
  fs::rename(folder.test_images, packed);
  CHECK(quench::mnist_state(folder.directory.path()) == DataState::complete);
  CHECK(folder.complaint() == packed.string() + " is gzip-compressed; run gunzip");
  write(folder.test_images, {0x1f, 0x8b, 8, 0, 0});
  CHECK(folder.complaint() == folder.test_images.string() + " is gzip-compressed; run gunzip");
}

TEST_CASE("An empty file is reported as empty") {
  const Folder folder;
  write(folder.train_images, {});
  CHECK(folder.complaint() == folder.train_images.string() + " is empty, expected an IDX file");
}

TEST_CASE("A file that ends inside its header is reported with the header's length") {
  const Folder folder;
  write(folder.train_images, header(0x803, {3, 28}));
  CHECK(folder.complaint() ==
        folder.train_images.string() + " has 12 bytes, expected at least the 16 bytes of its header");
  write(folder.train_images, {0});
  CHECK(folder.complaint() ==
        folder.train_images.string() + " has 1 byte, expected at least the 16 bytes of its header");
}

TEST_CASE("A file that is too short or too long for its header is reported with both lengths") {
  const Folder folder;
  Bytes bytes = images_file(3);
  bytes.pop_back();
  write(folder.train_images, bytes);
  CHECK(folder.complaint() == folder.train_images.string() +
                                  " is truncated: it has 2367 bytes, expected 2368 (16 bytes of its header and "
                                  "3 x 28 x 28 values)");
  write(folder.train_images, images_file(3) + Bytes{0, 0});
  CHECK(folder.complaint() == folder.train_images.string() +
                                  " is too long: it has 2370 bytes, expected 2368 (16 bytes of its header and "
                                  "3 x 28 x 28 values)");
  write(folder.train_images, images_file(3));
  write(folder.test_labels, labels_file({1, 2}) + Bytes{3});
  CHECK(folder.complaint() ==
        folder.test_labels.string() +
            " is too long: it has 11 bytes, expected 10 (8 bytes of its header and 2 values)");
}

TEST_CASE("A wrong magic number is reported with the expected one") {
  const Folder folder;
  write(folder.train_images, header(0x801, {3, 28, 28}) + Bytes(3 * 784));
  CHECK(folder.complaint() ==
        folder.train_images.string() +
            " has magic number 0x00000801, expected 0x00000803 (IDX, unsigned bytes, 3 dimensions)");
  write(folder.train_images, images_file(3));
  write(folder.train_labels, header(0x89504e47, {3}) + Bytes(3));
  CHECK(folder.complaint() ==
        folder.train_labels.string() +
            " has magic number 0x89504e47, expected 0x00000801 (IDX, unsigned bytes, 1 dimension)");
}

TEST_CASE("Images of another size and files without images are reported") {
  const Folder folder;
  write(folder.train_images, header(0x803, {3, 28, 32}) + Bytes(3 * 28 * 32));
  CHECK(folder.complaint() ==
        folder.train_images.string() + " holds 3 x 28 x 32 values, expected N x 28 x 28 with N at least 1");
  write(folder.train_images, header(0x803, {0, 28, 28}));
  CHECK(folder.complaint() ==
        folder.train_images.string() + " holds 0 x 28 x 28 values, expected N x 28 x 28 with N at least 1");
  write(folder.train_images, images_file(3));
  write(folder.train_labels, header(0x801, {0}));
  CHECK(folder.complaint() == folder.train_labels.string() + " holds 0 values, expected N with N at least 1");
}

TEST_CASE("An absurd count is refused before any memory is allocated for it") {
  const Folder folder;
  write(folder.train_images, header(0x803, {0xffffffff, 28, 28}) + Bytes(784));
  CHECK(folder.complaint() == folder.train_images.string() +
                                  " claims to hold 4294967295 x 28 x 28 values, expected at most 1099511627776");
  write(folder.train_images, header(0x803, {1000000000, 28, 28}) + Bytes(784));
  CHECK(folder.complaint() ==
        folder.train_images.string() +
            " is truncated: it has 800 bytes, expected 784000000016 (16 bytes of its header and "
            "1000000000 x 28 x 28 values)");
}

TEST_CASE("A label above 9 is reported with its position") {
  const Folder folder;
  write(folder.train_labels, labels_file({7, 10, 255}));
  CHECK(folder.complaint() == folder.train_labels.string() + " has label 10 at position 1, expected 0 .. 9");
}

TEST_CASE("Counts of images and labels that differ are reported") {
  const Folder folder;
  write(folder.test_labels, labels_file({1, 2, 3}));
  CHECK(folder.complaint() ==
        folder.test_labels.string() + " has 3 labels, expected 2, one for each image of t10k-images-idx3-ubyte");
}

/// Makes the training set 2 GiB large, without taking room on the disk: images and labels are zeros but for one
/// label.
void enlarge_training_set(const Folder& folder, std::uint8_t first_label) {
  constexpr std::uint32_t count = 2739136;
  write(folder.train_images, header(0x803, {count, 28, 28}));
  fs::resize_file(folder.train_images, 16 + std::uintmax_t{count} * 784);
  write(folder.train_labels, header(0x801, {count}) + Bytes{first_label});
  fs::resize_file(folder.train_labels, 8 + std::uintmax_t{count});
}

TEST_CASE("Damage in the last file's header is found before the first file's values are looked at") {
  const Folder folder;
  enlarge_training_set(folder, 10);
  write(folder.test_labels, {});
  CHECK(folder.complaint() == folder.test_labels.string() + " is empty, expected an IDX file");
}

TEST_CASE("A bad label in the last file is found before memory is taken for images") {
  const Folder folder;
  enlarge_training_set(folder, 0);
  write(folder.test_labels, labels_file({1, 11}));
  const auto peak_memory = [] {  // of this process, in units that differ between systems
    rusage usage{};
    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
  };
  const long before = peak_memory();
  CHECK(folder.complaint() == folder.test_labels.string() + " has label 11 at position 1, expected 0 .. 9");
  CHECK(peak_memory() < 4 * before);
}

TEST_CASE("Training images that are all alike are reported with their file's name") {
  const Folder folder;
  write(folder.train_images, header(0x803, {3, 28, 28}) + Bytes(3 * 784));
  CHECK(folder.complaint() ==
        folder.train_images.string() + ": all pixels are 0, expected at least two different values");
}

TEST_CASE("A folder or a pipe in the place of a file is reported") {
  const Folder folder;
  fs::remove(folder.train_images);
  fs::create_directory(folder.train_images);
  CHECK(folder.complaint() == folder.train_images.string() + " is a directory, expected a file");
  fs::remove(folder.train_images);
  REQUIRE(mkfifo(folder.train_images.c_str(), 0600) == 0);
  CHECK(folder.complaint() ==
        folder.train_images.string() + " is a device, a pipe or a socket, expected a regular file");
}

TEST_CASE("A file that may not be read, or a link to nothing, is reported with the system's reason") {
  const Folder folder;
  if (geteuid() != 0) {  // root may read everything
    fs::permissions(folder.train_images, fs::perms::none);
    CHECK(folder.complaint() == "cannot open " + folder.train_images.string() + ": Permission denied");
  }
  fs::remove(folder.train_images);
  fs::create_symlink("nowhere", folder.train_images);
  CHECK(quench::mnist_state(folder.directory.path()) == DataState::complete);
  CHECK(folder.complaint() == "cannot open " + folder.train_images.string() + ": No such file or directory");
}

}  // namespace
