// Initial parameters.
#include "nn/init.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "quench/graph.h"

using quench::Init;
using quench::Parameter;
using quench::Shape;

namespace {

struct Tensors {
  // One memory a parameter, filled with something that must be overwritten.
  void add(Shape shape, Init init) {
    memory.emplace_back(static_cast<std::size_t>(quench::element_count(shape)), 99.0F);
    list.push_back({"p", std::move(shape), init, memory.back(), {}});
  }
  std::vector<std::vector<float>> memory;
  std::vector<Parameter> list;
};

}  // namespace

TEST_CASE("Xavier's weights fill +-sqrt(6 / (fan_in + fan_out)) evenly") {
  struct Case {
    Shape shape;
    double fans;
  };
  for (const Case& c : {Case{{200, 784}, 984}, Case{{10, 200}, 210}, Case{{20, 16, 5, 5}, 36 * 25}}) {
    Tensors t;
    t.add(c.shape, Init::xavier_uniform);
    quench::initialize(t.list, 1);
    const double bound = std::sqrt(6 / c.fans);
    const auto [least, most] = std::minmax_element(t.memory[0].begin(), t.memory[0].end());
    CHECK(*least >= static_cast<float>(-bound));
    CHECK(*most <= static_cast<float>(bound));
    CHECK(*least < -0.99 * bound);
    CHECK(*most > 0.99 * bound);
    double sum = 0, squares = 0;
    for (const float value : t.memory[0]) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto count = static_cast<double>(t.memory[0].size());
    // Mean 0 and variance bound^2 / 3, within five standard errors.
    CHECK(std::abs(sum / count) < 5 * bound / std::sqrt(3 * count));
    CHECK(squares / count == doctest::Approx(bound * bound / 3).epsilon(5 * std::sqrt(0.8 / count)));
  }
}

TEST_CASE("zeros are zeros, and take no random numbers from the others") {
  Tensors t;
  t.add({7}, Init::zeros);
  t.add({3, 4}, Init::xavier_uniform);
  quench::initialize(t.list, 5);
  CHECK(std::all_of(t.memory[0].begin(), t.memory[0].end(), [](float value) { return value == 0; }));
  Tensors same;
  same.add({2, 2}, Init::xavier_uniform);
  same.add({3, 4}, Init::xavier_uniform);
  quench::initialize(same.list, 5);
  CHECK(t.memory[1] == same.memory[1]);
}

TEST_CASE("seeds and parameters have different numbers") {
  Tensors a, b;
  for (Tensors* t : {&a, &b}) {
    t->add({3, 4}, Init::xavier_uniform);
    t->add({3, 4}, Init::xavier_uniform);
  }
  quench::initialize(a.list, 1);
  quench::initialize(b.list, 2);
  CHECK(a.memory[0] != a.memory[1]);
  CHECK(a.memory[0] != b.memory[0]);
}
