#include "quench/sgd.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/oracle.h"
#include "optim/three_tensors.h"
#include "quench/error.h"
#include "random_images.h"

using namespace quench;
using Fixture = quench_test::ThreeTensors;

namespace {

bool near(double a, double b, double scale) { return std::fabs(a - b) <= 1e-7 * scale; }

/// The message of the Error that making an Sgd with these options throws, or "" when it throws none.
std::string refusal(const SgdOptions& options) {
  Fixture f;
  try {
    const Sgd sgd(f.parameters(), options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a step with momentum, dampening and L2 follows eqs. 10 and 11, with velocity 0 before the first") {
  Fixture f;
  const SgdOptions options{.lr = 0.1F, .momentum = 0.9F, .dampening = 0.5F, .weight_decay = 0.01F};
  Sgd sgd(f.parameters(), options);
  std::vector<std::vector<float>> theta, v;
  for (const Parameter& p : f.plan.parameters()) {
    theta.emplace_back(p.value.begin(), p.value.end());
    v.emplace_back(p.value.size(), 0.0F);
  }
  for (int step = 0; step < 3; ++step) {
    f.draw_gradients();
    sgd.lr = step == 2 ? 0.02F : 0.1F;
    sgd.step();
    for (std::size_t t = 0; t < theta.size(); ++t) {
      const Parameter& p = f.plan.parameters()[t];
      std::int64_t wrong = 0;
      for (std::size_t i = 0; i < theta[t].size(); ++i) {
        const float g = oracle::fma(0.01F, theta[t][i], p.gradient[i]);
        const float a_g = 0.5F * g;
        v[t][i] = oracle::fma(0.9F, v[t][i], -a_g);
        theta[t][i] = oracle::fma(sgd.lr, v[t][i], theta[t][i]);
        if (!oracle::same(theta[t][i], p.value[i]) || !oracle::same(v[t][i], sgd.velocity(t)[i])) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("step returns the sums of the state before the update, for each tensor and over all") {
  Fixture f;
  Sgd sgd(f.parameters(), {.lr = 0.1F, .momentum = 0.5F, .weight_decay = 0.01F});
  f.draw_gradients();
  sgd.step();  // so that there is a velocity
  f.draw_gradients();
  std::vector<Observables> expected;
  for (std::size_t t = 0; t < 3; ++t) {
    const Parameter& p = f.plan.parameters()[t];
    Observables o;
    for (std::size_t i = 0; i < p.value.size(); ++i) {
      const auto theta = static_cast<double>(p.value[i]), v = static_cast<double>(sgd.velocity(t)[i]);
      const double g = static_cast<double>(p.gradient[i]) + 0.01 * theta;
      o.theta_g += theta * g;
      o.g_g += g * g;
      o.v_v += v * v;
      o.v_g += v * g;
      o.theta_v += theta * v;
      o.theta_theta += theta * theta;
    }
    expected.push_back(o);
  }
  const Observables total = sgd.step();
  Observables sum;
  for (std::size_t t = 0; t < 3; ++t) {
    const Observables &o = sgd.per_tensor()[t], &e = expected[t];
    const double scale = e.g_g + e.v_v + e.theta_theta;
    CHECK(near(o.theta_g, e.theta_g, scale));
    CHECK(near(o.g_g, e.g_g, scale));
    CHECK(near(o.v_v, e.v_v, scale));
    CHECK(near(o.v_g, e.v_g, scale));
    CHECK(near(o.theta_v, e.theta_v, scale));
    CHECK(near(o.theta_theta, e.theta_theta, scale));
    sum.theta_g += o.theta_g;
    sum.v_g += o.v_g;
  }
  CHECK(total.theta_g == sum.theta_g);
  CHECK(total.v_g == sum.v_g);
}

TEST_CASE("the drift of the watched elements is what their squares grow by, to double rounding") {
  for (const bool keep_velocity : {true, false}) {
    Fixture f;
    Sgd sgd(f.parameters(), {.lr = 0.1F, .weight_decay = 0.01F, .keep_velocity = keep_velocity});
    double watched_by_parts = 0;
    for (const std::int64_t parts : {1, 3}) {
      for (std::int64_t part = 0; part < parts; ++part) {
        sgd.watch(part, parts);
        const Norms before = sgd.norms();
        double drift = 0;
        for (int step = 0; step < 5; ++step) {
          f.draw_gradients();
          drift += sgd.step().drift;
        }
        const Norms after = sgd.norms();
        CHECK(std::abs(after.watched - before.watched) > 1e-3);
        CHECK(std::abs(drift - (after.watched - before.watched)) < 1e-13 * after.watched);
        if (parts == 1) CHECK(std::abs(after.watched - after.theta_theta) < 1e-13 * after.watched);
      }
    }
    for (std::int64_t part = 0; part < 3; ++part) {
      sgd.watch(part, 3);
      watched_by_parts += sgd.norms().watched;
    }
    CHECK(std::abs(watched_by_parts - sgd.norms().theta_theta) < 1e-13 * watched_by_parts);
    CHECK_THROWS_WITH_AS(sgd.watch(3, 3), "watch: part 3 of 3, expected 0 <= part < parts", Error);
  }
}

TEST_CASE("a step says what rule it was made by") {
  Fixture f;
  Sgd sgd(f.parameters(), {.lr = 0.5F, .momentum = 0.25F, .dampening = 0.125F});
  f.draw_gradients();
  sgd.lr = 0.75F;
  const Observables o = sgd.step();
  CHECK(o.lr == 0.75);
  CHECK(o.momentum == 0.25);
  CHECK(o.dampening == 0.125);
  CHECK(sgd.per_tensor()[0].lr == 0.75);
}

TEST_CASE("without a stored velocity the parameters are the same, and so are the sums that need none") {
  Fixture with, without;
  const SgdOptions options{.lr = 0.1F, .dampening = 0.25F, .weight_decay = 0.01F};
  SgdOptions frugal = options;
  frugal.keep_velocity = false;
  Sgd a(with.parameters(), options), b(without.parameters(), frugal);
  CHECK(Sgd::bytes(with.parameters(), options) > 0);
  CHECK(Sgd::bytes(without.parameters(), frugal) == 0);
  for (int step = 0; step < 4; ++step) {
    with.draw_gradients();
    without.draw_gradients();
    const Observables x = a.step(), y = b.step();
    CHECK(x.theta_g == y.theta_g);
    CHECK(x.g_g == y.g_g);
    CHECK(near(x.v_v, y.v_v, x.v_v));
    CHECK(x.theta_theta == y.theta_theta);
    CHECK(std::isfinite(x.v_g));
    CHECK(std::isnan(y.v_g));
    CHECK(std::isnan(y.theta_v));
    if (step == 2) {
      a.restart();
      b.restart();
    }
    CHECK((y.v_v == 0.0) == (step == 0 || step == 3));
  }
  for (std::size_t t = 0; t < 3; ++t) {
    const Parameter &p = with.plan.parameters()[t], &q = without.plan.parameters()[t];
    CHECK(oracle::first_difference(p.value.data(), q.value.data(), p.value.size()) == -1);
  }
  CHECK(a.norms().theta_theta == b.norms().theta_theta);
  CHECK(std::isnan(b.norms().v_v));
  CHECK_THROWS_WITH_AS(b.velocity(0), "the velocity is not stored: momentum is 0 and keep_velocity is off", Error);
  CHECK_THROWS_WITH_AS(a.velocity(3), "velocity of tensor 3, expected below 3", Error);
}

TEST_CASE("the sums with the velocity are exact products in double: tiny and huge numbers do not vanish") {
  for (const float size : {1e-23F, 1e20F}) {
    Fixture f;
    Sgd sgd(f.parameters(), {.lr = 0.0F, .momentum = 0.5F});
    for (const Parameter& p : f.plan.parameters()) {
      for (float& x : p.value) x = size;
      for (float& x : p.gradient) x = size;
    }
    sgd.step();
    const Observables o = sgd.step();
    const double square = static_cast<double>(size) * static_cast<double>(size), n = 90 * 101 + 3 + 70 * 70;
    CHECK(near(o.v_v, n * square, n * square));
    CHECK(near(o.v_g, -n * square, n * square));
    CHECK(near(o.theta_v, -n * square, n * square));
  }
}

TEST_CASE("an optimiser follows when the default pool is replaced") {
  Fixture f;
  Sgd sgd({f.plan.parameters(), nullptr}, {});
  f.draw_gradients();
  sgd.step();
  set_default_threads(3);
  sgd.step();
  set_default_threads(available_threads());
  sgd.step();
  CHECK(std::isfinite(sgd.norms().theta_theta));
}

TEST_CASE("the sums do not depend on the number of threads, and the plain pass agrees with them") {
  Fixture one(1), many(5);
  const SgdOptions options{.lr = 0.1F, .momentum = 0.9F};
  Sgd a(one.parameters(), options), b(many.parameters(), options);
  for (int step = 0; step < 3; ++step) {
    one.draw_gradients();
    many.draw_gradients();
    const Norms before = a.norms();
    const Observables x = a.step(), y = b.step();
    CHECK(x.theta_g == y.theta_g);
    CHECK(x.v_v == y.v_v);
    CHECK(x.theta_theta == y.theta_theta);
    CHECK(near(before.theta_theta, x.theta_theta, x.theta_theta));
    CHECK(near(before.theta_v, x.theta_v, x.theta_theta));
    CHECK(near(before.v_v, x.v_v, x.theta_theta));
  }
}

TEST_CASE("the update keeps the zeros that pad a tensor to whole vectors") {
  Fixture f;
  Sgd sgd(f.parameters(), {.lr = 0.5F, .momentum = 0.9F, .weight_decay = 0.1F});
  for (int step = 0; step < 2; ++step) {
    f.draw_gradients();
    sgd.step();
  }
  const std::span<float> b = f.plan.value(f.b);
  REQUIRE(b.size() == 16);
  for (std::size_t i = 3; i < 16; ++i) CHECK(oracle::same(b[i], 0.0F));
}

TEST_CASE("a caller's buffer holds the velocity; one that is too small or not aligned is refused") {
  Fixture f;
  SgdOptions options{.momentum = 0.9F};
  const std::size_t need = Sgd::bytes(f.parameters(), options);
  oracle::Buffer memory(static_cast<std::int64_t>(need / 4) + 16, 7.0F);
  const auto bytes = std::as_writable_bytes(std::span(memory.data(), memory.size()));
  options.buffer = bytes.first(need);
  Sgd sgd(f.parameters(), options);
  CHECK(sgd.velocity(0).data() == memory.data());
  f.draw_gradients();
  sgd.step();
  for (std::size_t i = need / 4; i < memory.size(); ++i) CHECK(memory[static_cast<std::int64_t>(i)] == 7.0F);

  options.buffer = bytes.first(need - 64);
  CHECK(refusal(options) ==
        "the optimiser's buffer has " + std::to_string(need - 64) + " bytes, expected " + std::to_string(need));
  options.buffer = bytes.subspan(4, need);
  CHECK(refusal(options) == "the optimiser's buffer is not aligned to 64 bytes");
}

TEST_CASE("options out of range are refused by name, value and range") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CHECK(refusal({.lr = -0.1F}) == "lr is -0.1, expected a finite number of at least 0");
  CHECK(refusal({.lr = nan}) == "lr is nan, expected a finite number of at least 0");
  CHECK(refusal({.lr = infinity}) == "lr is inf, expected a finite number of at least 0");
  CHECK(refusal({.momentum = 1.0F}) == "momentum is 1, expected 0 <= momentum < 1");
  CHECK(refusal({.momentum = nan}) == "momentum is nan, expected 0 <= momentum < 1");
  CHECK(refusal({.dampening = -0.5F}) == "dampening is -0.5, expected 0 <= dampening < 1");
  CHECK(refusal({.weight_decay = -1.0F}) == "weight_decay is -1, expected a finite number of at least 0");
  CHECK(refusal({}) == "");

  Fixture f;
  Sgd sgd(f.parameters());
  const float before = f.plan.parameters()[0].value[0];
  f.draw_gradients();
  sgd.lr = nan;
  CHECK_THROWS_WITH_AS(sgd.step(), "lr is nan, expected a finite number of at least 0", Error);
  CHECK(f.plan.parameters()[0].value[0] == before);
}

TEST_CASE(
    "a step that takes gradients as they come has the bits of backward, then update, on any number of threads") {
  const ImageSet images = quench_test::random_images(150, 28, 28, 10);
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < 100; ++i) indices.push_back(i * 37 % 150);
  const auto train = [&](int threads, const SgdOptions& options, bool at_once, std::size_t count) {
    ThreadPool pool(threads);
    Graph graph;
    Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 100, .executor = &pool});
    Sgd sgd(model.parameters(), options);
    std::vector<double> numbers;
    for (int step = 0; step < 3; ++step) {
      const Batch batch{&images, std::span(indices).first(count)};
      numbers.push_back(at_once ? sgd.step(model, batch) : model.forward_backward(batch));
      if (!at_once) sgd.step();
      for (const Observables& o : sgd.per_tensor()) {
        for (const double x : {o.theta_g, o.g_g, o.v_v, o.v_g, o.theta_v, o.theta_theta}) {
          numbers.push_back(std::isnan(x) ? -1.0 : x);
        }
      }
    }
    for (const Parameter& p : model.parameters().tensors)
      numbers.insert(numbers.end(), p.value.begin(), p.value.end());
    return numbers;
  };
  for (const SgdOptions& options :
       {SgdOptions{.lr = 0.1F, .weight_decay = 0.01F, .keep_velocity = false},
        SgdOptions{.lr = 0.05F, .momentum = 0.9F, .dampening = 0.5F, .weight_decay = 0.01F}}) {
    for (const std::size_t count : {100U, 37U}) {
      const std::vector<double> expected = train(1, options, false, count);
      for (const int threads : {1, 2, 5}) CHECK(train(threads, options, true, count) == expected);
    }
  }
}

TEST_CASE("a gradient that was taken as it came is not to be read afterwards") {
  const ImageSet images = quench_test::random_images(20, 28, 28, 10);
  const std::vector<std::uint32_t> indices{0, 1, 2};
  Graph graph;
  Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 20});
  Sgd sgd(model.parameters(), {.lr = 0.1F});
  const Tensor weight = graph.tensor(2);
  sgd.step(model, {&images, indices});
  CHECK_THROWS_WITH_AS(
      model.plan().gradient(weight),
      "gradient: that of parameter 'fc1.weight' was taken as it came and is not in memory, expected a backward()",
      Error);
  model.forward_backward({&images, indices});
  CHECK(model.plan().gradient(weight).size() == 200 * 784);
}

TEST_CASE("a step whose loss is not finite updates nothing") {
  const ImageSet images = quench_test::random_images(20, 28, 28, 10);
  std::vector<std::uint32_t> indices(20);
  std::iota(indices.begin(), indices.end(), 0U);
  Graph graph;
  Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 20});
  Sgd sgd(model.parameters(), {.lr = 0.1F});
  model.parameters().tensors[4].value[0] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before(model.parameters().tensors[0].value.begin(),
                                  model.parameters().tensors[0].value.end());
  CHECK(std::isnan(sgd.step(model, {&images, indices})));
  const std::span<float> after = model.parameters().tensors[0].value;
  CHECK(std::equal(before.begin(), before.end(), after.begin(), after.end()));
}

