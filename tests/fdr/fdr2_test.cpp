// FDR2: windows against direct sums, and all estimators of O_FB against closed forms.
#include "quench/fdr2.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "allocation_counter.h"
#include "core/random.h"
#include "instrumented.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/hessian.h"
#include "random_images.h"
#include "traces.h"

using namespace quench;
using test::Quadratic;

namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// The plain standard error of a mean.
double plain_error(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / (n * (n - 1)));
}

/// Of sqrt(n) batches of neighbours.
double batch_error(const std::vector<double>& values) {
  const auto batches = static_cast<std::size_t>(std::sqrt(static_cast<double>(values.size())));
  std::vector<double> means;
  for (std::size_t b = 0; b < batches; ++b) {
    means.push_back(mean_of({values.begin() + static_cast<std::ptrdiff_t>(values.size() * b / batches),
                             values.begin() + static_cast<std::ptrdiff_t>(values.size() * (b + 1) / batches)}));
  }
  const double mean = mean_of(values);
  double squares = 0;
  for (const double m : means) squares += (m - mean) * (m - mean);
  const auto n = static_cast<double>(batches);
  return std::sqrt(squares / (n * (n - 1)));
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-12 * (1 + std::abs(b)); }

/// G of the quadratic, and what the next step's velocity has in common with it.
double telescoped_of(const Quadratic& q) {
  double sum = 0;
  for (std::size_t i = 0; i < q.h.size(); ++i) {
    const double next = q.momentum * q.v[i] - (1 - q.dampening) * q.g[i];
    sum -= q.h[i] * (q.theta[i] - q.centre) * next;
  }
  return sum;
}
double gradient_sq_of(const Quadratic& q) {
  double sum = 0;
  for (std::size_t i = 0; i < q.h.size(); ++i) {
    const double g = q.h[i] * (q.theta[i] - q.centre);
    sum += g * g;
  }
  return sum;
}

}  // namespace

