#include <doctest/doctest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "allocation_counter.h"
#include "quench/quench.h"

using quench::test::AllocationCounter;

namespace {

constexpr int batch = 100;

/// 250 images of noise: two full batches of 100 and one of 50.
quench::ImageSet noise() {
  constexpr std::size_t images = 250, features = 28 * 28;
  std::vector<std::uint8_t> pixels(images * features), labels(images);
  std::uint32_t state = 1;
  for (std::uint8_t& pixel : pixels) {
    state = state * 1664525U + 1013904223U;
    pixel = static_cast<std::uint8_t>(state >> 24);
  }
  for (std::size_t i = 0; i < images; ++i) labels[i] = static_cast<std::uint8_t>(i % 10);
  quench::ImageSet set(1, 28, 28, 10, std::move(pixels), std::move(labels));
  set.set_normalization(set.zero_mean_unit_variance());
  return set;
}

}  // namespace

TEST_CASE("after the first step a training step allocates nothing and starts no thread") {
  if (!AllocationCounter::available()) {
    MESSAGE("skipped: allocations cannot be counted with this C library or under this sanitizer");
    return;
  }
  const quench::ImageSet images = noise();
  for (const int threads : {1, 3}) {
    for (const float momentum : {0.0F, 0.9F}) {
      for (const bool at_once : {false, true}) {
        CAPTURE(at_once);
        CAPTURE(threads);
        CAPTURE(momentum);
        quench::ThreadPool pool(threads);
        quench::Graph graph;
        const quench::Tensor loss = softmax_cross_entropy(mlp(graph.input({1, 28, 28})));
        quench::Model model(graph, loss, {.batch = batch, .seed = 1, .executor = &pool});
        quench::Sgd sgd(model.parameters(), {.lr = 0.1F, .momentum = momentum, .weight_decay = 0.01F});

        const quench::Batches batches = images.shuffled({.batch = batch, .seed = 1, .keep_partial = true});
        REQUIRE(batches.size() == 3);
        REQUIRE(batches[2].indices.size() == 50);
        const auto step = [&](const quench::Batch& b) {
          if (at_once) {
            sgd.step(model, b);
          } else {
            model.forward_backward(b);
            sgd.step();
          }
        };
        step(batches[0]);

        const AllocationCounter counter;
        int steps = 0;
        while (steps < 20) {
          for (const quench::Batch& b : batches) {
            step(b);
            ++steps;
          }
        }
        CHECK(counter.count() == 0);
      }
    }
  }
}

TEST_CASE("after the first step a network of pools allocates nothing either") {
  if (!AllocationCounter::available()) return;
  const quench::ImageSet images = noise();
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    quench::ThreadPool pool(threads);
    quench::Graph graph;
    const quench::Tensor h = reshape(linear_relu(flatten(graph.input({1, 28, 28})), 300), {3, 10, 10});
    const quench::Tensor pooled = average_pool2d(max_pool2d(h, 2), 3, 1);
    quench::Model model(graph, softmax_cross_entropy(linear(flatten(pooled), 10)),
                        {.batch = batch, .seed = 1, .executor = &pool});
    quench::Sgd sgd(model.parameters(), {.lr = 0.1F});
    const quench::Batches batches = images.shuffled({.batch = batch, .seed = 1, .keep_partial = true});
    sgd.step(model, batches[0]);
    const AllocationCounter counter;
    for (const quench::Batch& b : batches) sgd.step(model, b);
    CHECK(counter.count() == 0);
  }
}

TEST_CASE("after the first step the convolutional network allocates nothing either") {
  if (!AllocationCounter::available()) return;
  const quench::ImageSet images = noise();
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    quench::ThreadPool pool(threads);
    quench::Graph graph;
    quench::Model model(graph, softmax_cross_entropy(cnn(graph.input({1, 28, 28}))),
                        {.batch = batch, .seed = 1, .executor = &pool});
    quench::Sgd sgd(model.parameters(), {.lr = 0.1F});
    const quench::Batches batches = images.shuffled({.batch = batch, .seed = 1, .keep_partial = true});
    sgd.step(model, batches[0]);
    const AllocationCounter counter;
    for (const quench::Batch& b : batches) sgd.step(model, b);
    CHECK(counter.count() == 0);
  }
}

TEST_CASE("after the first evaluation another allocates nothing") {
  if (!AllocationCounter::available()) return;
  const quench::ImageSet images = noise();
  quench::ThreadPool pool(2);
  quench::Graph graph;
  quench::Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))),
                      {.batch = batch, .seed = 1, .executor = &pool});
  const double first = model.evaluate(images).loss;

  const AllocationCounter counter;
  const double second = model.evaluate(images).loss;
  const std::int64_t count = counter.count();
  CHECK(count == 0);
  CHECK(first == second);
}
