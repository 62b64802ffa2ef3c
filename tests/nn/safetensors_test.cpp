// Parameters in safetensors files: what is written, what loads, and what is refused.
#include "quench/safetensors.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "io/little_endian.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "quench/error.h"
#include "temporary_folder.h"

using namespace quench;
using quench::test::TemporaryFolder;

namespace {

constexpr std::uint64_t plenty = 1'000'000;

/// A model with the paper's CNN for images of 1 x 8 x 8, and one without training.
struct Network {
  explicit Network(std::uint64_t seed, bool training = true)
      : model(graph, softmax_cross_entropy(cnn(graph.input({1, 8, 8}), 3)),
              {.batch = 2, .seed = seed, .training = training}) {}
  Graph graph;
  Model model;
};

std::span<const float> values(const Parameter& parameter) {
  return std::span<const float>(parameter.value).first(static_cast<std::size_t>(element_count(parameter.shape)));
}

std::vector<std::uint32_t> bits(const Parameters& parameters) {
  std::vector<std::uint32_t> all;
  for (const Parameter& parameter : parameters.tensors)
    for (const float value : values(parameter)) all.push_back(std::bit_cast<std::uint32_t>(value));
  return all;
}

/// A model of one linear layer, 3 -> 2: fc1.weight [2, 3] and fc1.bias [2].
struct Small {
  Small()
      : model(graph, softmax_cross_entropy(mlp(graph.input({3}), std::span<const std::int64_t>{}, 2)),
              {.batch = 1}) {}
  Graph graph;
  Model model;
};

template <typename Value>
std::string bytes_of(std::initializer_list<Value> list) {
  std::string bytes;
  for (const Value value : list) io::append_little_endian(bytes, value);
  return bytes;
}

/// Loads the file into a Small and returns the weights; checks that nothing has changed when that is refused.
std::vector<float> loaded(const io::SafetensorsFile& contents) {
  const TemporaryFolder folder;
  quench::test::write_all(folder / "m.st", io::safetensors_bytes(contents));
  Small small;
  const std::vector<std::uint32_t> before = bits(small.model.parameters());
  try {
    load_parameters(folder / "m.st", small.model.parameters());
  } catch (...) {
    CHECK(bits(small.model.parameters()) == before);
    throw;
  }
  const auto weights = values(small.model.parameters().tensors[0]);
  return {weights.begin(), weights.end()};
}

void refused(const io::SafetensorsFile& contents, const char* why) {
  CAPTURE(why);
  CHECK_THROWS_WITH_AS(loaded(contents), doctest::Contains(why), Error);
}

const std::string six = bytes_of({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}), two = bytes_of({7.0F, 8.0F});

}  // namespace

