// Values and gradients of every operation against the double-precision reference.
#include <doctest/doctest.h>

#include "graph/experiment.h"
#include "graph/random_graph.h"
#include "quench/graph.h"

using quench::Graph;
using quench::Tensor;
using quench_test::check_gradients;
using quench_test::Experiment;

namespace {

// A shared root that weighs every element and example of t differently, so that no gradient is constant.
Tensor weighed(Graph& g, Tensor t) {
  const Tensor weights = t.per_example() ? g.input(t.shape(), "weights") : g.parameter(t.shape(), "weights");
  const Tensor total = sum(multiply(t, weights));
  return t.per_example() ? batch_mean(total) : total;
}

}  // namespace

TEST_CASE("relu's gradient is that of the reference, per-example and shared") {
  Graph g;
  const Tensor x = g.input({3, 7});
  const Tensor p = g.parameter({3, 7}, "p");
  check_gradients(g, weighed(g, relu(x)) + sum(relu(p) * p), {x});
}

TEST_CASE("add's gradient is that of the reference, also for a shared operand on either side") {
  Graph g;
  const Tensor x = g.input({5}), y = g.input({5});
  const Tensor p = g.parameter({5}, "p"), q = g.parameter({5}, "q");
  check_gradients(g, weighed(g, (x + y) + (p + x) + (y + q)), {x, y});
  check_gradients(g, sum((p + q) * p));
}

TEST_CASE("multiply's gradient is that of the reference, also for a shared operand on either side") {
  Graph g;
  const Tensor x = g.input({2, 3}), y = g.input({2, 3});
  const Tensor p = g.parameter({2, 3}, "p"), q = g.parameter({2, 3}, "q");
  check_gradients(g, weighed(g, (x * y) + (p * x) + (y * q)), {x, y});
  check_gradients(g, sum(p * q));
}

TEST_CASE("sum and mean have the reference's gradients, per-example and shared") {
  Graph g;
  const Tensor x = g.input({4, 5});
  const Tensor p = g.parameter({37}, "p");
  const Tensor per_example = sum(x * x) * mean(x);
  check_gradients(g, batch_mean(per_example) + sum(p * p) * mean(p), {x});
}

TEST_CASE("batch_mean counts the live examples alone") {
  Graph g;
  const Tensor x = g.input({6});
  const Tensor m = batch_mean(x * x);
  check_gradients(g, sum(m * m), {x, m});
}

TEST_CASE("a shared value is used by every example after batch_mean: centring a feature over the batch") {
  Graph g;
  const Tensor x = g.input({6});
  const Tensor minus = g.parameter({6}, "minus");
  const Tensor centred = x + minus * batch_mean(x);
  check_gradients(g, mean(batch_mean(centred * centred)), {x, centred});
}

TEST_CASE("linear's gradients are the reference's, on an input of the graph and behind another layer") {
  for (const std::int64_t in : {1, 16, 19}) {
    Graph g;
    const Tensor x = g.input({in});
    check_gradients(g, weighed(g, linear(linear(x, 7), 18)));
  }
}

TEST_CASE("linear gives its input a gradient where that is kept") {
  Graph g;
  const Tensor x = g.input({5});
  check_gradients(g, weighed(g, linear(x, 4)), {x});
}

TEST_CASE("linear_relu's gradients are the reference's, kept or not") {
  Graph g;
  const Tensor x = g.input({3, 4});
  const Tensor h = linear_relu(flatten(x), 6);
  const Tensor root = weighed(g, linear_relu(h, 5));
  check_gradients(g, root);
  check_gradients(g, root, {x, h});
}

TEST_CASE("matmul's gradients are the reference's in its three forms") {
  Graph g;
  const Tensor a = g.parameter({4, 3}, "a"), b = g.parameter({3, 17}, "b");
  const Tensor vector = g.input({3});
  check_gradients(g, weighed(g, matmul(a, vector)) + sum(matmul(a, matmul(b, g.parameter({17, 1}, "c")))),
                  {vector});
  Graph h;
  const Tensor p = h.parameter({4, 3}, "p");
  const Tensor x = h.input({3, 2});
  check_gradients(h, weighed(h, matmul(p, x)), {x});
}

TEST_CASE("matmul of a square matrix by itself adds both contributions") {
  Graph g;
  const Tensor a = g.parameter({5, 5}, "a");
  check_gradients(g, mean(matmul(a, a)));
  const Tensor x = g.input({5});
  check_gradients(g, weighed(g, matmul(a, matmul(a, x))));
}

TEST_CASE("softmax_cross_entropy's gradient is the reference's") {
  for (const std::int64_t classes : {1, 2, 10, 33}) {
    Graph g;
    const Tensor z = g.input({classes});
    const Tensor p = g.parameter({classes}, "p");
    check_gradients(g, softmax_cross_entropy(z + p), {z});
  }
}