TEST_CASE("averages of FDR2 are direct sums over the later half, with epochs that were not measured") {
  Fdr2Averages averages;
  for (int run = 0; run < 2; ++run) {
    Random random(5 + static_cast<std::uint64_t>(run), Stream::weights);
    std::vector<double> v_g, v_v;
    std::vector<std::pair<std::int64_t, double>> gradients, samples, pulls;  // of which epoch, of which step
    const double eta = 0.2, mu = run == 0 ? 0.9 : 0.0, a = 0.75;
    constexpr std::int64_t length = 10;
    std::int64_t last_sample = 0;
    for (std::int64_t epoch = 1; epoch <= 90; ++epoch) {
      for (std::int64_t i = 0; i < length; ++i) {
        const std::int64_t t = (epoch - 1) * length + i + 1;
        if (t % 17 == 3) {
          samples.emplace_back(t, random.normal());
          averages.add_telescoped(t, samples.back().second);
          pulls.emplace_back(t, 3 + random.normal());
          averages.add_corrected(t, pulls.back().second);
          last_sample = t;
        }
        Observables o;
        o.lr = eta;
        o.momentum = mu;
        o.dampening = 1 - a;
        o.v_g = random.normal();
        o.v_v = 3 + random.normal();
        o.g_g = 2 + random.normal();
        averages.observe(o);
        v_g.push_back(mu == 0 ? 0 : o.v_g);
        v_v.push_back(mu == 0 ? a * a * o.g_g : o.v_v);
      }
      if (epoch % 3 == 0 || epoch > 50) {
        gradients.emplace_back(epoch, 5 + random.normal());
        averages.add_epoch(epoch, gradients.back().second);
      }
      const std::int64_t t = epoch * length;
      const Fdr2Window w = averages.half_running(epoch);
      CAPTURE(epoch);
      CHECK(w.first == t / 2);
      CHECK(w.last == t);
      const std::vector<double> window_v_g(v_g.begin() + t / 2, v_g.end()),
          window_v_v(v_v.begin() + t / 2, v_v.end());
      std::vector<double> g, tel, cor;
      for (const auto& [e, value] : gradients) {
        if (e > epoch / 2) g.push_back(value);
      }
      for (const auto& [step, value] : samples) {
        if (step > t / 2) tel.push_back(value);
      }
      for (const auto& [step, value] : pulls) {
        if (step > t / 2) cor.push_back(value);
      }
      REQUIRE(w.epochs == static_cast<std::int64_t>(g.size()));
      REQUIRE(w.samples == static_cast<std::int64_t>(tel.size()));
      CHECK(near(w.v_g.mean, mean_of(window_v_g)));
      CHECK(near(w.v_v.mean, mean_of(window_v_v)));
      const auto error_of = [](const std::vector<double>& x) {
        return x.size() < 16 ? plain_error(x) : batch_error(x);
      };
      CHECK(near(w.v_v.error, error_of(window_v_v)));
      if (g.empty()) {
        CHECK(std::isnan(w.gradient_sq.mean));
        CHECK(std::isnan(w.o_fb.mean));
        CHECK(std::isnan(w.h_eff.mean));
      } else {
        const double o_fb = a * mean_of(g) - mu * mean_of(window_v_g);
        CHECK(near(w.gradient_sq.mean, mean_of(g)));
        CHECK(near(w.o_fb.mean, o_fb));
        CHECK(near(w.h_eff.mean, 2 * o_fb / (eta * mean_of(window_v_v))));
        CHECK(near(w.tr_hc.mean, 2 * (1 - mu * mu) * o_fb / (a * a * eta)));
        if (g.size() > 1) {
          const double error = std::hypot(a * error_of(g), mu * error_of(window_v_g));
          CHECK(near(w.gradient_sq.error, error_of(g)));
          CHECK(near(w.o_fb.error, error));
          CHECK(near(w.tr_hc.error, 2 * (1 - mu * mu) / (a * a * eta) * error));
          const double parts = std::hypot(error / o_fb, error_of(window_v_v) / mean_of(window_v_v));
          CHECK(near(w.h_eff.error, std::abs(w.h_eff.mean) * parts));
        } else {
          CHECK(std::isnan(w.o_fb.error));
        }
      }
      if (tel.empty()) {
        CHECK(std::isnan(w.o_fb_tel.mean));
        CHECK(std::isnan(w.o_fb_cor.mean));
      } else {
        const double o_fb_cor = mean_of(cor) - mu * mean_of(window_v_g);
        CHECK(near(w.o_fb_cor.mean, o_fb_cor));
        CHECK(near(w.h_eff_cor.mean, 2 * o_fb_cor / (eta * mean_of(window_v_v))));
        CHECK(near(w.tr_hc_cor.mean, 2 * (1 - mu * mu) * o_fb_cor / (a * a * eta)));
        if (cor.size() > 1) CHECK(near(w.o_fb_cor.error, std::hypot(error_of(cor), mu * error_of(window_v_g))));
        CHECK(near(w.o_fb_tel.mean, mean_of(tel)));
        CHECK(near(w.h_eff_tel.mean, 2 * mean_of(tel) / (eta * mean_of(window_v_v))));
        CHECK(near(w.tr_hc_tel.mean, 2 * (1 - mu * mu) * mean_of(tel) / (a * a * eta)));
        if (tel.size() > 1) CHECK(near(w.o_fb_tel.error, error_of(tel)));
      }
    }
    CHECK(gradients.size() == 56);
    CHECK_THROWS_WITH_AS(averages.add_epoch(90, 1), "|G|^2 at the end of epoch 90, expected one after 90", Error);
    CHECK_THROWS_WITH_AS(
        averages.add_telescoped(last_sample, 1),
        ("-G.v at step " + std::to_string(last_sample) + ", expected one after " + std::to_string(last_sample))
            .c_str(),
        Error);
    CHECK_THROWS_WITH_AS(averages.add_corrected(last_sample, 1),
                         ("the corrected pull at step " + std::to_string(last_sample) + ", expected one after " +
                          std::to_string(last_sample))
                             .c_str(),
                         Error);
    averages.restart();
    CHECK(averages.steps() == 0);
  }
  const Fdr2Window nothing = averages.half_running(0);
  CHECK(std::isnan(nothing.v_v.mean));
  CHECK(std::isnan(nothing.o_fb_tel.mean));
  CHECK(nothing.epochs == 0);
}

TEST_CASE("of a rule without a velocity FDR2 knows nothing") {
  Fdr2Averages averages;
  Observables adam;
  adam.lr = 0.1;
  adam.momentum = adam.dampening = adam.v_v = adam.v_g = std::nan("");
  averages.observe(adam);
  averages.add_epoch(1, 1);
  CHECK(std::isnan(averages.half_running(1).o_fb.mean));
  CHECK(std::isnan(averages.half_running(1).v_v.mean));
}

TEST_CASE("observing for FDR2 allocates nothing where room was made") {
  Fdr2Averages averages;
  averages.reserve(500, 500);
  const Observables o = test::step_between(2, 1, 1);
  const test::AllocationCounter counter;
  for (int i = 1; i <= 500; ++i) {
    averages.observe(o);
    averages.add_telescoped(i, 1);
    averages.add_corrected(i, 1);
    averages.add_epoch(i, 1);
  }
  CHECK(counter.count() == 0);
}

