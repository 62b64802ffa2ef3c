// Quadratic forms of the Hessian, and Tr(H C), against softmax regression, where both are known.
#include "quench/hessian.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include "graph/experiment.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/full_gradient.h"
#include "random_images.h"

using quench::Error;
using quench::Graph;
using quench::Hessian;
using quench::ImageSet;
using quench::Model;
using quench::NoiseTraces;
using quench::Tensor;
using quench_test::random_images;

namespace {

using Vectors = std::vector<std::vector<double>>;  // one a tensor

constexpr double decay = 0.01;
constexpr double lambda = static_cast<double>(0.01F);

Vectors random_direction(Model& model, std::uint32_t seed) {
  std::mt19937 random(seed);
  Vectors u;
  for (const quench::Parameter& p : model.parameters().tensors) {
    u.emplace_back();
    for (std::size_t i = 0; i < p.value.size(); ++i)
      u.back().push_back((static_cast<int>(random() % 2001) - 1000) / 1e3);
  }
  return u;
}
double squared(const Vectors& u) {
  double sum = 0;
  for (const std::vector<double>& x : u) sum += std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
  return sum;
}

/// Softmax regression, z = W x + b, in double.
class Regression {
 public:
  Regression(const ImageSet& images, Model& model) : count_(static_cast<std::size_t>(images.size())) {
    const auto tensors = model.parameters().tensors;
    features_ = static_cast<std::size_t>(images.features());
    classes_ = tensors[1].value.size();
    for (std::size_t n = 0; n < count_; ++n) {
      std::vector<double> x;
      for (const std::uint8_t byte : images.image(static_cast<std::int64_t>(n))) {
        x.push_back(static_cast<double>(
            std::fma(static_cast<float>(byte), images.normalization().scale, images.normalization().shift)));
      }
      x_.push_back(x);
      const std::vector<double> z = scores(
          {{tensors[0].value.begin(), tensors[0].value.end()}, {tensors[1].value.begin(), tensors[1].value.end()}},
          n);
      std::vector<double> p;
      for (const double score : z) p.push_back(std::exp(score));
      const double sum = std::accumulate(p.begin(), p.end(), 0.0);
      for (double& value : p) value /= sum;
      p_.push_back(p);
      labels_.push_back(images.labels()[n]);
    }
  }
  /// W x_n + b for any W and b.
  std::vector<double> scores(const Vectors& w_b, std::size_t n) const {
    std::vector<double> z = w_b[1];
    for (std::size_t c = 0; c < classes_; ++c) {
      for (std::size_t i = 0; i < features_; ++i) z[c] += w_b[0][c * features_ + i] * x_[n][i];
    }
    return z;
  }
  /// u^T H u: the mean over examples of the variance of the scores of u under their probabilities, and L2.
  double form(const Vectors& u) const {
    double sum = 0;
    for (std::size_t n = 0; n < count_; ++n) {
      const std::vector<double> z = scores(u, n);
      double mean = 0, square = 0;
      for (std::size_t c = 0; c < classes_; ++c) {
        mean += p_[n][c] * z[c];
        square += p_[n][c] * z[c] * z[c];
      }
      sum += square - mean * mean;
    }
    return sum / static_cast<double>(count_) + lambda * squared(u);
  }
  /// The gradient of the mean cross-entropy of some examples, less that of all.
  Vectors noise(const std::vector<std::size_t>& some) const {
    Vectors u{std::vector<double>(classes_ * features_), std::vector<double>(classes_)};
    const auto add = [&](std::size_t n, double weight) {
      for (std::size_t c = 0; c < classes_; ++c) {
        const double e = weight * (p_[n][c] - (labels_[n] == c ? 1 : 0));
        u[1][c] += e;
        for (std::size_t i = 0; i < features_; ++i) u[0][c * features_ + i] += e * x_[n][i];
      }
    };
    for (const std::size_t n : some) add(n, 1 / static_cast<double>(some.size()));
    for (std::size_t n = 0; n < count_; ++n) add(n, -1 / static_cast<double>(count_));
    return u;
  }

