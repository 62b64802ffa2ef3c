// Models: batches in, loss and gradients out, evaluation, and what they refuse.
#include "quench/model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <random>

#include "graph/experiment.h"
#include "quench/error.h"
#include "random_images.h"

using quench::Batch;
using quench::Error;
using quench::Graph;
using quench::ImageSet;
using quench::Model;
using quench::Tensor;
using quench_test::gradient_bits;
using quench_test::random_images;

namespace {

std::vector<std::uint32_t> first(std::size_t count) {
  std::vector<std::uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0U);
  return indices;
}

// A small network for images of 5 x 4 and 10 classes.
struct Network {
  Network() : loss(softmax_cross_entropy(quench::mlp(graph.input({1, 5, 4}), hidden, 10))) {}
  static constexpr std::array<std::int64_t, 1> hidden{12};
  Graph graph;
  Tensor loss;
};

// Sets every pixel of image i to its label, and weights that make logit c greatest where the pixels are c.
ImageSet labelled_by_brightness(int count, int classes) {
  std::vector<std::uint8_t> pixels, labels;
  for (int i = 0; i < count; ++i) {
    labels.push_back(static_cast<std::uint8_t>(i % classes));
    pixels.push_back(labels.back());
  }
  return ImageSet(1, 1, 1, classes, pixels, labels);
}

}  // namespace

