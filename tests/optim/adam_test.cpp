#include "quench/adam.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "allocation_counter.h"
#include "kernels/oracle.h"
#include "optim/three_tensors.h"
#include "quench/error.h"
#include "random_images.h"

using namespace quench;
using Fixture = quench_test::ThreeTensors;

namespace {

/// Of one parameter, in double, as the methods are written on paper.
struct NaiveAdam {
  double theta, m = 0, v = 0, w = 0;

  void step(const AdamOptions& options, int t, double gradient) {
    const auto beta1 = static_cast<double>(options.beta1), beta2 = static_cast<double>(options.beta2);
    const double g = gradient + static_cast<double>(options.weight_decay) * theta;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    w = options.amsgrad ? std::max(w, v) : v;
    const double first = options.bias_correction ? 1 - std::pow(beta1, t) : 1;
    const double second = options.bias_correction ? 1 - std::pow(beta2, t) : 1;
    theta -= static_cast<double>(options.lr) / first * m /
             (std::sqrt(w) / std::sqrt(second) + static_cast<double>(options.epsilon));
  }
};

bool near(double a, double b, double scale) { return std::fabs(a - b) <= 1e-7 * scale; }

bool same(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && oracle::first_difference(a.data(), b.data(), a.size()) == -1;
}

/// The message of the Error that making an Adam with these options throws, or "" when it throws none.
std::string refusal(const AdamOptions& options) {
  Fixture f;
  try {
    const Adam adam(f.parameters(), options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Batch first_images(const ImageSet& images, std::vector<std::uint32_t>& indices, std::uint32_t count) {
  indices.clear();
  for (std::uint32_t i = 0; i < count; ++i) indices.push_back(i);
  return {&images, indices};
}

}  // namespace

TEST_CASE("twenty steps of Adam, AMSGrad and both without bias correction agree with naive double precision") {
  // |theta| stays below 2: each step rounds it by 2^-24 at most, and the update, of 0.04 at most, by some 2^-24 of
  // itself: 2e-6 after 20 steps at the very worst, 4e-7 observed. A step of the wrong rule is off by 1e-3 at once.
  // The moments are sums of 20 terms below 1 (m) or 4 (v), each rounded by 2^-24 of the whole.
  constexpr double tolerance = 2e-6;
  for (const bool amsgrad : {false, true}) {
    for (const bool bias_correction : {true, false}) {
      CAPTURE(amsgrad);
      CAPTURE(bias_correction);
      const AdamOptions options{.lr = 0.01F,
                                .beta1 = 0.8F,
                                .beta2 = 0.9F,  // forgets soon: AMSGrad's maximum and the last v part
                                .weight_decay = 0.01F,
                                .amsgrad = amsgrad,
                                .bias_correction = bias_correction};
      Fixture f;
      Adam adam(f.parameters(), options);
      std::vector<std::vector<NaiveAdam>> naive;
      for (const Parameter& p : f.plan.parameters()) {
        naive.emplace_back();
        for (const float x : p.value) naive.back().push_back({static_cast<double>(x)});
      }
      double worst = 0, worst_m = 0, worst_v = 0, worst_w = 0;
      for (int t = 1; t <= 20; ++t) {
        f.draw_gradients();
        adam.step();
        CHECK(adam.steps() == t);
        for (std::size_t i = 0; i < naive.size(); ++i) {
          const Parameter& p = f.plan.parameters()[i];
          for (std::size_t k = 0; k < naive[i].size(); ++k) {
            NaiveAdam& n = naive[i][k];
            n.step(options, t, static_cast<double>(p.gradient[k]));
            worst = std::max(worst, std::fabs(static_cast<double>(p.value[k]) - n.theta));
            worst_m = std::max(worst_m, std::fabs(static_cast<double>(adam.first_moment(i)[k]) - n.m));
            worst_v = std::max(worst_v, std::fabs(static_cast<double>(adam.second_moment(i)[k]) - n.v));
            if (!amsgrad) continue;
            worst_w = std::max(worst_w, std::fabs(static_cast<double>(adam.largest_second_moment(i)[k]) - n.w));
          }
        }
      }
      CHECK(worst < tolerance);
      CHECK(worst_m < tolerance);
      CHECK(worst_v < 4 * tolerance);
      CHECK(worst_w < 4 * tolerance);
    }
  }
}

TEST_CASE("the first step moves every parameter by the learning rate against the sign of its gradient") {
  for (const bool amsgrad : {false, true}) {
    Fixture f;
    Adam adam(f.parameters(), {.lr = 0.125F, .amsgrad = amsgrad});
    f.draw_gradients();
    std::vector<std::vector<float>> before;
    for (const Parameter& p : f.plan.parameters()) before.emplace_back(p.value.begin(), p.value.end());
    adam.step();
    double worst = 0;
    for (std::size_t t = 0; t < before.size(); ++t) {
      const Parameter& p = f.plan.parameters()[t];
      for (std::size_t i = 0; i < before[t].size(); ++i) {
        if (std::fabs(p.gradient[i]) < 0.01F) continue;  // where epsilon counts
        const double moved = static_cast<double>(p.value[i]) - static_cast<double>(before[t][i]);
        worst = std::max(worst, std::fabs(moved + std::copysign(0.125, static_cast<double>(p.gradient[i]))));
      }
    }
    CHECK(worst < 0.125 * 1e-8 / 0.01 + 4 * 0x1p-24);  // epsilon beside |g|, and roundings
  }
}

TEST_CASE("the first step without bias correction is longer by (1 - beta1) / sqrt(1 - beta2)") {
  Fixture f;
  Adam adam(f.parameters(), {.lr = 0.125F, .beta1 = 0.75F, .beta2 = 0.9375F, .bias_correction = false});
  for (const Parameter& p : f.plan.parameters()) {
    std::ranges::fill(p.value, 0.0F);
    std::ranges::fill(p.gradient, -0.5F);
  }
  adam.step();
  for (const Parameter& p : f.plan.parameters()) CHECK(p.value[2] == doctest::Approx(0.125 * 0.25 / 0.25));
}

TEST_CASE("AMSGrad's denominators never fall while second moments do, and are the largest second moments so far") {
  Fixture f;
  Adam adam(f.parameters(), {.beta2 = 0.5F, .amsgrad = true});
  std::vector<float> largest(f.plan.parameters()[0].value.size(), 0.0F), v = largest;
  std::int64_t fell = 0, wrong = 0;
  for (int step = 0; step < 20; ++step) {
    f.draw_gradients();
    adam.step();
    const std::span<const float> now = adam.second_moment(0), w = adam.largest_second_moment(0);
    for (std::size_t i = 0; i < v.size(); ++i) {
      fell += now[i] < v[i];
      v[i] = now[i];
      wrong += w[i] < largest[i];
      largest[i] = std::max(largest[i], v[i]);
      wrong += w[i] != largest[i];
    }
  }
  CHECK(fell > 1000);
  CHECK(wrong == 0);
}

TEST_CASE("Adam measures the state before the update and how far the update went; it has no velocity to measure") {
  for (const bool amsgrad : {false, true}) {
    Fixture f;
    Adam adam(f.parameters(), {.lr = 0.01F, .weight_decay = 0.01F, .amsgrad = amsgrad});
    adam.watch(0, 1);
    for (int step = 0; step < 3; ++step) {
      f.draw_gradients();
      adam.lr = step == 2 ? 0.02F : 0.01F;
      std::vector<std::vector<float>> before;
      std::vector<Observables> expected;
      for (const Parameter& p : f.plan.parameters()) {
        before.emplace_back(p.value.begin(), p.value.end());
        Observables& o = expected.emplace_back();
        for (std::size_t i = 0; i < p.value.size(); ++i) {
          const auto theta = static_cast<double>(p.value[i]);
          const double g = static_cast<double>(p.gradient[i]) + static_cast<double>(0.01F) * theta;
          o.theta_g += theta * g;
          o.g_g += g * g;
          o.theta_theta += theta * theta;
        }
      }
      const Norms norms_before = adam.norms();
      const Observables total = adam.step();
      const Norms norms_after = adam.norms();
      double theta_d_of_all = 0, d_d_of_all = 0;
      for (std::size_t t = 0; t < expected.size(); ++t) {
        const Observables &o = adam.per_tensor()[t], &e = expected[t];
        CHECK(near(o.theta_g, e.theta_g, e.g_g + e.theta_theta));
        CHECK(near(o.g_g, e.g_g, e.g_g));
        CHECK(near(o.theta_theta, e.theta_theta, e.theta_theta));
        double theta_d = 0, d_d = 0;
        for (std::size_t i = 0; i < before[t].size(); ++i) {
          const auto theta = static_cast<double>(before[t][i]);
          const double d = static_cast<double>(f.plan.parameters()[t].value[i]) - theta;
          theta_d += theta * d;
          d_d += d * d;
        }
        CHECK(std::abs(o.theta_d - theta_d) < 1e-13 * e.theta_theta);
        CHECK(std::abs(o.d_d - d_d) < 1e-13 * d_d);
        CHECK(o.lr == static_cast<double>(adam.lr));
        theta_d_of_all += o.theta_d;
        d_d_of_all += o.d_d;
      }
      CHECK(total.theta_d == theta_d_of_all);
      CHECK(total.d_d == d_d_of_all);
      CHECK(total.d_d > 0);
      const double growth = norms_after.theta_theta - norms_before.theta_theta;
      CHECK(std::abs(2 * total.theta_d + total.d_d - growth) < 1e-13 * norms_after.theta_theta);
      CHECK(std::abs(total.drift - growth) < 1e-13 * norms_after.theta_theta);
      CHECK(total.lr == static_cast<double>(adam.lr));
      for (const double x : {total.momentum, total.dampening, total.v_v, total.v_g, total.theta_v}) {
        CHECK(std::isnan(x));
      }
      for (const double x : {norms_after.theta_v, norms_after.v_v, norms_after.v_4}) CHECK(std::isnan(x));
      CHECK(norms_after.theta_4 > 0);
    }
  }
}

TEST_CASE("what is smaller than 2^-100 is set to 0 on demand, in parameters and moments, and nothing else") {
  Fixture f;
  Adam adam(f.parameters(), {.amsgrad = true});
  const std::span<float> theta = f.plan.parameters()[0].value;
  const float values[] = {0x1p-100F, -0x1p-100F, 0x0.8p-100F, -0x0.8p-100F, 1e-45F, -1e-45F, 1.0F};
  const float expected[] = {0x1p-100F, -0x1p-100F, 0, 0, 0, 0, 1.0F};
  for (const std::span<float> array :
       {theta, adam.first_moment(0), adam.second_moment(0), adam.largest_second_moment(0)}) {
    std::copy(std::begin(values), std::end(values), array.begin());
  }
  adam.flush_tiny();
  for (const std::span<float> array :
       {theta, adam.first_moment(0), adam.second_moment(0), adam.largest_second_moment(0)}) {
    for (std::size_t i = 0; i < std::size(expected); ++i) CHECK(array[i] == expected[i]);
  }
}

TEST_CASE("the drift of the elements that Adam watches is what their squares grow by, to double rounding") {
  Fixture f;
  Adam adam(f.parameters(), {.lr = 0.01F, .weight_decay = 0.01F});
  for (std::int64_t part = 0; part < 3; ++part) {
    adam.watch(part, 3);
    const Norms before = adam.norms();
    double drift = 0;
    for (int step = 0; step < 5; ++step) {
      f.draw_gradients();
      drift += adam.step().drift;
    }
    const Norms after = adam.norms();
    CHECK(after.watched < 0.9 * after.theta_theta);
    CHECK(std::abs(after.watched - before.watched) > 1e-3);
    CHECK(std::abs(drift - (after.watched - before.watched)) < 1e-13 * after.watched);
  }
  CHECK_THROWS_WITH_AS(adam.watch(0, 0), "watch: part 0 of 0, expected 0 <= part < parts", Error);
}

TEST_CASE(
    "a step of Adam that takes gradients as they come has the bits of backward, then update, on any threads") {
  const ImageSet images = quench_test::random_images(150, 28, 28, 10);
  std::vector<std::uint32_t> indices;
  const auto train = [&](int threads, const AdamOptions& options, bool at_once, std::uint32_t count) {
    ThreadPool pool(threads);
    Graph graph;
    Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 100, .executor = &pool});
    Adam adam(model.parameters(), options);
    const Batch batch = first_images(images, indices, count);
    std::vector<double> numbers;
    for (int step = 0; step < 3; ++step) {
      numbers.push_back(at_once ? adam.step(model, batch) : model.forward_backward(batch));
      if (!at_once) adam.step();
      for (const Observables& o : adam.per_tensor()) {
        for (const double x : {o.theta_g, o.g_g, o.theta_theta, o.drift, o.theta_d, o.d_d}) numbers.push_back(x);
      }
    }
    for (std::size_t t = 0; t < model.parameters().tensors.size(); ++t) {
      const std::span<const float> value = model.parameters().tensors[t].value;
      numbers.insert(numbers.end(), value.begin(), value.end());
      numbers.insert(numbers.end(), adam.second_moment(t).begin(), adam.second_moment(t).end());
    }
    return numbers;
  };
  for (const AdamOptions& options :
       {AdamOptions{.lr = 0.01F}, AdamOptions{.lr = 0.01F, .weight_decay = 0.01F, .amsgrad = true}}) {
    for (const std::uint32_t count : {100U, 37U}) {
      const std::vector<double> expected = train(1, options, false, count);
      for (const int threads : {2, 3}) CHECK(train(threads, options, false, count) == expected);
      for (const int threads : {1, 2, 3}) CHECK(train(threads, options, true, count) == expected);
    }
  }
}

TEST_CASE("after the first step a step of Adam allocates nothing") {
  if (!quench::test::AllocationCounter::available()) return;
  const ImageSet images = quench_test::random_images(100, 28, 28, 10);
  std::vector<std::uint32_t> indices;
  const Batch batch = first_images(images, indices, 100);
  for (const int threads : {1, 3}) {
    for (const bool amsgrad : {false, true}) {
      ThreadPool pool(threads);
      Graph graph;
      Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 100, .executor = &pool});
      Adam adam(model.parameters(), {.amsgrad = amsgrad});
      adam.step(model, batch);
      const quench::test::AllocationCounter counter;
      for (int step = 0; step < 5; ++step) {
        adam.step(model, batch);
        model.forward_backward(batch);
        adam.step();
      }
      CHECK(counter.count() == 0);
    }
  }
}