TEST_CASE("with independent draws all estimators are (eta / 2) h <v^2>, with and without momentum and dampening") {
  struct Rule {
    double lr, momentum, dampening;
  };
  for (const Rule& rule : {Rule{0.1, 0.9, 0.0}, {0.1, 0.0, 0.0}, {0.1, 0.5, 0.25}}) {
    CAPTURE(rule.momentum);
    Quadratic q(4, 31);
    q.h = {2, 2, 2, 2};
    q.noise = std::sqrt(3.0);
    q.lr = rule.lr;
    q.momentum = rule.momentum;
    q.dampening = rule.dampening;
    const double mu = rule.momentum, a = 1 - rule.dampening, eta = rule.lr;
    for (int i = 0; i < 500; ++i) q.step();
    Fdr2Averages averages;
    Random when(9, Stream::weights);
    constexpr std::int64_t length = 50, epochs = 2000;
    for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
      const std::int64_t random_step = when.below(length);
      for (std::int64_t i = 0; i < length; ++i) {
        q.draw();
        if (i == random_step) {
          averages.add_telescoped((epoch - 1) * length + i + 1, telescoped_of(q));
          averages.add_corrected((epoch - 1) * length + i + 1, a * gradient_sq_of(q));
        }
        averages.observe(q.measured());
        q.move();
      }
      averages.add_epoch(epoch, gradient_sq_of(q));
    }
    // fdr.md 2.1: h = 2, c = 3, times four parameters.
    const double v_v = 4 * 2 * a * a * 3 / ((1 - mu) * (2 * (1 + mu) - a * eta * 2)), o_fb = eta / 2 * 2 * v_v;
    const Fdr2Window w = averages.half_running(epochs);
    REQUIRE(w.samples == epochs / 2);
    CHECK(std::abs(w.v_v.mean - v_v) < 4 * w.v_v.error);
    CHECK(std::abs(w.o_fb.mean - o_fb) < 4 * w.o_fb.error);
    CHECK(std::abs(w.o_fb_tel.mean - o_fb) < 4 * w.o_fb_tel.error);
    CHECK(std::abs(w.o_fb_cor.mean - o_fb) < 4 * w.o_fb_cor.error);
    CHECK(std::abs(w.h_eff.mean - 2) < 4 * w.h_eff.error);
    CHECK(std::abs(w.h_eff_tel.mean - 2) < 4 * w.h_eff_tel.error);
    CHECK(w.o_fb.error < 0.05 * o_fb);
    CHECK(w.o_fb_tel.error < 0.15 * o_fb);
    CHECK(w.o_fb_cor.error < 0.05 * o_fb);
    // Tr(H C) = 24, and what the leading order leaves out: eq. of tr_hc.
    const double rest = 1 / (1 - a * eta * 2 / (2 * (1 + mu)));
    CHECK(std::abs(w.tr_hc.mean - 24 * rest) < 4 * w.tr_hc.error);
  }
}