 private:
  std::size_t count_, features_ = 0, classes_ = 0;
  Vectors x_, p_;
  std::vector<std::size_t> labels_;
};

/// Softmax regression on images of 3 x 3 and 4 classes.
struct Network {
  Graph graph;
  Tensor loss{softmax_cross_entropy(linear(flatten(graph.input({1, 3, 3})), 4))};
};

}  // namespace

TEST_CASE(
    "a form of the Hessian is that of softmax regression in closed form, in any direction and of any length") {
  const ImageSet images = random_images(37, 3, 3, 4);
  Network net;
  Model model(net.graph, net.loss, {.batch = 16, .seed = 3});
  const Regression regression(images, model);
  Hessian hessian(model, images, {.weight_decay = decay});
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    Vectors u = random_direction(model, seed);
    if (seed == 2) {
      u[0].assign(u[0].size(), 0.0);  // biases alone
    }
    if (seed == 3) {
      for (std::vector<double>& x : u) {
        for (double& value : x) value *= 1e-6;
      }
    }
    CAPTURE(seed);
    CHECK(hessian.form(u) == doctest::Approx(regression.form(u)).epsilon(2e-4));
  }
}

TEST_CASE("the form of L2 alone is lambda |u|^2, exactly but for rounding to double") {
  // Equal scores of one class only: the cross-entropy is 0 everywhere.
  const ImageSet images = random_images(5, 3, 3, 1);
  Graph graph;
  Model model(graph, softmax_cross_entropy(linear(flatten(graph.input({1, 3, 3})), 1)), {.batch = 5, .seed = 3});
  Hessian hessian(model, images, {.weight_decay = decay});
  const Vectors u = random_direction(model, 1);
  CHECK(hessian.form(u) == doctest::Approx(lambda * squared(u)).epsilon(1e-11));
}

TEST_CASE("the form of no direction is 0, and that of parameters that are all 0 is known too") {
  const ImageSet images = random_images(16, 3, 3, 4);
  Network net;
  Model model(net.graph, net.loss, {.batch = 16});
  for (const quench::Parameter& p : model.parameters().tensors) std::ranges::fill(p.value, 0.0F);
  const Regression regression(images, model);
  Hessian hessian(model, images, {.weight_decay = decay});
  const Vectors u = random_direction(model, 1);
  CHECK(hessian.form(u) == doctest::Approx(regression.form(u)).epsilon(2e-4));
  const Vectors none{std::vector<double>(36), std::vector<double>(4)};
  CHECK(hessian.form(none) == 0);
}

TEST_CASE("parameters are the same bits after a form, and threads change no bit of it") {
  const ImageSet images = random_images(150, 28, 28, 10);
  std::optional<double> expected;
  std::optional<double> expected_trace;
  for (const int threads : {1, 2, 3}) {
    quench::ThreadPool pool(threads);
    Graph graph;
    Model model(graph, softmax_cross_entropy(quench::mlp(graph.input({1, 28, 28}))),
                {.batch = 100, .executor = &pool});
    std::vector<std::vector<std::uint32_t>> before;
    for (const quench::Parameter& p : model.parameters().tensors) before.push_back(quench_test::bits(p.value));
    Hessian hessian(model, images, {.weight_decay = decay});
    const double form = hessian.form(random_direction(model, 7));
    const NoiseTraces traces = hessian.traces({.batch = 100, .products = 1, .seed = 5});
    for (std::size_t t = 0; t < before.size(); ++t) {
      CHECK(quench_test::bits(model.parameters().tensors[t].value) == before[t]);
    }
    if (!expected) expected = form;
    if (!expected_trace) expected_trace = traces.tr_hc.mean;
    CHECK(form == *expected);
    CHECK(traces.tr_hc.mean == *expected_trace);
  }
}

TEST_CASE("parameters are the same bits after a form that failed") {
  const ImageSet images = random_images(16, 3, 4, 4);
  Network net;
  Model model(net.graph, net.loss, {.batch = 16, .seed = 3});
  const auto before = quench_test::bits(model.parameters().tensors[0].value);
  Hessian hessian(model, images);
  CHECK_THROWS_WITH_AS(hessian.form(random_direction(model, 1)),
                       "model: images of shape [1, 3, 4], expected the input's [1, 3, 3]", Error);
  CHECK(quench_test::bits(model.parameters().tensors[0].value) == before);
}