TEST_CASE("moments and the number of steps are all that Adam has to be given to go on with the same bits") {
  Fixture whole, parted;
  const AdamOptions options{.lr = 0.01F, .amsgrad = true};
  Adam a(whole.parameters(), options), first(parted.parameters(), options);
  for (int step = 0; step < 7; ++step) {
    whole.draw_gradients();
    parted.draw_gradients();
    a.step();
    first.step();
  }
  Adam second(parted.parameters(), options);
  for (std::size_t t = 0; t < 3; ++t) {
    std::ranges::copy(first.first_moment(t), second.first_moment(t).begin());
    std::ranges::copy(first.second_moment(t), second.second_moment(t).begin());
    std::ranges::copy(first.largest_second_moment(t), second.largest_second_moment(t).begin());
  }
  second.set_steps(first.steps());
  for (int step = 0; step < 3; ++step) {
    whole.draw_gradients();
    parted.draw_gradients();
    CHECK(a.step().theta_d == second.step().theta_d);
  }
  CHECK(second.steps() == 10);
  for (std::size_t t = 0; t < 3; ++t) {
    CHECK(same(whole.plan.parameters()[t].value, parted.plan.parameters()[t].value));
  }
  CHECK_THROWS_WITH_AS(a.set_steps(-1), "set_steps: -1 steps, expected at least 0", Error);
  second.set_steps(1'000'000'000'000);  // ends when the powers do
  CHECK(second.steps() == 1'000'000'000'000);
}

