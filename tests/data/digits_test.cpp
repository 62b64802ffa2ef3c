#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "generated.h"
#include "quench/dataset.h"

namespace {

using quench::Dataset;
using quench::ImageSet;
using quench::test::hash;

/// Drawn once for all tests below.
const Dataset& digits() {
  static const Dataset set = quench::generated_digits(1);
  return set;
}

TEST_CASE("Generated digits have MNIST's shape and counts") {
  CHECK(digits().generated);
  CHECK(digits().name == "mnist");
  CHECK(digits().train.size() == 60000);
  CHECK(digits().test.size() == 10000);
  for (const ImageSet* set : {&digits().train, &digits().test}) {
    CHECK(set->channels() == 1);
    CHECK(set->height() == 28);
    CHECK(set->width() == 28);
    CHECK(set->classes() == 10);
    CHECK(set->normalization().scale == digits().train.zero_mean_unit_variance().scale);
    CHECK(set->normalization().shift == digits().train.zero_mean_unit_variance().shift);
  }
}

TEST_CASE("The first 1000 generated digits of seed 1 have the committed bytes") {
  CHECK(hash(digits().train.pixels().first(1000 * 784)) == 8641500203701612474U);
  CHECK(hash(digits().train.labels().first(1000)) == 7759130032323918243U);
  CHECK(hash(digits().test.pixels().first(1000 * 784)) == 17183173785770246677U);
}

TEST_CASE("Generated digits do not depend on who draws them and in which order") {
  quench::test::check_independent_of_executor(digits(), quench::generated_digits);
}

TEST_CASE("Another seed draws other digits") { quench::test::check_other_seed(digits(), quench::generated_digits); }

TEST_CASE("No two training digits are the same image, and test digits are none of them") {
  quench::test::check_all_different(digits());
}

TEST_CASE("Digits of one class vary, and the classes differ from each other") {
  constexpr std::size_t count = 2000, size = 784;
  std::vector<std::vector<double>> means(10, std::vector<double>(size));
  std::vector<int> members(10);
  const auto digit = [](std::size_t i) { return digits().train.image(static_cast<std::int64_t>(i)); };
  const auto label = [](std::size_t i) { return std::size_t{digits().train.labels()[i]}; };
  for (std::size_t i = 0; i < count; ++i) {
    ++members[label(i)];
    for (std::size_t p = 0; p < size; ++p) means[label(i)][p] += digit(i)[p];
  }
  for (std::size_t c = 0; c < 10; ++c)
    for (double& value : means[c]) value /= members[c];

  // Root mean square differences over the pixels, in units of a byte. MNIST has 26 .. 70 between the means of two
  // classes, and 43 .. 65 between an image and the mean of its class.
  const auto difference = [](const auto& a, const auto& b) {
    double sum = 0;
    for (std::size_t p = 0; p < size; ++p) sum += (a[p] - b[p]) * (a[p] - b[p]);
    return std::sqrt(sum / size);
  };
  for (std::size_t a = 0; a < 10; ++a)
    for (std::size_t b = 0; b < a; ++b) CHECK(difference(means[a], means[b]) > 15);
  std::vector<double> spread(10);
  for (std::size_t i = 0; i < count; ++i)
    spread[label(i)] += difference(digit(i), means[label(i)]) / members[label(i)];
  for (std::size_t c = 0; c < 10; ++c) CHECK(spread[c] > 35);
}

TEST_CASE("The classes of generated digits are balanced") { quench::test::check_balanced(digits()); }

TEST_CASE("Generated digits are about as bright as MNIST's, centred, with a dark border") {
  const ImageSet& set = digits().train;
  std::uint64_t sum = 0, border = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const std::span<const std::uint8_t> image = set.image(i);
    double mass = 0, moment_x = 0, moment_y = 0;
    std::uint8_t brightest = 0;
    for (std::size_t y = 0; y < 28; ++y)
      for (std::size_t x = 0; x < 28; ++x) {
        const std::uint8_t value = image[y * 28 + x];
        sum += value;
        if (x == 0 || y == 0 || x == 27 || y == 27) border += value;
        brightest = std::max(brightest, value);
        mass += value;
        moment_x += value * (static_cast<double>(x) + 0.5);
        moment_y += value * (static_cast<double>(y) + 0.5);
      }
    CHECK_UNARY(brightest > 100);
    REQUIRE(mass > 0);
    CHECK_UNARY(moment_x / mass > 12 && moment_x / mass < 16);
    CHECK_UNARY(moment_y / mass > 12 && moment_y / mass < 16);
  }
  const double mean = static_cast<double>(sum) / static_cast<double>(set.pixels().size());
  CHECK(mean > 28);  // MNIST: 33.3
  CHECK(mean < 40);
  CHECK(static_cast<double>(border) < 0.001 * static_cast<double>(sum));
}

}  // namespace