TEST_CASE("a shuffled epoch turns the sign of the paper's O_FB at a small learning rate, but not of the others") {
  // fdr.md 2.6: mu = 0.9, M = 500, eta h = 1e-3: -1.11 of the value of independent draws.
  constexpr std::size_t modes = 64, examples = 500;
  constexpr std::int64_t epochs = quench_test::instrumented ? 400 : 2000;
  constexpr double eta = 1e-3, mu = 0.9;
  Random random(3, Stream::shuffle);
  // Each mode has its own half of the examples with noise +1, the other half -1.
  std::array<std::size_t, examples> order;
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto shuffle = [&] {
    for (std::size_t i = 0; i + 1 < examples; ++i) {
      std::swap(order[i], order[i + random.below(static_cast<std::uint32_t>(examples - i))]);
    }
  };
  std::vector<std::array<double, modes>> noise(examples);
  for (std::size_t m = 0; m < modes; ++m) {
    shuffle();
    for (std::size_t i = 0; i < examples; ++i) noise[order[i]][m] = i < examples / 2 ? 1 : -1;
  }
  std::array<double, modes> theta{}, v{};
  Fdr2Averages averages;
  averages.reserve(epochs * static_cast<std::int64_t>(examples));
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    shuffle();
    std::array<double, modes> rest{};  // the noises still to come, which sum to zero at first
    for (std::size_t i = 0; i < examples; ++i) {
      const std::array<double, modes>& xi = noise[order[i]];
      Observables o;
      o.lr = eta;
      o.momentum = mu;
      double telescoped = 0, corrected = 0;
      for (std::size_t m = 0; m < modes; ++m) {
        const double expected = rest[m] / static_cast<double>(examples - i);
        corrected += theta[m] * (theta[m] + expected) + mu * v[m] * expected;
        rest[m] -= xi[m];
        const double g = theta[m] + xi[m], next = mu * v[m] - g;
        o.v_g += v[m] * g;
        o.v_v += v[m] * v[m];
        telescoped -= theta[m] * next;
        v[m] = next;
        theta[m] += eta * next;
      }
      const std::int64_t t = (epoch - 1) * static_cast<std::int64_t>(examples) + static_cast<std::int64_t>(i) + 1;
      if (random.next() % 16 == 0) {
        averages.add_telescoped(t, telescoped);
        averages.add_corrected(t, corrected);
      }
      averages.observe(o);
    }
    double gradient_sq = 0;
    for (const double x : theta) gradient_sq += x * x;
    averages.add_epoch(epoch, gradient_sq);
  }
  const Fdr2Window w = averages.half_running(epochs);
  const double iid = eta / 2 * modes * 2 / ((1 - mu) * (2 * (1 + mu) - eta));
  CHECK(w.o_fb.error < (quench_test::instrumented ? 0.5 : 0.2) * iid);
  CHECK(std::abs(w.o_fb.mean - -1.11 * iid) < 4 * w.o_fb.error);
  CHECK(w.o_fb_tel.error < (quench_test::instrumented ? 0.2 : 0.1) * iid);
  CHECK(std::abs(w.o_fb_tel.mean - eta / 2 * w.v_v.mean) < 4 * w.o_fb_tel.error);
  CHECK(w.o_fb_cor.error < (quench_test::instrumented ? 0.5 : 0.2) * iid);
  CHECK(std::abs(w.o_fb_cor.mean - eta / 2 * w.v_v.mean) < 4 * w.o_fb_cor.error);
  CHECK(w.v_v.mean * eta / 2 == doctest::Approx(iid).epsilon(0.02));
}

TEST_CASE("a sample of O_FB^tel is - G . v after the step, whatever the rule, with a velocity stored or not") {
  const ImageSet images = quench_test::random_images(40, 5, 4, 10);
  std::vector<std::uint32_t> first(16);
  std::iota(first.begin(), first.end(), 0U);
  const Batch batch{&images, first};
  for (const float momentum : {0.0F, 0.9F}) {
    for (const float dampening : {0.0F, 0.25F}) {
      for (const bool keep : {true, false}) {
        Graph graph;
        Model model(graph, softmax_cross_entropy(linear(flatten(graph.input({1, 5, 4})), 10)), {.batch = 16});
        Sgd sgd(model.parameters(), {.lr = 0.1F,
                                     .momentum = momentum,
                                     .dampening = dampening,
                                     .weight_decay = 0.25F,
                                     .keep_velocity = keep});
        for (int i = 0; i < 3; ++i) sgd.step(model, batch);
        FullGradient full(model);
        full.measure(images, 0.25);
        model.forward_backward(batch);
        std::vector<std::vector<float>> before;
        for (const Parameter& p : model.parameters().tensors) before.emplace_back(p.value.begin(), p.value.end());
        const double sample = telescoped(full, sgd, model.parameters());
        sgd.step();
        double expected = 0, rough = 0;
        for (std::size_t t = 0; t < full.tensors(); ++t) {
          for (std::size_t i = 0; i < before[t].size(); ++i) {
            const auto moved =
                static_cast<double>(model.parameters().tensors[t].value[i]) - static_cast<double>(before[t][i]);
            rough -= full.tensor(t)[i] * moved / static_cast<double>(0.1F);
          }
          if (keep || momentum != 0) expected -= full.dot(t, sgd.velocity(t));
        }
        CAPTURE(momentum);
        CAPTURE(dampening);
        if (keep || momentum != 0) CHECK(sample == doctest::Approx(expected).epsilon(1e-5));
        CHECK(sample == doctest::Approx(rough).epsilon(1e-4));
      }
    }
  }
}

