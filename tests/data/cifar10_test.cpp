#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "quench/dataset.h"
#include "quench/error.h"
#include "temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using quench::DataState;
using quench::test::read_all;
using quench::test::TemporaryFolder;
using quench::test::write_all;

using Labels = std::vector<std::uint8_t>;

constexpr std::size_t record_bytes = 3073;

/// A file's worth of records with these labels; pixel i of all records together is i^2 mod 251, plus `shift`.
std::string records(const Labels& labels, std::size_t shift = 0) {
  std::string bytes;
  std::size_t i = shift;
  for (const std::uint8_t label : labels) {
    bytes += static_cast<char>(label);
    for (std::size_t end = i + record_bytes - 1; i < end; ++i) bytes += static_cast<char>(i * i % 251);
  }
  return bytes;
}

/// A folder with a tiny, valid CIFAR-10: 3 training images in two files, 2 test images.
struct Folder {
  TemporaryFolder directory;
  fs::path first = directory / "data_batch_1.bin", second = directory / "data_batch_2.bin";
  fs::path test = directory / "test_batch.bin";

  Folder() {
    write_all(first, records({7, 0}));
    write_all(second, records({9}, 5));
    write_all(test, records({1, 2}, 9));
  }

  std::string path() const { return directory.path().string(); }
  DataState state() const { return quench::cifar10_state(directory.path()); }

  /// What load_cifar10 says; empty when it succeeds.
  std::string complaint() const {
    try {
      quench::load_cifar10(directory.path());
    } catch (const quench::Error& error) {
      return error.what();
    }
    return {};
  }
};

TEST_CASE("CIFAR-10's files are read into images and labels, in the order of their numbers") {
  const Folder folder;
  for (int number = 3; number <= 11; ++number) {  // 10 and 11 come after 9, not after 1
    const auto label = static_cast<std::uint8_t>(number % 10);
    write_all(folder.directory / ("data_batch_" + std::to_string(number) + ".bin"), records({label}));
  }
  const quench::Dataset cifar = quench::load_cifar10(folder.directory.path());
  CHECK(cifar.name == "cifar10");
  CHECK(!cifar.generated);
  for (const quench::ImageSet* set : {&cifar.train, &cifar.test}) {
    CHECK(set->channels() == 3);
    CHECK(set->height() == 32);
    CHECK(set->width() == 32);
    CHECK(set->classes() == 10);
  }
  CHECK(Labels(cifar.train.labels().begin(), cifar.train.labels().end()) ==
        Labels{7, 0, 9, 3, 4, 5, 6, 7, 8, 9, 0, 1});
  CHECK(Labels(cifar.test.labels().begin(), cifar.test.labels().end()) == Labels{1, 2});
  CHECK(cifar.train.image(1)[5] == (3072 + 5) * (3072 + 5) % 251);
  CHECK(cifar.train.image(2)[3071] == (5 + 3071) * (5 + 3071) % 251);
  CHECK(cifar.test.image(0)[0] == 81);
}

TEST_CASE("CIFAR-10's pixels are mapped to -1 .. 1") {
  const quench::Dataset cifar = quench::load_cifar10(Folder().directory.path());
  for (const quench::ImageSet* set : {&cifar.train, &cifar.test}) {
    CHECK(set->normalization().scale == 2.0F / 255);
    CHECK(set->normalization().shift == -1.0F);
  }
}

TEST_CASE(
    "A folder without CIFAR-10's files, or no folder at all, is absent, and one with some of them is partial") {
  const TemporaryFolder empty;
  CHECK(quench::cifar10_state(empty.path()) == DataState::absent);
  CHECK(quench::cifar10_state(empty / "nowhere") == DataState::absent);
  write_all(empty / "batches.meta.txt", "airplane");
  write_all(empty / "data_batch_1", "of the Python version");
  CHECK(quench::cifar10_state(empty.path()) == DataState::absent);
  const Folder folder;
  CHECK(folder.state() == DataState::complete);
  fs::remove(folder.second);
  CHECK(folder.state() == DataState::complete);  // one file is a set, too
  CHECK(folder.complaint() == "");
  fs::remove(folder.first);
  CHECK(folder.state() == DataState::partial);
}

TEST_CASE("Missing files are named, all of them") {
  const Folder folder;
  fs::remove(folder.test);
  CHECK(folder.complaint() == folder.path() + " lacks test_batch.bin");
  fs::remove(folder.first);
  CHECK(folder.complaint() == folder.path() + " lacks data_batch_1.bin, test_batch.bin");
  CHECK(folder.state() == DataState::partial);
  fs::rename(folder.second, folder.directory / "data_batch_4.bin");
  CHECK(folder.complaint() ==
        folder.path() + " lacks data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, test_batch.bin");
  fs::remove(folder.directory / "data_batch_4.bin");
  CHECK(folder.state() == DataState::absent);
  write_all(folder.test, records({1}));
  CHECK(folder.complaint() == folder.path() + " lacks data_batch_1.bin");
}

TEST_CASE("A gap in the numbers of the training files is a missing file") {
  const Folder folder;
  fs::rename(folder.second, folder.directory / "data_batch_3.bin");
  CHECK(folder.state() == DataState::partial);
  CHECK(folder.complaint() == folder.path() + " lacks data_batch_2.bin");
  fs::rename(folder.directory / "data_batch_3.bin", folder.directory / "data_batch_2000000000.bin");
  CHECK(folder.complaint().starts_with(folder.path() + " lacks data_batch_2.bin, data_batch_3.bin, "));
}

