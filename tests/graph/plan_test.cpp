// Plans: memory known and bounded before anything runs, and the same numbers however it is laid out.
#include "quench/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "graph/experiment.h"
#include "graph/node.h"
#include "graph/plan_state.h"
#include "graph/random_graph.h"
#include "kernels/gemm.h"
#include "quench/error.h"
#include "quench/executor.h"

using quench::Buffer;
using quench::Error;
using quench::Graph;
using quench::Plan;
using quench::PlanOptions;
using quench::Tensor;
using quench_test::bits;
using quench_test::build_random_graph;
using quench_test::Experiment;
using quench_test::gradient_bits;

namespace {

std::uint32_t run(Plan& plan) {
  const float root = plan.forward();
  if (state_of(plan).training) plan.backward();
  return bits(std::span(&root, 1))[0];
}

// A block of memory with an alignment of 64 bytes and a watched margin on both sides.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes), memory_(bytes + 3 * margin, watch) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data()) + margin;
    start_ = memory_.data() + margin + (64 - address % 64) % 64;
    std::fill(start_, start_ + bytes, std::byte{0xFF});  // NaNs, if anything relies on what it finds
  }
  std::span<std::byte> span() { return {start_, bytes_}; }
  bool margins_untouched() const {
    const auto untouched = [](std::byte b) { return b == watch; };
    const std::byte* end = memory_.data() + memory_.size();
    return std::all_of(memory_.data(), static_cast<const std::byte*>(start_), untouched) &&
           std::all_of(static_cast<const std::byte*>(start_ + bytes_), end, untouched);
  }

 private:
  static constexpr std::size_t margin = 256;
  static constexpr std::byte watch{0x5A};
  std::size_t bytes_;
  std::vector<std::byte> memory_;
  std::byte* start_ = nullptr;
};

// Fills everything but what lives always with NaN, as if other tensors had been there.
void poison(Plan& plan) {
  for (const Buffer& buffer : state_of(plan).buffers) {
    if (buffer.first < 0) continue;
    auto* floats = reinterpret_cast<float*>(state_of(plan).memory + buffer.offset);
    std::fill_n(floats, buffer.bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
  }
}

Tensor chain(Graph& g, int length, Tensor (*link)(Tensor)) {
  const Tensor x = g.input({1});
  Tensor t = x + g.parameter({1}, "start");
  for (int i = 0; i < length; ++i) t = link(t);
  return batch_mean(t);
}

}  // namespace

TEST_CASE("buffers of a plan that are in use at the same step overlap only where one takes the other's place") {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Graph g;
    const Tensor root = build_random_graph(g, 30, seed);
    Plan plan(g, root, {.batch = static_cast<int>(1 + seed % 40), .training = seed % 3 != 0});
    const std::vector<Buffer>& buffers = state_of(plan).buffers;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const Buffer& a = buffers[i];
      REQUIRE(a.first <= a.last);
      REQUIRE(a.offset % 64 == 0);
      REQUIRE(a.offset + a.bytes <= plan.bytes());
      for (std::size_t j = 0; j < buffers.size(); ++j) {
        const Buffer& b = buffers[j];
        const bool in_time = a.first <= b.last && b.first <= a.last;
        const bool in_space = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
        if (i == j || !in_time || !in_space) continue;
        const Buffer& later = a.first > b.first ? a : b;
        const Buffer& earlier = a.first > b.first ? b : a;
        REQUIRE(later.takes_place_of == (a.first > b.first ? j : i));
        REQUIRE(later.first == earlier.last);
        REQUIRE(later.bytes == earlier.bytes);
      }
    }
  }
}

TEST_CASE("sharing memory changes no bit: a plan that keeps everything gives the same") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Graph g;
    const Tensor root = build_random_graph(g, 25, seed);
    Experiment lean(g, root, {.batch = 20}, 1 + seed % 20, seed);
    std::vector<Tensor> all;
    for (const auto& planned : state_of(lean.plan).nodes) all.push_back(g.tensor(planned.id));
    Plan keeping(g, root, {.batch = 20, .keep = all});
    keeping.bind();
    keeping.set_live(lean.plan.live());
    lean.load(keeping);
    CHECK(run(lean.plan) == run(keeping));
    CHECK(gradient_bits(lean.plan) == gradient_bits(keeping));
  }
}