TEST_CASE("pools have the reference's gradients: windows apart, overlapping, with gaps, of part of the image") {
  for (const std::int64_t window : {1, 2, 3}) {
    for (const std::int64_t stride : {1, 2, 3, 5}) {
      CAPTURE(window);
      CAPTURE(stride);
      Graph g;
      const Tensor x = g.input({2, 6, 5});
      const Tensor largest = max_pool2d(x, window, stride), mean_value = average_pool2d(x, window, stride);
      check_gradients(g, weighed(g, largest * mean_value), {x, largest});
    }
  }
}

TEST_CASE("pools behind layers, of layers and of pools have the reference's gradients") {
  Graph g;
  const Tensor x = g.input({7});
  const Tensor h = reshape(linear(x, 2 * 5 * 6), {2, 5, 6});
  const Tensor pooled = average_pool2d(max_pool2d(relu(h), 2, 1), 2);
  check_gradients(g, weighed(g, linear(flatten(pooled), 4)));
}

TEST_CASE("convolutions have the reference's gradients: any kernel, stride and padding, with what comes behind") {
  struct Form {
    std::int64_t kernel, stride, padding;
  };
  for (const Form form : {Form{1, 1, 0},
                          {2, 1, 1},
                          {3, 1, 1},
                          {3, 2, 0},
                          {4, 3, 2},
                          {5, 1, 2},
                          {5, 2, 4},
                          {2, 1, 3},
                          {1, 2, 4},
                          {3, std::int64_t{1} << 62, 1}}) {
    CAPTURE(form.kernel);
    CAPTURE(form.stride);
    const quench::Conv2d options{.kernel = form.kernel, .stride = form.stride, .padding = form.padding};
    Graph g;
    const Tensor x = g.input({2, 6, 5});
    check_gradients(g, weighed(g, conv2d(x, 3, options)), {x});
    Graph h;
    const Tensor y = h.input({2, 6, 5});
    const Tensor scaled = y * h.parameter({2, 6, 5}, "p");
    check_gradients(h, weighed(h, conv2d_relu(scaled, 3, options)), {y});
    if ((5 + 2 * form.padding - form.kernel) / form.stride + 1 < 2) continue;
    Graph f;
    const Tensor z = f.input({2, 6, 5});
    check_gradients(f, weighed(f, conv2d_relu_max_pool2d(z, 3, options, 2)), {z});
  }
}

TEST_CASE("a small convolutional network has the reference's gradients") {
  Graph g;
  const Tensor x = g.input({2, 6, 5});
  const Tensor h = conv2d_relu_max_pool2d(x, 4, {.kernel = 3, .padding = 1}, 2);
  const Tensor again = conv2d(h, 3, {.kernel = 3, .padding = 1}) + conv2d_relu(h, 3, {.kernel = 1});
  check_gradients(g, softmax_cross_entropy(linear(flatten(again), 5)), {x});
}

TEST_CASE("two losses over the same labels add up, and a loss may be scaled") {
  Graph g;
  const Tensor x = g.input({4});
  const Tensor h = linear_relu(x, 6);
  const Tensor first = softmax_cross_entropy(linear(h, 3));
  const Tensor second = softmax_cross_entropy(linear(h, 5));
  check_gradients(g, first + g.parameter({1}, "scale") * second, {x});
}

TEST_CASE("a node used twice by one operation gets both gradients") {
  Graph g;
  const Tensor x = g.input({7});
  const Tensor p = g.parameter({7}, "p");
  const Tensor h = x * p;
  check_gradients(g, batch_mean(sum(h + h)) + batch_mean(mean(h * h)), {x});
  check_gradients(g, sum(p + p) + sum(p * p));
}

TEST_CASE("diamonds join the gradients of their branches") {
  Graph g;
  const Tensor x = g.input({5});
  const Tensor top = linear(x, 6);
  const Tensor left = relu(top), right = linear_relu(top, 6);
  const Tensor bottom = left * right + top;
  check_gradients(g, weighed(g, bottom), {x, top, bottom});
}

TEST_CASE("a view shares values and gradients with its source, both being used") {
  Graph g;
  const Tensor x = g.input({2, 3});
  const Tensor h = relu(x * g.parameter({2, 3}, "p"));
  const Tensor flat = flatten(h);
  const Tensor again = reshape(flat, {3, 2});
  const Tensor root = weighed(g, linear(flat, 4)) + batch_mean(sum(h * h)) + batch_mean(mean(again));
  check_gradients(g, root);
  check_gradients(g, root, {x, flat});
}

TEST_CASE("a view of a parameter, and a view as root, are differentiated") {
  Graph g;
  const Tensor p = g.parameter({2, 3}, "p");
  check_gradients(g, reshape(sum(flatten(p) * flatten(p)), {1, 1}));
}

TEST_CASE("random graphs have the reference's values and gradients") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Graph g;
    const Tensor root = quench_test::build_random_graph(g, 12, seed);
    Experiment(g, root, {.batch = 18}, 1 + seed % 18, seed).check();
  }
}

TEST_CASE("random graphs have the reference's values without training") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Graph g;
    const Tensor root = quench_test::build_random_graph(g, 20, seed);
    Experiment(g, root, {.batch = 18, .training = false}, 1 + seed % 18, seed).check();
  }
}