TEST_CASE("an optimiser refuses to step a model whose parameters are not its own") {
  const ImageSet images = quench_test::random_images(20, 28, 28, 10);
  const std::vector<std::uint32_t> indices{0, 1, 2};
  Graph graph;
  const Tensor loss = softmax_cross_entropy(mlp(graph.input({1, 28, 28})));
  Model mine(graph, loss, {.batch = 20}), other(graph, loss, {.batch = 20});
  Sgd sgd(mine.parameters(), {.lr = 0.1F});
  const char* refusal = "step: the parameters of the optimiser are not those of the model, expected all of them";
  CHECK_THROWS_WITH_AS(sgd.step(other, {&images, indices}), refusal, Error);
  Parameters some = mine.parameters();
  some.tensors = some.tensors.first(2);
  Sgd partial(some, {.lr = 0.1F});
  CHECK_THROWS_WITH_AS(partial.step(mine, {&images, indices}), refusal, Error);
  mine.forward_backward({&images, indices});
  partial.step();  // from gradients in memory it may update a part
}

TEST_CASE("a model made without training has nothing to update") {
  Graph graph;
  const Tensor w = graph.parameter({4}, "w");
  Plan plan(graph, sum(w), {.training = false});
  plan.bind();
  CHECK_THROWS_WITH_AS(Sgd({plan.parameters(), nullptr}),
                       "parameter w has no gradient: its model was made without training", Error);
}