TEST_CASE("nothing is read before it is written: garbage between runs changes no bit") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Graph g;
    const Tensor root = build_random_graph(g, 25, seed);
    Experiment e(g, root, {.batch = 40}, 1 + seed % 40, seed);
    const std::uint32_t first = run(e.plan);
    const auto gradients = gradient_bits(e.plan);
    poison(e.plan);
    CHECK(run(e.plan) == first);
    CHECK(gradient_bits(e.plan) == gradients);
  }
}

TEST_CASE("a partial batch gives the bits of a plan of that size, also after larger batches") {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Graph g;
    const Tensor root = build_random_graph(g, 20, seed);
    const auto live = static_cast<std::int64_t>(1 + seed % 30);
    Experiment large(g, root, {.batch = 60}, 60, seed);
    Experiment exact(g, root, {.batch = static_cast<int>(live)}, live, seed);
    run(large.plan);
    large.plan.set_live(live);
    exact.load(large.plan);
    CHECK(run(large.plan) == run(exact.plan));
    CHECK(gradient_bits(large.plan) == gradient_bits(exact.plan));
  }
}

TEST_CASE("scratch is enough for every number of live examples, not only for all lanes") {
  // Products cut long sums into blocks: a shorter batch must not need longer ones.
  for (const std::int64_t rows : {1, 50, 216}) {
    for (const std::int64_t lanes : {112, 256, 512, 528, 1008, 1040}) {
      quench::kernels::Gemm weight_gradient{.m = rows, .n = 784, .a_stride = lanes, .b_stride = lanes};
      weight_gradient.b_transposed = true;
      quench::kernels::Gemm input_gradient{.m = rows, .k = 784, .a_stride = rows, .b_stride = lanes};
      input_gradient.a_transposed = true;
      input_gradient.lanes = true;
      std::size_t most_weight = 0, most_input = 0;
      for (std::int64_t live = 1; live <= lanes; ++live) {
        weight_gradient.k = live;
        input_gradient.n = live;
        most_weight = std::max(most_weight, quench::kernels::gemm_workspace_bytes(weight_gradient));
        most_input = std::max(most_input, quench::kernels::gemm_workspace_bytes(input_gradient));
      }
      CHECK(most_weight == quench::kernels::gemm_workspace_bytes(weight_gradient));
      CHECK(most_input == quench::kernels::gemm_workspace_bytes(input_gradient));
    }
  }
}

TEST_CASE("threads change no bit") {
  quench::ThreadPool alone(1), pool(3);
  Graph g;
  const Tensor x = g.input({300});
  const Tensor h = linear_relu(linear_relu(x, 210) * g.parameter({210}, "scale"), 150);
  const Tensor root = softmax_cross_entropy(linear(relu(h + h), 10)) + mean(batch_mean(h));
  Experiment one(g, root, {.batch = 500, .executor = &alone}, 490, 1);
  Experiment three(g, root, {.batch = 500, .executor = &pool}, 490, 1);
  CHECK(run(one.plan) == run(three.plan));
  CHECK(gradient_bits(one.plan) == gradient_bits(three.plan));
}

TEST_CASE("linear_relu gives the bits of linear followed by relu") {
  Graph g, h;
  const Tensor fused = softmax_cross_entropy(linear(linear_relu(linear_relu(g.input({20}), 30), 17), 5));
  const Tensor apart = softmax_cross_entropy(linear(relu(linear(relu(linear(h.input({20}), 30)), 17)), 5));
  Experiment a(g, fused, {.batch = 37}, 33, 1), b(h, apart, {.batch = 37}, 33, 1);
  CHECK(run(a.plan) == run(b.plan));
  CHECK(gradient_bits(a.plan) == gradient_bits(b.plan));
}

