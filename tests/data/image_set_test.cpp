#include "quench/image_set.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "quench/dataset.h"
#include "quench/error.h"
#include "temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using quench::Batch;
using quench::Batches;
using quench::EpochOptions;
using quench::ImageSet;
using quench::test::read_all;
using quench::test::TemporaryFolder;
using quench::test::write_all;
using Bytes = std::vector<std::uint8_t>;

/// `size` images of one pixel, all of class 0.
ImageSet dots(std::size_t size) { return {1, 1, 1, 1, Bytes(size), Bytes(size)}; }

/// The indices of all batches, one after the other.
std::vector<std::uint32_t> indices(const Batches& batches) {
  std::vector<std::uint32_t> all;
  for (const Batch& batch : batches) all.insert(all.end(), batch.indices.begin(), batch.indices.end());
  return all;
}

/// The same as text: "3 1 2".
std::string text(const Batches& batches) {
  std::string line;
  for (const std::uint32_t index : indices(batches)) line += (line.empty() ? "" : " ") + std::to_string(index);
  return line;
}

double chi_square(const std::vector<int>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

template <typename Action>
std::string complaint(Action&& action) {
  try {
    action();
  } catch (const quench::Error& error) {
    return error.what();
  }
  return {};
}

TEST_CASE("An image set refuses bytes, labels and extents that do not fit together") {
  const auto make = [](int channels, int height, int width, int classes, std::size_t bytes, Bytes labels) {
    return complaint([&] { ImageSet(channels, height, width, classes, Bytes(bytes), std::move(labels)); });
  };
  CHECK(make(3, 2, 2, 4, 24, {0, 3}) == "");
  CHECK(make(1, 28, 28, 10, 0, {}) == "");
  CHECK(make(3, 2, 2, 4, 23, {0, 3}) == "23 bytes of pixels, expected 2 (the number of labels) x 3 x 2 x 2");
  CHECK(make(3, 2, 2, 4, 12, {0, 3}) == "12 bytes of pixels, expected 2 (the number of labels) x 3 x 2 x 2");
  constexpr int large = std::numeric_limits<int>::max();
  CHECK(make(large, large, large, 1, 1, {0}) != "");
  CHECK(make(3, 2, 2, 4, 24, {0, 4}) == "the image set has label 4 at position 1, expected 0 .. 3");
  CHECK(make(0, 2, 2, 4, 0, {}) == "the number of channels is 0, expected at least 1");
  CHECK(make(1, -1, 2, 4, 0, {}) == "the height of an image is -1, expected at least 1");
  CHECK(make(1, 2, 0, 4, 0, {}) == "the width of an image is 0, expected at least 1");
  CHECK(make(1, 2, 2, 0, 0, {}) == "the number of classes is 0, expected at least 1");
}

TEST_CASE("Normalisation gives the pixels mean 0 and variance 1") {
  Bytes pixels(100003);  // more than one block of the sums
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(i * 7919 % 256 < 200 ? 0 : i);
  const ImageSet set(1, 1, 1, 1, pixels, Bytes(pixels.size()));
  const quench::Normalization map = set.zero_mean_unit_variance();
  double sum = 0, squares = 0;
  for (const std::uint8_t byte : pixels) {
    const double x = byte * double{map.scale} + double{map.shift};
    sum += x;
    squares += x * x;
  }
  const double count = static_cast<double>(pixels.size());
  CHECK(std::fabs(sum / count) < 1e-7);
  CHECK(std::fabs(squares / count - 1) < 1e-6);
}

TEST_CASE("Normalisation is exact where the mean and the deviation are round numbers") {
  const quench::Normalization map = ImageSet(1, 1, 2, 1, {40, 80}, {0}).zero_mean_unit_variance();
  CHECK(map.scale == 0.05F);
  CHECK(map.shift == -3.0F);
}

TEST_CASE("Normalisation refuses a set without variance") {
  CHECK(complaint([] {
          ImageSet(1, 1, 2, 1, {7, 7}, {0}).zero_mean_unit_variance();
        }) == "all pixels are 7, expected at least two different values");
  CHECK(complaint([] { ImageSet().zero_mean_unit_variance(); }) ==
        "an empty image set has no mean, expected at least one image");
}

TEST_CASE("A shuffled epoch visits every image once, and drops or keeps the last partial batch") {
  const ImageSet set = dots(1050);
  for (const bool keep : {false, true}) {
    const Batches batches = set.shuffled({.batch = 100, .seed = 3, .epoch = 5, .keep_partial = keep});
    CHECK(batches.size() == (keep ? 11 : 10));
    std::vector<std::uint32_t> all = indices(batches);
    CHECK(all.size() == (keep ? 1050 : 1000));
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
    CHECK(all.back() < 1050);
    CHECK(batches[batches.size() - 1].indices.size() == (keep ? 50 : 100));
    CHECK(batches[0].images == &set);
  }
  const Batches batches = set.shuffled({.batch = 100, .seed = 3, .epoch = 5});
  for (const int step : {0, 4, 9}) {
    const Batch before = batches.before(step), from = batches.from(step);
    CHECK(before.images == &set);
    REQUIRE(before.indices.size() == static_cast<std::size_t>(100 * step));
    REQUIRE(from.indices.size() == 1050 - before.indices.size());
    CHECK(std::equal(batches[step].indices.begin(), batches[step].indices.end(), from.indices.begin()));
    std::vector<std::uint32_t> both(before.indices.begin(), before.indices.end());
    both.insert(both.end(), from.indices.begin(), from.indices.end());
    std::sort(both.begin(), both.end());
    for (std::uint32_t i = 0; i < 1050; ++i) CHECK(both[i] == i);
  }
  CHECK(set.shuffled({.batch = 1050}).size() == 1);
  CHECK(set.shuffled({.batch = 1}).size() == 1050);
  CHECK(set.shuffled({.batch = 525, .keep_partial = true}).size() == 2);
}

TEST_CASE("Each order of a small set is equally likely") {
  const ImageSet set = dots(4);
  std::vector<int> counts(256);
  for (int epoch = 0; epoch < 24000; ++epoch) {
    std::size_t code = 0;
    for (const std::uint32_t index : indices(set.shuffled({.batch = 4, .epoch = epoch}))) code = code * 4 + index;
    ++counts[code];
  }
  std::erase(counts, 0);
  REQUIRE(counts.size() == 24);
  CHECK(chi_square(counts, 1000) < 49.7);  // the 99.9 % point for 23 degrees of freedom
}

TEST_CASE("iid steps are uniform subsets of distinct images, independent of each other") {
  const ImageSet set = dots(6);
  std::vector<int> subsets(64), pairs(64 * 64);
  for (int epoch = 0; epoch < 20000; ++epoch) {
    const Batches batches = set.iid({.batch = 3, .epoch = epoch});
    REQUIRE(batches.size() == 2);
    std::size_t masks[2] = {0, 0};
    for (std::int64_t step = 0; step < 2; ++step)
      for (const std::uint32_t index : batches[step].indices) masks[step] |= std::size_t{1} << index;
    ++subsets[masks[0]];
    ++subsets[masks[1]];
    ++pairs[masks[0] * 64 + masks[1]];
  }
  // 20 subsets of 3 of 6 when the three are distinct; fewer bits in a mask would give others.
  std::erase(subsets, 0);
  REQUIRE(subsets.size() == 20);
  CHECK(chi_square(subsets, 2000) < 43.8);  // 99.9 %, 19 degrees of freedom
  std::erase(pairs, 0);
  REQUIRE(pairs.size() == 400);
  CHECK(chi_square(pairs, 50) < 490);  // 99.9 %, 399 degrees of freedom
}

TEST_CASE("iid steps of a large set have distinct images below its size") {
  const ImageSet set = dots(1050);
  const Batches batches = set.iid({.batch = 100, .seed = 9});
  CHECK(batches.size() == 10);
  for (const Batch& batch : batches) {
    std::vector<std::uint32_t> sorted(batch.indices.begin(), batch.indices.end());
    CHECK(sorted.size() == 100);
    std::sort(sorted.begin(), sorted.end());
    CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
    CHECK(sorted.back() < 1050);
  }
}

TEST_CASE("Sampling is a function of the seed and the epoch alone") {
  const ImageSet set = dots(500);
  using Sample = Batches (ImageSet::*)(const EpochOptions&) const;
  for (const Sample sample : {&ImageSet::shuffled, &ImageSet::iid}) {
    const auto draw = [&](std::uint64_t seed, std::int64_t epoch) {
      return indices((set.*sample)({.batch = 50, .seed = seed, .epoch = epoch}));
    };
    CHECK(draw(1, 0) == draw(1, 0));
    CHECK(draw(1, 0) != draw(1, 1));
    CHECK(draw(1, 0) != draw(2, 0));
    CHECK(draw(1, 0) != draw(1, std::int64_t{1} << 32));
  }
  CHECK(indices(set.shuffled({.batch = 50})) != indices(set.iid({.batch = 50})));
}

TEST_CASE("The batch size of an epoch does not change its shuffled order") {
  const ImageSet set = dots(500);
  CHECK(indices(set.shuffled({.batch = 50})) == indices(set.shuffled({.batch = 10})));
}

TEST_CASE("A shuffled order is the same on every machine") {
  // From an independent implementation of Philox, Lemire's rejection and Fisher and Yates's shuffle.
  CHECK(text(dots(10).shuffled({.batch = 10, .seed = 1, .epoch = 0})) == "8 1 2 5 9 7 6 0 4 3");
  CHECK(text(dots(10).iid({.batch = 5, .seed = 1, .epoch = 0})) == "9 6 5 1 7 4 1 6 8 5");
}

TEST_CASE("The stored order ends with a smaller batch") {
  const ImageSet set = dots(7);
  const Batches batches = set.in_order(3);
  CHECK(batches.size() == 3);
  CHECK(batches[2].indices.size() == 1);
  CHECK(indices(batches) == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(set.in_order(100).size() == 1);
  CHECK(dots(0).in_order(3).size() == 0);
}

TEST_CASE("A batch that is empty or larger than the set is refused") {
  const ImageSet set = dots(7);
  const std::string range = ", expected 1 .. 7, the number of images";
  CHECK(complaint([&] { set.shuffled({.batch = 0}); }) == "batch is 0" + range);
  CHECK(complaint([&] { set.shuffled({.batch = 8}); }) == "batch is 8" + range);
  CHECK(complaint([&] { set.iid({.batch = -1}); }) == "batch is -1" + range);
  CHECK(complaint([&] { set.iid({.batch = 8}); }) == "batch is 8" + range);
  CHECK(complaint([&] { set.in_order(0); }) == "batch is 0, expected at least 1");
}

TEST_CASE("A contact sheet has a row for each class with its first images") {
  const TemporaryFolder folder;
  const std::string header = "P5\n62 8\n255\n";
  const ImageSet set(1, 1, 1, 2, {10, 20, 30}, {1, 0, 1});
  write_contact_sheet(set, folder / "sheet.pgm");
  const std::string sheet = read_all(folder / "sheet.pgm");
  REQUIRE(sheet.size() == header.size() + 62 * 8);
  CHECK(sheet.substr(0, header.size()) == header);
  std::string picture(62 * 8, 96);
  picture[2 * 62 + 2] = 20;
  picture[5 * 62 + 2] = 10;
  picture[5 * 62 + 5] = 30;
  CHECK(sheet.substr(header.size()) == picture);
}

TEST_CASE("A contact sheet shows 20 images of a class and interleaves colours") {
  const TemporaryFolder folder;
  Bytes pixels(3 * 25);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{100});
  write_contact_sheet(ImageSet(3, 1, 1, 1, pixels, Bytes(25)), folder / "sheet.ppm");
  const std::string sheet = read_all(folder / "sheet.ppm"), header = "P6\n62 5\n255\n";
  REQUIRE(sheet.size() == header.size() + 62 * 5 * 3);
  CHECK(sheet.substr(0, header.size()) == header);
  const std::size_t last = header.size() + (2 * 62 + 2 + 19 * 3) * 3;
  for (std::size_t channel = 0; channel < 3; ++channel)
    CHECK(static_cast<std::uint8_t>(sheet[last + channel]) == 100 + 19 * 3 + channel);
}

TEST_CASE("A contact sheet that cannot be made or written is an error") {
  const TemporaryFolder folder;
  const ImageSet set = dots(1);
  const std::string nowhere = folder / "no/sheet.pgm";
  CHECK(complaint([&] { write_contact_sheet(set, nowhere); }) ==
        "cannot write " + nowhere + ": No such file or directory");
  CHECK(complaint([&] { write_contact_sheet(set, folder.path()); }) ==
        "cannot write " + folder.path().string() + ": Is a directory");
  CHECK(complaint([&] { write_contact_sheet(ImageSet(2, 1, 1, 1, Bytes(2), {0}), folder / "sheet"); }) ==
        "images of 2 channels have no contact sheet, expected 1 (grey) or 3 (colour)");
  CHECK(complaint([&] { write_contact_sheet(dots(0), folder / "sheet"); }) ==
        "an empty image set has no contact sheet, expected at least one image");
}

/// While it lives, files cannot grow beyond this many bytes, as on a disk that is full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_CASE("A contact sheet that does not fit leaves the file as it was, and nothing beside it") {
  const TemporaryFolder folder;
  const fs::path old_sheet = folder / "old.pgm", new_sheet = folder / "new.pgm";
  write_all(old_sheet, "what was there");
  const auto written = [](const fs::path& file) {
    return complaint([&] {
      const FileSizeLimit limit(100);
      write_contact_sheet(dots(1), file);
    });
  };
  CHECK(written(old_sheet) == "cannot write " + old_sheet.string() + ": File too large");
  CHECK(written(new_sheet) == "cannot write " + new_sheet.string() + ": File too large");
  CHECK(read_all(old_sheet) == "what was there");
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("A contact sheet goes to where a link leads, and into a pipe without replacing it") {
  const TemporaryFolder folder;
  write_all(folder / "sheet.pgm", "before");
  fs::create_symlink("sheet.pgm", folder / "link");
  write_contact_sheet(dots(1), folder / "link");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_all(folder / "sheet.pgm").starts_with("P5"));
  const fs::path pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int end = open(pipe.c_str(), O_RDWR);  // both ends, so that nobody waits
  REQUIRE(end >= 0);
  write_contact_sheet(dots(1), pipe);
  CHECK(fs::is_fifo(pipe));
  char magic[2] = {};
  CHECK((fs::is_fifo(pipe) && read(end, magic, 2) == 2 && magic[0] == 'P' && magic[1] == '5'));
  close(end);
}

}  // namespace