TEST_SUITE("parameters in files") {
  TEST_CASE("a saved network loads with the same bits, under PyTorch's names and shapes") {
    const TemporaryFolder folder;
    Network saved(1);
    saved.model.parameters().tensors[1].value[0] = -0.0F;
    saved.model.parameters().tensors[1].value[1] = 1e-45F;
    save_parameters(folder / "m.st", saved.model.parameters(), {{"format", "pt"}, {"step", "3"}});

    const std::string bytes = io::read_file(folder / "m.st", plenty);
    const io::SafetensorsFile file = io::parse_safetensors(bytes, "m.st");
    CHECK(*file.find_metadata("step") == "3");
    const std::vector<std::pair<std::string, Shape>> expected = {
        {"conv1.weight", {16, 1, 5, 5}},  {"conv1.bias", {16}},
        {"conv2.weight", {20, 16, 5, 5}}, {"conv2.bias", {20}},
        {"conv3.weight", {20, 20, 5, 5}}, {"conv3.bias", {20}},
        {"fc1.weight", {3, 20}},          {"fc1.bias", {3}}};
    REQUIRE(file.tensors.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(file.tensors[i].name == expected[i].first);
      CHECK(file.tensors[i].shape == expected[i].second);
      CHECK(file.tensors[i].dtype == io::Dtype::f32);
    }
    const auto weights = values(saved.model.parameters().tensors[4]);
    for (std::size_t i = 0; i < weights.size(); ++i)
      REQUIRE(io::from_little_endian<float>(file.find("conv3.weight")->bytes.data() + 4 * i) == weights[i]);

    Network other(2, false);
    CHECK(bits(other.model.parameters()) != bits(saved.model.parameters()));
    load_parameters(folder / "m.st", other.model.parameters());
    CHECK(bits(other.model.parameters()) == bits(saved.model.parameters()));
  }

  TEST_CASE("the padding of a tensor in memory stays zero") {
    Small small;
    const TemporaryFolder folder;
    save_parameters(folder / "m.st", small.model.parameters());
    load_parameters(folder / "m.st", small.model.parameters());
    const std::span<float> value = small.model.parameters().tensors[0].value;
    for (std::size_t i = 6; i < value.size(); ++i) CHECK(value[i] == 0);
  }

  TEST_CASE("a file that cannot be written is named, and the old one stays") {
    Small small;
    const TemporaryFolder folder;
    CHECK_THROWS_WITH_AS(save_parameters(folder / "gone" / "m.st", small.model.parameters()),
                         doctest::Contains("cannot write "), Error);
    save_parameters(folder / "m.st", small.model.parameters());
    const std::string before = io::read_file(folder / "m.st", plenty);
    CHECK_THROWS_AS(save_parameters(folder / "m.st", small.model.parameters(), {{"a", ""}, {"a", ""}}), Error);
    CHECK(io::read_file(folder / "m.st", plenty) == before);
  }

  TEST_CASE("tensors in any order, and of the other floating-point types") {
    CHECK(loaded({{}, {{"fc1.bias", io::Dtype::f32, {2}, two}, {"fc1.weight", io::Dtype::f32, {2, 3}, six}}}) ==
          std::vector<float>{1, 2, 3, 4, 5, 6});
    const auto with = [](io::Dtype dtype, const std::string& weights) {
      return loaded({{}, {{"fc1.weight", dtype, {2, 3}, weights}, {"fc1.bias", io::Dtype::f32, {2}, two}}});
    };
    // Halves between neighbours go to the even one, above them up; the smallest float and half of it.
    CHECK(with(io::Dtype::f64,
               bytes_of({1 + 0x1p-24, 1 + 0x3p-24, 1 + 0x1p-24 + 0x1p-50, -0.1, 0x1p-149, 0x1p-150})) ==
          std::vector<float>{1, 1 + 0x1p-22F, 1 + 0x1p-23F, -0.1F, 0x1p-149F, 0});
    CHECK(with(io::Dtype::bf16, bytes_of<std::uint16_t>({0x3f80, 0xc049, 0x0001, 0x8000, 0x7f7f, 0})) ==
          std::vector<float>{1, -3.140625F, 0x1p-133F, -0.0F, 0x1.fep+127F, 0});
    CHECK(with(io::Dtype::f16, bytes_of<std::uint16_t>({0x3c00, 0xc248, 0x0001, 0x83ff, 0x7bff, 0x0400})) ==
          std::vector<float>{1, -3.140625F, 0x1p-24F, -0x3ffp-24F, 65504, 0x1p-14F});
    CHECK(std::signbit(with(io::Dtype::f16, bytes_of<std::uint16_t>({0x8000, 0, 0, 0, 0, 0}))[0]));
  }

  TEST_CASE("every F16 is the number that its bits mean") {
    for (std::uint32_t first = 0; first < 0x10000; first += 6 * 64) {
      std::string bytes;
      std::vector<float> expected;
      for (std::uint32_t code = first; code < first + 6 * 64; ++code) {
        const bool finite = code < 0x10000 && (code >> 10 & 0x1f) != 0x1f;
        io::append_little_endian(bytes, static_cast<std::uint16_t>(finite ? code : 0));
        const int exponent = static_cast<int>(code >> 10 & 0x1f), fraction = static_cast<int>(code & 0x3ff);
        const double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
        expected.push_back(finite ? static_cast<float>((code & 0x8000) != 0 ? -value : value) : 0);
      }
      Graph graph;
      Model model(graph, softmax_cross_entropy(linear(graph.input({64}), 6)), {.batch = 1});
      const TemporaryFolder folder;
      const std::string bias(24, '\0');
      quench::test::write_all(
          folder / "m.st",
          io::safetensors_bytes(
              {{}, {{"fc1.weight", io::Dtype::f16, {6, 64}, bytes}, {"fc1.bias", io::Dtype::f32, {6}, bias}}}));
      load_parameters(folder / "m.st", model.parameters());
      const auto found = values(model.parameters().tensors[0]);
      REQUIRE(std::vector<float>(found.begin(), found.end()) == expected);
    }
  }

  TEST_CASE("missing, surplus, differently shaped or typed tensors are refused, and nothing changes") {
    const io::SafetensorsEntry weight{"fc1.weight", io::Dtype::f32, {2, 3}, six},
        bias{"fc1.bias", io::Dtype::f32, {2}, two};
    refused({{}, {weight}}, "m.st: tensor \"fc1.bias\" is missing, expected one of shape [2]");
    refused({{}, {weight, bias, {"fc2.bias", io::Dtype::f32, {2}, two}}},
            "tensor \"fc2.bias\" is none of the model's, expected fc1.weight, fc1.bias");
    refused({{}, {bias, {"fc1.weight", io::Dtype::f32, {3, 2}, six}}},
            "tensor \"fc1.weight\" has the shape [3, 2], expected [2, 3]");
    refused({{}, {weight, {"fc1.bias", io::Dtype::f32, {2, 1}, two}}}, "has the shape [2, 1], expected [2]");
    refused({{}, {weight, {"fc1.bias", io::Dtype::i32, {2}, two}}},
            "tensor \"fc1.bias\" is of type I32, expected F32, F64, F16 or BF16");
    for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      const std::string bytes = bytes_of({1.0F, bad});
      refused({{}, {weight, {"fc1.bias", io::Dtype::f32, {2}, bytes}}},
              bad > 0 ? "tensor \"fc1.bias\" has inf for value number 1, expected finite numbers"
                      : "has -inf for value number 1");
    }
    const std::string nan = bytes_of<std::uint16_t>({0x7e00, 0}), large = bytes_of({0.0, 3.5e38});
    refused({{}, {weight, {"fc1.bias", io::Dtype::f16, {2}, nan}}}, "has nan for value number 0");
    refused({{}, {weight, {"fc1.bias", io::Dtype::bf16, {2}, bytes_of<std::uint16_t>({0, 0xff80})}}},
            "has -inf for value number 1");
    refused({{}, {weight, {"fc1.bias", io::Dtype::f64, {2}, large}}},
            "has 3.5e+38 for value number 1, expected finite numbers that fit in F32");
  }

  TEST_CASE("what is no file of parameters is refused") {
    const TemporaryFolder folder;
    Small small;
    CHECK_THROWS_WITH_AS(load_parameters(folder / "gone", small.model.parameters()), doctest::Contains("gone"),
                         Error);
    CHECK_THROWS_WITH_AS(load_parameters(folder.path(), small.model.parameters()),
                         doctest::Contains("no regular file"), Error);
    quench::test::write_all(folder / "m.st", "nothing");
    CHECK_THROWS_WITH_AS(load_parameters(folder / "m.st", small.model.parameters()),
                         doctest::Contains("m.st has 7 bytes"), Error);
    std::filesystem::resize_file(folder / "m.st", 101'000'000);
    CHECK_THROWS_WITH_AS(load_parameters(folder / "m.st", small.model.parameters()),
                         doctest::Contains("it has 101000000 bytes, expected at most 100000072"), Error);
  }
}