TEST_CASE("a NaN in a live example reaches the root through relu and the loss") {
  Graph g;
  const Tensor x = g.input({2});
  Plan plan(g, softmax_cross_entropy(linear(relu(x), 3)), {.batch = 4});
  plan.bind();
  plan.set_input(x, std::vector<float>{1, 2, std::numeric_limits<float>::quiet_NaN(), 4, 5, 6, 7, 8});
  plan.set_labels(std::vector<std::int32_t>{0, 1, 2, 0});
  const float root = plan.forward();
  CHECK(root != root);
}

TEST_CASE("the caller's memory is enough, gives the same bits, and nothing around it is written") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    Graph g;
    const Tensor root = build_random_graph(g, 20, seed);
    Experiment own(g, root, {.batch = 23}, 21, seed);
    Plan plan(g, root, {.batch = 23});
    Guarded memory(plan.bytes());
    plan.bind(memory.span());
    plan.set_live(21);
    own.load(plan);
    CHECK(run(plan) == run(own.plan));
    CHECK(gradient_bits(plan) == gradient_bits(own.plan));
    CHECK(memory.margins_untouched());
  }
}

TEST_CASE("bytes are known before memory is bound, and reuse saves most of a deep network's") {
  Graph g;
  Tensor t = g.input({64});
  for (int i = 0; i < 20; ++i) t = relu(t + t);
  const Tensor root = mean(batch_mean(t));
  Plan inference(g, root, {.batch = 16, .training = false});
  // The input, one activation that every operation works on in place, and crumbs.
  CHECK(inference.bytes() < 3 * 64 * 16 * 4);
  CHECK(inference.bytes_without_reuse() > 40 * 64 * 16 * 4);
  CHECK(inference.bytes() % 64 == 0);
  Graph h;
  Tensor u = h.input({64});
  for (int i = 0; i < 20; ++i) u = linear(u, 64);
  Plan training(h, mean(batch_mean(u)), {.batch = 160});
  CHECK(training.bytes() * 4 < training.bytes_without_reuse() * 3);
}

TEST_CASE("no gradient is planned for what depends on no parameter") {
  Graph g;
  const Tensor x = g.input({8});
  const Tensor constant = relu(x * x);
  const Tensor root = batch_mean(sum(constant * g.parameter({8}, "p")));
  Plan plan(g, root, {.batch = 4});
  for (const auto& planned : state_of(plan).nodes) {
    CHECK((planned.gradient == quench::none) == (planned.id <= static_cast<std::size_t>(constant.id())));
  }
}

TEST_CASE("a plan leaves out what its root does not depend on") {
  Graph g;
  const Tensor x = g.input({3});
  const Tensor unused = linear(x, 1000);
  const Tensor root = batch_mean(sum(linear(x, 2)));
  relu(root);
  Plan plan(g, root, {.batch = 2});
  plan.bind();
  CHECK(plan.parameters().size() == 2);
  CHECK(plan.parameters()[0].name == "fc2.weight");
  CHECK_THROWS_WITH_AS(plan.value(unused), "value: linear 3 is not in the plan, as its root does not depend on it",
                       Error);
  CHECK_THROWS_WITH_AS(Plan(g, root, {.keep = {unused}}),
                       "plan: root does not depend on linear 3, which is to be kept", Error);
}

TEST_CASE("chains of 100,000 operations plan and run without recursion") {
  constexpr int length = 100'000;
  SUBCASE("a * 0.5, then a + a") {
    Graph g;
    const Tensor x = g.input({1});
    const Tensor half = g.parameter({1}, "half");
    Tensor t = x + g.parameter({1}, "start");
    for (int i = 0; i < length / 2; ++i) {
      const Tensor h = t * half;
      t = h + h;
    }
    Plan plan(g, batch_mean(t), {.batch = 3});
    plan.bind();
    plan.value(half)[0] = 0.5F;
    plan.set_input(x, std::vector<float>{1, 2, 6});
    CHECK(plan.forward() == 3.0F);
    plan.backward();
    CHECK(plan.parameters()[1].gradient[0] == 1.0F);
    CHECK(plan.parameters()[0].gradient[0] == doctest::Approx(length * 3.0).epsilon(1e-3));
  }
  SUBCASE("relu after relu") {
    Graph g;
    Plan plan(g, chain(g, length, quench::relu), {.batch = 3});
    plan.bind();
    plan.set_input(g.tensor(0), std::vector<float>{1, -2, 5});
    CHECK(plan.forward() == 2.0F);
    plan.backward();
    CHECK(plan.parameters()[0].gradient[0] == doctest::Approx(2.0 / 3));
  }
  SUBCASE("views of views") {
    Graph g;
    Plan plan(g, chain(g, length, quench::flatten), {.batch = 3});
    plan.bind();
    plan.set_input(g.tensor(0), std::vector<float>{1, -2, 4});
    CHECK(plan.forward() == 1.0F);
    plan.backward();
    CHECK(plan.parameters()[0].gradient[0] == 1.0F);
  }
}