TEST_CASE("the paper's MLP has 199,210 parameters in six tensors") {
  Graph graph;
  Model model(graph, softmax_cross_entropy(quench::mlp(graph.input({1, 28, 28}))));
  const quench::Parameters parameters = model.parameters();
  CHECK(parameters.count() == 199'210);
  REQUIRE(parameters.tensors.size() == 6);
  CHECK(parameters.tensors[0].name == "fc1.weight");
  CHECK(parameters.tensors[0].shape == quench::Shape{200, 784});
  CHECK(parameters.tensors[5].name == "fc3.bias");
  CHECK(parameters.tensors[5].shape == quench::Shape{10});
}

TEST_CASE("a seed gives the same initial weights, another seed others") {
  const auto weights = [](std::uint64_t seed) {
    Network net;
    Model model(net.graph, net.loss, {.seed = seed});
    return quench_test::bits(model.parameters().tensors[0].value);
  };
  CHECK(weights(1) == weights(1));
  CHECK(weights(1) != weights(2));
}

TEST_CASE("a batch of images gives the bits of the same numbers set by hand") {
  const ImageSet images = random_images(60, 5, 4, 10);
  Network net;
  Model model(net.graph, net.loss, {.batch = 40});
  quench::Plan plan(net.graph, net.loss, {.batch = 40});
  plan.bind();
  plan.set_live(37);
  for (std::size_t i = 0; i < plan.parameters().size(); ++i) {
    std::ranges::copy(model.parameters().tensors[i].value, plan.parameters()[i].value.begin());
  }
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  for (std::uint32_t i = 0; i < 37; ++i) {
    indices.push_back((i * 23 + 5) % 60);
    for (const std::uint8_t pixel : images.image(indices.back())) {
      values.push_back(std::fma(static_cast<float>(pixel), 1.0F / 128, -1.0F));
    }
    labels.push_back(images.labels()[indices.back()]);
  }
  plan.set_input(net.graph.tensor(0), values);
  plan.set_labels(labels);
  const float root = plan.forward();
  plan.backward();
  CHECK(static_cast<float>(model.forward_backward({&images, indices})) == root);
  CHECK(gradient_bits(model.plan()) == gradient_bits(plan));
}

TEST_CASE("an input that stays images has no values to read, and the images are not used after the call") {
  std::optional<ImageSet> images = random_images(40, 5, 4, 10);
  const std::vector<std::uint32_t> all = first(40);
  Network net;
  const Tensor x = net.graph.tensor(0);
  Model model(net.graph, net.loss, {.batch = 40});
  quench::Plan& plan = model.plan();
  const char* gone = "forward: the input was read as images, which are gone, expected a set_input()";
  model.forward({&*images, all});
  CHECK_THROWS_WITH_AS(plan.value(x),
                       "value: input 'input' was read as images and has no values, expected a set_input()", Error);
  plan.backward();  // the set still lives
  model.forward_backward({&*images, all});
  CHECK_THROWS_WITH_AS(plan.forward(), gone, Error);
  model.evaluate(*images);
  images.reset();
  CHECK_THROWS_WITH_AS(plan.forward(), gone, Error);
  const std::vector<float> values(40 * 20, 0.5F);
  plan.set_input(x, values);
  CHECK(plan.value(x)[0] == 0.5F);
  plan.forward();
  plan.backward();
}

TEST_CASE("bind() forgets the images as it clears the memory") {
  const ImageSet images = random_images(40, 5, 4, 10);
  const std::vector<std::uint32_t> all = first(40);
  Network net;
  Model model(net.graph, net.loss, {.batch = 40});
  model.forward({&images, all});
  model.plan().bind();
  CHECK(model.plan().value(net.graph.tensor(0))[0] == 0.0F);
  model.plan().forward();
}

TEST_CASE("batches too large to stay images give the bits of small ones") {
  const ImageSet images = random_images(200, 5, 4, 10);
  const std::vector<std::uint32_t> all = first(100);
  Network net;
  Model small(net.graph, net.loss, {.batch = 100}), large(net.graph, net.loss, {.batch = 200});
  const Batch batch{&images, all};
  CHECK(large.forward_backward(batch) == small.forward_backward(batch));
  CHECK(gradient_bits(large.plan()) == gradient_bits(small.plan()));
}

TEST_CASE("a partial batch gives the bits of a model of that size, also after a larger batch") {
  const ImageSet images = random_images(100, 5, 4, 10);
  const std::vector<std::uint32_t> all = first(100);
  for (const std::size_t count : {1U, 15U, 16U, 17U, 33U, 100U}) {
    CAPTURE(count);
    Network net;
    Model large(net.graph, net.loss, {.batch = 100});
    Model exact(net.graph, net.loss, {.batch = static_cast<int>(count)});
    large.forward_backward({&images, all});
    const Batch batch{&images, std::span(all).first(count)};
    CHECK(large.forward_backward(batch) == exact.forward_backward(batch));
    CHECK(gradient_bits(large.plan()) == gradient_bits(exact.plan()));
    CHECK(large.forward(batch) == exact.forward(batch));
  }
}

TEST_CASE("an example's logits are the same bits alone and in any batch of the convolutional network") {
  constexpr std::size_t size = 3 * 16 * 17;
  std::mt19937 random(7);
  std::vector<float> pixels(100 * size);
  for (float& pixel : pixels) pixel = static_cast<float>(random() % 256) / 128 - 1;
  Graph graph;
  const Tensor logits = quench::cnn(graph.input({3, 16, 17}));
  const Tensor loss = softmax_cross_entropy(logits);
  Model model(graph, loss, {.seed = 1});
  // The logits of examples from .. from + count - 1, one after the other.
  const auto predict = [&](std::size_t from, std::size_t count) {
    quench::Plan plan(graph, loss, {.batch = static_cast<int>(count), .keep = {logits}});
    plan.bind();
    for (std::size_t i = 0; i < plan.parameters().size(); ++i) {
      std::ranges::copy(model.parameters().tensors[i].value, plan.parameters()[i].value.begin());
    }
    plan.set_input(graph.tensor(0), std::span(pixels).subspan(from * size, count * size));
    plan.set_labels(std::vector<std::int32_t>(count));
    plan.forward();
    const std::span<const float> values = plan.value(logits);
    const auto lanes = static_cast<std::size_t>(plan.lanes());
    std::vector<std::vector<float>> result(count);
    for (std::size_t n = 0; n < count; ++n) {
      for (std::size_t c = 0; c < 10; ++c) result[n].push_back(values[c * lanes + n]);
    }
    return result;
  };
  const auto full = predict(0, 100);
  CHECK(quench_test::bits(full[0]) != quench_test::bits(full[1]));
  for (const std::size_t count : {1U, 7U, 15U}) {
    CAPTURE(count);
    for (std::size_t from = 0; from + count <= 100; from += 21) {
      const auto some = predict(from, count);
      for (std::size_t n = 0; n < count; ++n) {
        CHECK(quench_test::bits(some[n]) == quench_test::bits(full[from + n]));
      }
    }
  }
}

TEST_CASE(
    "the initial loss of ten classes with zero weights is log 10, and gradients sum to zero over the classes") {
  const ImageSet images = random_images(30, 5, 4, 10);
  Network net;
  Model model(net.graph, net.loss, {.batch = 30});
  for (const quench::Parameter& parameter : model.parameters().tensors) std::ranges::fill(parameter.value, 0.0F);
  const std::vector<std::uint32_t> all = first(30);
  CHECK(model.forward_backward({&images, all}) == doctest::Approx(std::log(10.0)).epsilon(1e-7));
  const auto& bias = model.parameters().tensors[3].gradient;
  CHECK(std::accumulate(bias.begin(), bias.end(), 0.0) == doctest::Approx(0).epsilon(1e-6));
}

TEST_CASE("evaluate counts the examples whose first largest logit is their label, over all batches") {
  // logit_c = c x - c^2 / 2 is greatest at c = x, the label; class 3's is then shifted so that it always loses.
  constexpr int classes = 5, count = 231;
  const ImageSet images = labelled_by_brightness(count, classes);
  Graph graph;
  Model model(graph, softmax_cross_entropy(linear(flatten(graph.input({1, 1, 1})), classes)), {.batch = 20});
  const auto parameters = model.parameters().tensors;
  for (std::size_t c = 0; c < classes; ++c) {
    parameters[0].value[c] = static_cast<float>(c);
    parameters[1].value[c] = -static_cast<float>(c * c) / 2;
  }
  quench::Evaluation result = model.evaluate(images);
  CHECK(result.examples == count);
  CHECK(result.correct == count);
  CHECK(result.accuracy == 1.0);
  CHECK(result.accuracy_error == 0.0);

  parameters[1].value[3] = -100;
  result = model.evaluate(images);
  CHECK(result.correct == count - 46);  // labels 3, 8, ..., 228
  CHECK(result.accuracy == doctest::Approx((count - 46.0) / count));
  CHECK(result.accuracy_error == doctest::Approx(std::sqrt(46.0 * (count - 46.0) / count) / count));

  double loss = 0;
  for (int i = 0; i < count; ++i) {
    const auto logit = [&](int c) {
      const double bias = c == 3 ? -100 : -c * c / 2.0;
      return c * (i % classes) + bias;
    };
    double sum = 0;
    for (int c = 0; c < classes; ++c) sum += std::exp(logit(c));
    loss += std::log(sum) - logit(i % classes);
  }
  CHECK(result.loss == doctest::Approx(loss / count).epsilon(1e-6));

  std::ranges::fill(parameters[0].value, 0.0F);
  std::ranges::fill(parameters[1].value, 0.0F);
  CHECK(model.evaluate(images).correct == 47);  // all logits equal: the first class wins
}

TEST_CASE("evaluate leaves parameters and gradients as they were") {
  const ImageSet images = random_images(90, 5, 4, 10);
  Network net;
  Model model(net.graph, net.loss, {.batch = 32});
  const std::vector<std::uint32_t> some = first(32);
  model.forward_backward({&images, some});
  const auto gradients = gradient_bits(model.plan());
  const auto weights = quench_test::bits(model.parameters().tensors[0].value);
  model.evaluate(images);
  CHECK(gradient_bits(model.plan()) == gradients);
  CHECK(quench_test::bits(model.parameters().tensors[0].value) == weights);
}

TEST_CASE("a model without training evaluates to the same bits in less memory") {
  const ImageSet images = random_images(50, 5, 4, 10);
  Network net;
  Model training(net.graph, net.loss, {.batch = 16});
  Model inference(net.graph, net.loss, {.batch = 16, .training = false});
  CHECK(inference.bytes() < training.bytes());
  CHECK(inference.evaluate(images).loss == training.evaluate(images).loss);
  CHECK(inference.parameters().tensors[0].gradient.empty());
  const std::vector<std::uint32_t> some = first(16);
  CHECK_THROWS_WITH_AS(inference.forward_backward({&images, some}), "backward: the plan was made without training",
                       Error);
}

TEST_CASE("threads change no bit of a step") {
  const ImageSet images = random_images(300, 28, 28, 10);
  const std::vector<std::uint32_t> all = first(300);
  std::optional<std::vector<std::uint32_t>> expected;
  for (const int threads : {1, 2, 3, 7}) {
    quench::ThreadPool pool(threads);
    Graph graph;
    Model model(graph, softmax_cross_entropy(quench::mlp(graph.input({1, 28, 28}))),
                {.batch = 300, .executor = &pool});
    model.forward_backward({&images, all});
    if (!expected) expected = gradient_bits(model.plan());
    CHECK(gradient_bits(model.plan()) == *expected);
  }
}

TEST_CASE("the caller's buffer of the announced size is enough") {
  const ImageSet images = random_images(20, 5, 4, 10);
  Network net;
  const std::size_t bytes = Model::bytes(net.graph, net.loss, {.batch = 20});
  std::vector<std::byte> memory(bytes + 64);
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  const std::span<std::byte> buffer(memory.data() + (64 - address % 64) % 64, bytes);
  Model model(net.graph, net.loss, {.batch = 20, .buffer = buffer});
  CHECK(model.bytes() == bytes);
  Model own(net.graph, net.loss, {.batch = 20});
  const std::vector<std::uint32_t> all = first(20);
  CHECK(model.forward_backward({&images, all}) == own.forward_backward({&images, all}));
  CHECK(gradient_bits(model.plan()) == gradient_bits(own.plan()));
  CHECK_THROWS_WITH_AS(Model(net.graph, net.loss, {.batch = 20, .buffer = buffer.first(bytes - 64)}),
                       doctest::Contains("plan: the buffer has "), Error);
}

TEST_CASE("a model may be moved") {
  const ImageSet images = random_images(20, 5, 4, 10);
  const std::vector<std::uint32_t> all = first(20);
  Network net;
  Model a(net.graph, net.loss, {.batch = 20});
  const double loss = a.forward(Batch{&images, all});
  Model b(std::move(a));
  CHECK(b.forward(Batch{&images, all}) == loss);
}

TEST_CASE("inputs take images of their own shape, flattened or without the channel") {
  const ImageSet images = random_images(4, 5, 4, 3);
  const std::vector<std::uint32_t> all = first(4);
  for (const quench::Shape& shape : {quench::Shape{1, 5, 4}, {5, 4}, {20}}) {
    Graph graph;
    Model model(graph, softmax_cross_entropy(linear(flatten(graph.input(shape)), 3)), {.batch = 4});
    CHECK(model.forward({&images, all}) > 0);
  }
  for (const quench::Shape& shape : {quench::Shape{1, 4, 5}, {4, 5}, {21}, {1, 1, 5, 4}}) {
    Graph graph;
    Model model(graph, softmax_cross_entropy(linear(flatten(graph.input(shape)), 3)), {.batch = 4});
    CHECK_THROWS_WITH_AS(
        model.forward({&images, all}),
        ("model: images of shape [1, 5, 4], expected the input's " + quench::to_string(shape)).c_str(), Error);
  }
}

TEST_CASE("a model refuses losses and graphs that it cannot train") {
  Graph g, other;
  const Tensor x = g.input({3});
  const Tensor logits = linear(x, 2);
  const Tensor loss = softmax_cross_entropy(logits);
  CHECK_THROWS_WITH_AS(Model(g, Tensor{}), "model: the loss is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(Model(other, loss), "model: the loss belongs to another graph", Error);
  CHECK_THROWS_WITH_AS(Model(g, logits), "model: the loss is linear 3, expected a softmax_cross_entropy", Error);
  CHECK_THROWS_WITH_AS(Model(g, loss + loss), "model: the loss is add 5, expected a softmax_cross_entropy", Error);
  const Tensor two = softmax_cross_entropy(linear(x, 2) + g.input({2}));
  CHECK_THROWS_WITH_AS(Model(g, two), "model: the loss depends on 2 inputs, expected 1", Error);
  CHECK_THROWS_WITH_AS(Model(g, loss, {.batch = 0}), "plan: batch is 0, expected 1 .. 16777216", Error);
}

TEST_CASE("a model refuses batches that do not fit it") {
  const ImageSet images = random_images(40, 5, 4, 10);
  Network net;
  Model model(net.graph, net.loss, {.batch = 20});
  const std::vector<std::uint32_t> all = first(40);
  const std::vector<std::uint32_t> beyond{3, 40};
  CHECK_THROWS_WITH_AS(model.forward({&images, {}}), "model: a batch of 0 examples, expected 1 .. 32", Error);
  CHECK_THROWS_WITH_AS(model.forward({&images, std::span(all).first(33)}),
                       "model: a batch of 33 examples, expected 1 .. 32", Error);
  CHECK_THROWS_WITH_AS(model.forward({&images, beyond}), "model: the batch names image 40, expected below 40",
                       Error);
  CHECK_THROWS_WITH_AS(model.forward({nullptr, all}), "model: the batch has no image set", Error);
  const ImageSet many = random_images(4, 5, 4, 11);
  CHECK_THROWS_WITH_AS(model.evaluate(many), "model: images of 11 classes, expected at most the 10 of the logits",
                       Error);
  CHECK_THROWS_WITH_AS(model.evaluate(ImageSet()), "model: the set to evaluate has no images, expected at least 1",
                       Error);
}

TEST_CASE("logits come by example: the loss is theirs, and smaller batches give the same bits") {
  Network net;
  const ImageSet images = random_images(40, 5, 4, 10);
  const std::vector<std::uint32_t> all = first(40);
  Model model(net.graph, net.loss, {.batch = 40});
  std::vector<float> logits(400);
  model.logits({&images, all}, logits);
  double loss = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < 10; ++c) sum += std::exp(static_cast<double>(logits[i * 10 + c]));
    loss += std::log(sum) - static_cast<double>(logits[i * 10 + images.labels()[i]]);
  }
  CHECK(loss / 40 == doctest::Approx(model.evaluate(images).loss).epsilon(1e-6));
  for (const std::size_t batch : {1U, 7U, 15U, 20U}) {
    CAPTURE(batch);
    Model small(net.graph, net.loss, {.batch = static_cast<int>(batch), .training = false});
    for (std::size_t i = 0; i < 40; i += batch) {
      const std::size_t count = std::min(batch, 40 - i);
      std::vector<float> found(count * 10);
      small.logits({&images, std::span(all).subspan(i, count)}, found);
      REQUIRE(std::ranges::equal(found, std::span(logits).subspan(i * 10, count * 10)));
    }
  }
  CHECK_THROWS_WITH_AS(model.logits({&images, all}, std::span(logits).first(399)),
                       "model: room for 399 logits, expected 40 examples times 10 classes", Error);
}