TEST_CASE("Adam that is restarted is as if it were new") {
  Fixture used, fresh;
  const AdamOptions options{.lr = 0.01F, .amsgrad = true};
  Adam a(used.parameters(), options);
  used.draw_gradients();
  fresh.draw_gradients();
  a.step();
  a.restart();
  CHECK(a.steps() == 0);
  Adam b(fresh.parameters(), options);
  for (std::size_t t = 0; t < 3; ++t) {
    std::ranges::copy(fresh.plan.parameters()[t].value, used.plan.parameters()[t].value.begin());
  }
  for (int step = 0; step < 2; ++step) {
    used.draw_gradients();
    fresh.draw_gradients();
    a.step();
    b.step();
  }
  for (std::size_t t = 0; t < 3; ++t) {
    CHECK(same(used.plan.parameters()[t].value, fresh.plan.parameters()[t].value));
    CHECK(same(a.largest_second_moment(t), b.largest_second_moment(t)));
  }
}

TEST_CASE("Adam keeps the zeros that pad a tensor to whole vectors") {
  Fixture f;
  Adam adam(f.parameters(), {.lr = 0.5F, .weight_decay = 0.1F, .amsgrad = true});
  for (int step = 0; step < 2; ++step) {
    f.draw_gradients();
    adam.step();
  }
  for (const std::span<float> b : {f.plan.value(f.b), adam.first_moment(1), adam.second_moment(1)}) {
    REQUIRE(b.size() == 16);
    for (std::size_t i = 3; i < 16; ++i) CHECK(oracle::same(b[i], 0.0F));
  }
}