TEST_CASE("inputs stay readable, element-major, and dead lanes of their last vector are zero") {
  Graph g;
  const Tensor x = g.input({2});
  Plan plan(g, batch_mean(sum(x * g.parameter({2}, "p"))), {.batch = 20});
  plan.bind();
  CHECK(plan.lanes() == 32);
  CHECK(plan.live() == 20);
  std::fill(plan.value(x).begin(), plan.value(x).end(), 9.0F);
  plan.set_live(3);
  plan.set_input(x, std::vector<float>{1, 2, 3, 4, 5, 6});
  plan.forward();
  const auto value = plan.value(x);
  CHECK(value.size() == 64);
  for (std::size_t n = 0; n < 16; ++n) {
    CHECK(value[n] == (n < 3 ? static_cast<float>(2 * n + 1) : 0.0F));
    CHECK(value[32 + n] == (n < 3 ? static_cast<float>(2 * n + 2) : 0.0F));
  }
}

TEST_CASE("shared values, kept or parameters, are padded with zeros to a whole vector") {
  for (const bool training : {true, false}) {
    Graph g;
    const Tensor a = g.parameter({3, 5}, "a"), b = g.parameter({5, 7}, "b");
    const Tensor x = g.input({21});
    // The per-example product fills the memory that the shared one gets next.
    const Tensor product = matmul(a, b);
    const Tensor m = batch_mean(x * x) * flatten(product);
    const Tensor root = sum(m);
    Experiment e(g, root, {.batch = 16, .training = training, .keep = {product, m}}, 16, 1);
    poison(e.plan);
    run(e.plan);
    for (const Tensor t : {a, b, product, m}) {
      const auto elements = static_cast<std::size_t>(quench::element_count(t.shape()));
      const auto ends_in_zeros = [elements](std::span<const float> data) {
        return data.size() % 16 == 0 && std::all_of(data.begin() + static_cast<std::ptrdiff_t>(elements),
                                                    data.end(), [](float value) { return value == 0; });
      };
      CHECK(ends_in_zeros(e.plan.value(t)));
      if (training) CHECK(ends_in_zeros(e.plan.gradient(t)));
    }
  }
}

TEST_CASE("the gradient of a parameter survives later forward passes") {
  Graph g;
  const Tensor root = softmax_cross_entropy(linear(linear_relu(g.input({9}), 20), 4));
  Experiment e(g, root, {.batch = 30}, 30, 1);
  run(e.plan);
  const auto before = gradient_bits(e.plan);
  e.plan.forward();
  CHECK(gradient_bits(e.plan) == before);
}

TEST_CASE("a plan without training runs per-example roots and has no gradients") {
  Graph g;
  const Tensor x = g.input({3});
  const Tensor y = relu(x);
  Plan plan(g, y, {.batch = 2, .training = false});
  plan.bind();
  plan.set_input(x, std::vector<float>{1, -1, 2, -3, 4, -5});
  CHECK(plan.forward() == 0.0F);
  CHECK(plan.value(y)[0] == 1.0F);
  CHECK(plan.value(y)[17] == 4.0F);
  CHECK_THROWS_WITH_AS(plan.backward(), "backward: the plan was made without training", Error);
  CHECK_THROWS_WITH_AS(plan.gradient(y), "gradient: the plan was made without training", Error);
}