TEST_CASE("Tr(H C) and Tr(C) are those of all mini-batches, counted one by one") {
  const ImageSet images = random_images(6, 3, 3, 4);
  Network net;
  Model model(net.graph, net.loss, {.batch = 6, .seed = 3});
  const Regression regression(images, model);
  double tr_hc = 0, tr_c = 0, pairs = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Vectors u = regression.noise({i, j});
      tr_hc += regression.form(u);
      tr_c += squared(u);
      ++pairs;
    }
  }
  REQUIRE(pairs == 15);
  tr_hc /= pairs;
  tr_c /= pairs;
  // (1/B) ((N - B) / (N - 1)) of what single examples have.
  double single = 0;
  for (std::size_t i = 0; i < 6; ++i) single += regression.form(regression.noise({i})) / 6;
  CHECK(tr_hc == doctest::Approx(0.5 * 4 / 5 * single).epsilon(1e-12));

  Hessian hessian(model, images, {.weight_decay = decay});
  const NoiseTraces traces = hessian.traces({.batch = 2, .products = 3000, .seed = 1});
  CHECK(traces.products == 3000);
  CHECK(std::abs(traces.tr_hc.mean - tr_hc) < 4 * traces.tr_hc.error);
  CHECK(std::abs(traces.tr_c.mean - tr_c) < 4 * traces.tr_c.error);
  CHECK(traces.tr_hc.error < 0.02 * tr_hc);
  CHECK(traces.tr_c.error < 0.02 * tr_c);

  // The batch of all has no noise.
  const NoiseTraces whole = hessian.traces({.batch = 6, .products = 3, .seed = 1});
  CHECK(std::abs(whole.tr_c.mean) < 1e-10);
  const NoiseTraces one = hessian.traces({.batch = 2, .products = 1, .seed = 1});
  CHECK(std::isnan(one.tr_hc.error));
  CHECK(hessian.traces({.batch = 2, .products = 3, .seed = 2}).tr_hc.mean !=
        hessian.traces({.batch = 2, .products = 3, .seed = 1}).tr_hc.mean);
}

TEST_CASE("traces can be stopped before any product, and have those that were made") {
  const ImageSet images = random_images(6, 3, 3, 4);
  Network net;
  Model model(net.graph, net.loss, {.batch = 4});
  Hessian hessian(model, images);
  int asked = 0;
  const NoiseTraces two = hessian.traces({.batch = 2, .products = 9, .stop = [&] { return ++asked == 3; }});
  CHECK(asked == 3);
  CHECK(two.products == 2);
  const NoiseTraces same = hessian.traces({.batch = 2, .products = 2});
  CHECK(two.tr_hc.mean == same.tr_hc.mean);
  CHECK(two.tr_c.error == same.tr_c.error);
  const NoiseTraces none = hessian.traces({.batch = 2, .stop = [] { return true; }});
  CHECK(none.products == 0);
  CHECK(std::isnan(none.tr_hc.mean));
  CHECK(std::isnan(none.tr_c.error));
}

TEST_CASE("the Hessian refuses directions and options that do not fit") {
  const ImageSet images = random_images(6, 3, 3, 4);
  Network net;
  Model model(net.graph, net.loss, {.batch = 4});
  CHECK_THROWS_WITH_AS(Hessian(model, images, {.step = 0}), "step is 0.000000, expected a finite number > 0",
                       Error);
  CHECK_THROWS_AS(Hessian(model, images, {.step = std::numeric_limits<double>::infinity()}), Error);
  Hessian hessian(model, images);
  CHECK_THROWS_WITH_AS(hessian.form(Vectors(1)), "a direction of 1 tensors, expected 2", Error);
  CHECK_THROWS_WITH_AS(hessian.form(Vectors{std::vector<double>(36), std::vector<double>(5)}),
                       "a direction of 5 values in tensor 1, expected 4", Error);
  CHECK_THROWS_WITH_AS(hessian.traces({.batch = 7}), "batch is 7, expected 1 .. 6", Error);
  CHECK_THROWS_WITH_AS(hessian.traces({.batch = 2, .products = 0}), "products is 0, expected at least 1", Error);
}