TEST_CASE("a caller's buffer holds the moments; one that is too small or not aligned is refused") {
  Fixture f;
  AdamOptions options{.amsgrad = true};
  const std::size_t need = Adam::bytes(f.parameters(), options);
  CHECK(need == 3 * 4 * (9104 + 16 + 4912));
  CHECK(Adam::bytes(f.parameters(), {}) == need / 3 * 2);
  oracle::Buffer memory(static_cast<std::int64_t>(need / 4) + 16, 7.0F);
  const auto bytes = std::as_writable_bytes(std::span(memory.data(), memory.size()));
  options.buffer = bytes.first(need);
  Adam adam(f.parameters(), options);
  CHECK(adam.first_moment(0).data() == memory.data());
  f.draw_gradients();
  adam.step();
  for (std::size_t i = need / 4; i < memory.size(); ++i) CHECK(memory[static_cast<std::int64_t>(i)] == 7.0F);

  options.buffer = bytes.first(need - 64);
  CHECK(refusal(options) ==
        "the optimiser's buffer has " + std::to_string(need - 64) + " bytes, expected " + std::to_string(need));
  options.buffer = bytes.subspan(4, need);
  CHECK(refusal(options) == "the optimiser's buffer is not aligned to 64 bytes");
}

TEST_CASE("Adam's options out of range are refused by name, value and range, and tensors that are not there") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CHECK(refusal({.lr = -0.5F}) == "lr is -0.5, expected a finite number of at least 0");
  CHECK(refusal({.lr = infinity}) == "lr is inf, expected a finite number of at least 0");
  CHECK(refusal({.beta1 = 1.0F}) == "beta1 is 1, expected 0 <= beta1 < 1");
  CHECK(refusal({.beta1 = nan}) == "beta1 is nan, expected 0 <= beta1 < 1");
  CHECK(refusal({.beta2 = -0.5F}) == "beta2 is -0.5, expected 0 <= beta2 < 1");
  CHECK(refusal({.epsilon = 0.0F}) == "epsilon is 0, expected a finite number above 0");
  CHECK(refusal({.epsilon = infinity}) == "epsilon is inf, expected a finite number above 0");
  CHECK(refusal({.weight_decay = -1.0F}) == "weight_decay is -1, expected a finite number of at least 0");
  CHECK(refusal({.lr = 0.0F, .beta1 = 0.0F, .beta2 = 0.0F}) == "");

  Fixture f;
  Adam adam(f.parameters());
  const float before = f.plan.parameters()[0].value[0];
  f.draw_gradients();
  adam.lr = nan;
  CHECK_THROWS_WITH_AS(adam.step(), "lr is nan, expected a finite number of at least 0", Error);
  CHECK(f.plan.parameters()[0].value[0] == before);
  CHECK(adam.steps() == 0);
  CHECK_THROWS_WITH_AS(adam.first_moment(3), "first_moment of tensor 3, expected below 3", Error);
  CHECK_THROWS_WITH_AS(adam.largest_second_moment(0), "the largest second moment is not stored: amsgrad is off",
                       Error);
}

TEST_CASE("a step of Adam whose loss is not finite updates nothing and does not count") {
  const ImageSet images = quench_test::random_images(20, 28, 28, 10);
  std::vector<std::uint32_t> indices;
  const Batch batch = first_images(images, indices, 20);
  Graph graph;
  Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 20});
  Adam adam(model.parameters());
  adam.step(model, batch);
  model.parameters().tensors[4].value[0] = std::numeric_limits<float>::quiet_NaN();
  const std::span<float> value = model.parameters().tensors[0].value;
  const std::vector<float> before(value.begin(), value.end());
  CHECK(std::isnan(adam.step(model, batch)));
  CHECK(same(value, before));
  CHECK(adam.steps() == 1);
}