TEST_CASE("Of training files as large as the distributed ones none may be left out, of others any number will do") {
  const Folder folder;
  const auto resize = [](const fs::path& file, std::uintmax_t count) {  // takes no room on the disk
    fs::resize_file(file, count * record_bytes);
  };
  resize(folder.first, 10000);
  resize(folder.second, 10000);
  CHECK(folder.complaint() ==
        folder.path() +
            " lacks data_batch_3.bin, data_batch_4.bin, data_batch_5.bin; CIFAR-10 has 5 training files of 10000 "
            "records, like those that are there");
  resize(folder.second, 1);
  CHECK(folder.complaint() == "");
}

TEST_CASE("A training file without a number of its own is reported") {
  const Folder folder;
  for (const std::string number : {"x", "", "01", "0", "-1", "1 (copy)", "99999999999"}) {
    const fs::path file = folder.directory / ("data_batch_" + number + ".bin");
    write_all(file, records({1}));
    CHECK(folder.state() == DataState::partial);
    CHECK(folder.complaint() ==
          file.string() + " has \"" + number + "\" for its number, expected 1, 2, 3, ... without leading zeros");
    fs::remove(file);
  }
  CHECK(folder.complaint() == "");
}

TEST_CASE("A packed file of CIFAR-10 counts as there and is reported, unless it is there unpacked as well") {
  const Folder folder;
  const fs::path packed = folder.second.string() + ".gz";
  write_all(packed, "\x1f\x8b");
  CHECK(folder.complaint() == "");
  fs::remove(folder.second);
  CHECK(folder.state() == DataState::complete);
  CHECK(folder.complaint() == packed.string() + " is gzip-compressed; run gunzip");
  fs::rename(packed, folder.second);
  CHECK(folder.complaint() == folder.second.string() + " is gzip-compressed; run gunzip");
}

TEST_CASE("A file of CIFAR-10 that is empty or ends inside a record is reported with its length") {
  const Folder folder;
  const std::string expected = " bytes, expected a multiple of 3073 bytes (a label and 3 x 32 x 32 pixels); after ";
  write_all(folder.test, "");
  CHECK(folder.complaint() ==
        folder.test.string() + " is empty, expected records of 3073 bytes (a label and 3 x 32 x 32 pixels)");
  fs::resize_file(folder.test, 3072);
  CHECK(folder.complaint() == folder.test.string() + " has 3072" + expected + "record 0 come 3072 more");
  fs::resize_file(folder.test, 2 * 3073 + 1);
  CHECK(folder.complaint() == folder.test.string() + " has 6147" + expected + "record 2 come 1 more");
}

TEST_CASE("A length that is wrong is found before any record is looked at") {
  const Folder folder;
  write_all(folder.first, records({10}));
  fs::resize_file(folder.test, 3072);
  CHECK(folder.complaint().starts_with(folder.test.string() + " has 3072 bytes"));
}

TEST_CASE("A label of CIFAR-10 above 9 is reported with its position in its file") {
  const Folder folder;
  write_all(folder.second, records({1, 9, 10}));
  CHECK(folder.complaint() == folder.second.string() + " has label 10 at position 2, expected 0 .. 9");
  write_all(folder.second, records({1}));
  write_all(folder.test, records({255}));
  CHECK(folder.complaint() == folder.test.string() + " has label 255 at position 0, expected 0 .. 9");
}

TEST_CASE("A folder or a pipe in the place of a file of CIFAR-10 is reported") {
  const Folder folder;
  fs::remove(folder.first);
  fs::create_directory(folder.first);
  CHECK(folder.complaint() == folder.first.string() + " is a directory, expected a file");
  fs::remove(folder.first);
  REQUIRE(mkfifo(folder.first.c_str(), 0600) == 0);
  CHECK(folder.complaint() == folder.first.string() + " is a device, a pipe or a socket, expected a regular file");
}

TEST_CASE("Links to files of CIFAR-10 are followed, and one to nothing is reported") {
  const Folder folder;
  fs::rename(folder.first, folder.directory / "elsewhere");
  fs::create_symlink("elsewhere", folder.first);
  CHECK(folder.complaint() == "");
  fs::remove(folder.directory / "elsewhere");
  CHECK(folder.state() == DataState::complete);
  CHECK(folder.complaint() == "cannot open " + folder.first.string() + ": No such file or directory");
}

TEST_CASE("What is no folder, or may not be listed or read, is reported with the system's reason") {
  const Folder folder;
  CHECK(quench::cifar10_state(folder.first) == DataState::partial);
  try {
    quench::load_cifar10(folder.first);
    FAIL("a file was read as a folder");
  } catch (const quench::Error& error) {
    CHECK(std::string(error.what()) == "cannot list the folder " + folder.first.string() + ": Not a directory");
  }
  if (geteuid() == 0) return;  // root may do everything
  fs::permissions(folder.first, fs::perms::none);
  CHECK(folder.complaint() == "cannot open " + folder.first.string() + ": Permission denied");
  fs::permissions(folder.directory.path(), fs::perms::none);
  CHECK(folder.state() == DataState::partial);
  CHECK(folder.complaint() == "cannot list the folder " + folder.path() + ": Permission denied");
  fs::permissions(folder.directory.path(), fs::perms::owner_all);
}

}  // namespace