TEST_CASE("a corrected sample is that of the gradients of the batches still to come") {
  const ImageSet images = quench_test::random_images(48, 5, 4, 10);
  const Batches epoch = images.shuffled({.batch = 16, .seed = 8});
  for (const float momentum : {0.0F, 0.9F}) {
    for (const float dampening : {0.0F, 0.25F}) {
      CAPTURE(momentum);
      CAPTURE(dampening);
      Graph graph;
      Model model(graph, softmax_cross_entropy(linear(flatten(graph.input({1, 5, 4})), 10)), {.batch = 16});
      Sgd sgd(model.parameters(),
              {.lr = 0.1F, .momentum = momentum, .dampening = dampening, .weight_decay = 0.25F});
      FullGradient full(model), rest(model), whole(model);
      for (int i = 0; i < 4; ++i) sgd.step(model, epoch[i % 3]);
      // At the same parameters: where this is step 0, 1 and 2 of the epoch.
      whole.measure(images, 0.25);
      for (int step = 0; step < 3; ++step) {
        full.measure(epoch.before(step), epoch.from(step), 0.25, rest);
        const double sample = corrected(full, rest, sgd);
        double expected = 0, of_v = 0;
        for (int later = step; later < 3; ++later) {
          model.forward_backward(epoch[later]);
          // -G . v_{t+1} of that batch, with G . v taken out again.
          expected += telescoped(whole, sgd, model.parameters()) / (3 - step);
          for (std::size_t t = 0; t < whole.tensors(); ++t) {
            const Parameter& p = model.parameters().tensors[t];
            for (std::size_t i = 0; i < p.value.size(); ++i) {
              const double g = static_cast<double>(p.gradient[i]) + 0.25 * static_cast<double>(p.value[i]);
              of_v += static_cast<double>(sgd.velocity(t)[i]) * g / (3 - step);
            }
          }
        }
        CHECK(sample == doctest::Approx(expected + static_cast<double>(momentum) * of_v).epsilon(1e-5));
      }
      CHECK(corrected(whole, whole, sgd) ==
            doctest::Approx((1 - static_cast<double>(dampening)) * whole.squared_norm()).epsilon(1e-12));
    }
  }
}

TEST_CASE(
    "Tr(H C) from all estimators is that from products with the Hessian, of a softmax regression in training") {
  const ImageSet images = quench_test::random_images(60, 3, 3, 4);
  for (const float momentum : {0.0F, 0.5F}) {
    CAPTURE(momentum);
    ThreadPool one_thread(1);
    Graph graph;
    Model model(graph, softmax_cross_entropy(linear(flatten(graph.input({1, 3, 3})), 4)),
                {.batch = 6, .executor = &one_thread});
    Sgd sgd(model.parameters(), {.lr = 0.02F, .momentum = momentum, .weight_decay = 0.2F});
    FullGradient full(model);
    Fdr2Averages averages;
    Random when(9, Stream::weights);
    constexpr std::int64_t epochs = quench_test::instrumented ? 500 : 4000, length = 10;
    for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
      const std::int64_t random_step = when.below(length);
      const Batches batches = images.iid({.batch = 6, .seed = 1, .epoch = epoch});
      for (std::int64_t i = 0; i < length; ++i) {
        if (i != random_step) {
          sgd.step(model, batches[i]);
        } else {
          full.measure(images, 0.2);
          model.forward_backward(batches[i]);
          const std::int64_t t = (epoch - 1) * length + i + 1;
          averages.add_telescoped(t, telescoped(full, sgd, model.parameters()));
          averages.add_corrected(t, corrected(full, full, sgd));
          sgd.step();
        }
        averages.observe(sgd.observables());
      }
      full.measure(images, 0.2);
      averages.add_epoch(epoch, full.squared_norm());
    }
    const Fdr2Window w = averages.half_running(epochs);
    Hessian hessian(model, images, {.weight_decay = 0.2});
    const NoiseTraces direct = hessian.traces({.batch = 6, .products = 1000});
    // The direct one is of one moment, at which H and C differ from their averages by some per cent.
    const double allowed = 0.05 * direct.tr_hc.mean;
    if (!quench_test::instrumented) {
      CHECK(w.tr_hc.error < (momentum == 0 ? 0.05 : 0.25) * direct.tr_hc.mean);
      CHECK(w.tr_hc_tel.error < 0.12 * direct.tr_hc.mean);
      CHECK(w.tr_hc_cor.error < (momentum == 0 ? 0.05 : 0.25) * direct.tr_hc.mean);
      CHECK(direct.tr_hc.error < 0.02 * direct.tr_hc.mean);
    }
    CHECK(std::abs(w.tr_hc.mean - direct.tr_hc.mean) < allowed + 4 * std::hypot(w.tr_hc.error, direct.tr_hc.error));
    CHECK(std::abs(w.tr_hc_tel.mean - direct.tr_hc.mean) <
          allowed + 4 * std::hypot(w.tr_hc_tel.error, direct.tr_hc.error));
    CHECK(std::abs(w.tr_hc_cor.mean - direct.tr_hc.mean) <
          allowed + 4 * std::hypot(w.tr_hc_cor.error, direct.tr_hc.error));
  }
}
