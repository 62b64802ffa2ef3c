// What the builder functions make, and what they refuse.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

#include "graph/node.h"
#include "graph/op.h"
#include "quench/error.h"
#include "quench/graph.h"
#include "quench/model.h"

using quench::Error;
using quench::Graph;
using quench::Init;
using quench::Shape;
using quench::Tensor;

TEST_CASE("shapes count and print") {
  CHECK(quench::element_count({}) == 1);
  CHECK(quench::element_count({2, 3, 4}) == 24);
  CHECK(quench::to_string(Shape{}) == "[]");
  CHECK(quench::to_string(Shape{28, 28}) == "[28, 28]");
}

TEST_CASE("operations give the documented shapes and kinds") {
  Graph g;
  const Tensor x = g.input({2, 3});
  const Tensor p = g.parameter({2, 3}, "p");
  const Tensor m = g.parameter({4, 2}, "m");
  const auto gives = [](Tensor t, const Shape& shape, bool per_example) {
    return t.shape() == shape && t.per_example() == per_example;
  };
  CHECK(gives(x, {2, 3}, true));
  CHECK(gives(p, {2, 3}, false));
  CHECK(gives(flatten(x), {6}, true));
  CHECK(gives(reshape(p, {3, 2}), {3, 2}, false));
  CHECK(gives(x + x, {2, 3}, true));
  CHECK(gives(p + x, {2, 3}, true));
  CHECK(gives(p * p, {2, 3}, false));
  CHECK(gives(matmul(m, x), {4, 3}, true));
  CHECK(gives(matmul(m, p), {4, 3}, false));
  CHECK(gives(matmul(m, g.input({2})), {4}, true));
  CHECK(gives(relu(p), {2, 3}, false));
  CHECK(gives(sum(x), {1}, true));
  CHECK(gives(mean(p), {1}, false));
  CHECK(gives(batch_mean(x), {2, 3}, false));
  CHECK(gives(linear(flatten(x), 5), {5}, true));
  CHECK(gives(linear_relu(flatten(x), 5), {5}, true));
  CHECK(gives(softmax_cross_entropy(flatten(x)), {1}, false));
  const Tensor image = g.input({3, 9, 6});
  CHECK(gives(max_pool2d(image, 2), {3, 4, 3}, true));
  CHECK(gives(max_pool2d(image, 3, 2), {3, 4, 2}, true));
  CHECK(gives(average_pool2d(image, 6, 1), {3, 4, 1}, true));
  CHECK(gives(average_pool2d(image, 1, 4), {3, 3, 2}, true));
  CHECK(gives(max_pool2d(image, 4, std::int64_t{1} << 62), {3, 1, 1}, true));
  CHECK(gives(conv2d(image, 5), {5, 7, 4}, true));
  CHECK(gives(conv2d_relu(image, 2, {.kernel = 5, .stride = 1, .padding = 2}), {2, 9, 6}, true));
  CHECK(gives(conv2d(image, 1, {.kernel = 4, .stride = 3, .padding = 1}), {1, 3, 2}, true));
  CHECK(gives(conv2d(image, 1, {.kernel = 2, .padding = 3}), {1, 14, 11}, true));
  CHECK(gives(conv2d_relu_max_pool2d(image, 4, {.kernel = 5, .padding = 2}, 2), {4, 4, 3}, true));
  CHECK(gives(conv2d_relu_max_pool2d(image, 4, {.kernel = 1}, 6), {4, 1, 1}, true));
  CHECK(gives(cnn(g.input({3, 32, 32})), {10}, true));
  CHECK(gives(cnn(g.input({28, 28}), 7), {7}, true));
}

TEST_CASE("linear makes Xavier weights and zero biases, named fc1, fc2, ... or as asked") {
  Graph g;
  const Tensor x = g.input({4});
  linear(x, 3);
  linear_relu(x, 2);
  linear(x, 5, "head");
  linear(x, 1, "fc3");
  linear(x, 1);
  std::vector<std::string> names;
  for (const auto& node : g.nodes()) {
    if (node.kind != quench::Node::Kind::parameter) continue;
    names.push_back(node.name);
    const bool weight = node.name.ends_with(".weight");
    CHECK((node.init == Init::xavier_uniform) == weight);
    CHECK(node.shape.size() == (weight ? 2 : 1));
  }
  CHECK(names == std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "head.weight",
                                          "head.bias", "fc3.weight", "fc3.bias", "fc4.weight", "fc4.bias"});
  CHECK(g.nodes()[1].shape == Shape{3, 4});
}

TEST_CASE("a reference to a shape stays valid while the graph grows") {
  Graph g;
  const Tensor x = g.input({4});
  const Shape& shape = x.shape();
  Tensor y = x;
  for (int i = 0; i < 1000; ++i) y = relu(y);
  CHECK(&shape == &x.shape());
  CHECK(shape == Shape{4});
}

TEST_CASE("inputs and parameters with impossible shapes or taken names are refused") {
  Graph g;
  CHECK_THROWS_WITH_AS(g.input({3, 0}, "pixels"), "input 'pixels': shape [3, 0] has extent 0, expected at least 1",
                       Error);
  CHECK_THROWS_WITH_AS(g.parameter({-1}, "p"), "parameter 'p': shape [-1] has extent -1, expected at least 1",
                       Error);
  CHECK_THROWS_WITH_AS(g.parameter({1 << 20, 1 << 20}, "p"),
                       "parameter 'p': shape [1048576, 1048576] has too many elements, expected at most 2^32",
                       Error);
  CHECK_THROWS_WITH_AS(g.parameter({7}, "p", Init::xavier_uniform),
                       "parameter 'p': shape [7], expected at least two dimensions for Xavier's initialisation",
                       Error);
  g.parameter({1}, "p");
  CHECK_THROWS_WITH_AS(g.parameter({2}, "p"), "parameter 'p': the name is taken", Error);
  CHECK_THROWS_WITH_AS(g.tensor(1), "graph: no node 1, expected below 1", Error);
}

TEST_CASE("empty tensors and tensors of another graph are refused") {
  Graph g, h;
  const Tensor x = g.input({2});
  const Tensor y = h.input({2});
  CHECK_THROWS_WITH_AS(relu(Tensor{}), "relu: an argument is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(x + Tensor{}, "add: an argument is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(flatten(Tensor{}), "reshape: an argument is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(linear(Tensor{}, 2), "linear: an argument is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(x * y, "multiply: the arguments belong to different graphs, expected one", Error);
}

TEST_CASE("each operation names itself and the shapes that do not fit") {
  Graph g;
  const Tensor x = g.input({2, 3});
  const Tensor v = g.input({6});
  const Tensor p = g.parameter({2, 3}, "p");
  CHECK_THROWS_WITH_AS(x + v, "add: shapes [2, 3] and [6], expected equal shapes", Error);
  CHECK_THROWS_WITH_AS(v * p, "multiply: shapes [6] and [2, 3], expected equal shapes", Error);
  CHECK_THROWS_WITH_AS(reshape(x, {7}), "reshape: shape [2, 3] has 6 elements and [7] has 7, expected equal counts",
                       Error);
  CHECK_THROWS_WITH_AS(reshape(x, {-2, -3}), "reshape: shape [-2, -3] has extent -2, expected at least 1", Error);
  // More elements than 64 bits count: 2^80, which wraps around to 0, and 2^64 + 6, to the 6 there are.
  CHECK_THROWS_WITH_AS(reshape(x, {std::int64_t{1} << 40, std::int64_t{1} << 40}),
                       "reshape: shape [1099511627776, 1099511627776] has too many elements, expected at most 2^32",
                       Error);
  CHECK_THROWS_WITH_AS(reshape(x, {2, 3 + (std::int64_t{1} << 62), 2}), doctest::Contains("reshape: shape [2, "),
                       Error);
  CHECK_THROWS_WITH_AS(batch_mean(p), "batch_mean: the input, of shape [2, 3], is shared, expected per-example",
                       Error);
  CHECK_THROWS_WITH_AS(softmax_cross_entropy(p),
                       "softmax_cross_entropy: the logits, of shape [2, 3], are shared, expected per-example",
                       Error);
  CHECK_THROWS_WITH_AS(softmax_cross_entropy(x),
                       "softmax_cross_entropy: the logits have shape [2, 3], expected one dimension, [classes]",
                       Error);
}

TEST_CASE("linear refuses shared or unflattened inputs and empty outputs, and leaves the graph as it was") {
  Graph g;
  const Tensor x = g.input({2, 3});
  const Tensor p = g.parameter({6}, "p");
  const std::size_t before = g.nodes().size();
  CHECK_THROWS_WITH_AS(linear(x, 4), "linear: the input has shape [2, 3], expected one dimension: flatten it first",
                       Error);
  CHECK_THROWS_WITH_AS(linear_relu(p, 4), "linear_relu: the input, of shape [6], is shared, expected per-example",
                       Error);
  CHECK(g.nodes().size() == before);
  const Tensor flat = flatten(x);
  CHECK_THROWS_WITH_AS(linear(flat, 0), "linear: 0 output features, expected at least 1", Error);
  linear(flat, 1, "layer");
  CHECK_THROWS_WITH_AS(linear(flat, 1, "layer"), "parameter 'layer.weight': the name is taken", Error);
}

TEST_CASE("a layer whose bias's name is taken, or whose weight is too large, leaves nothing in the graph") {
  Graph g;
  const Tensor x = g.input({6});
  g.parameter({1}, "head.bias");
  CHECK_THROWS_WITH_AS(linear(x, 3, "head"), "parameter 'head.bias': the name is taken", Error);
  CHECK_THROWS_WITH_AS(linear(x, std::int64_t{1} << 30),
                       "linear: shape [1073741824, 6] has too many elements, expected at most 2^32", Error);
  CHECK(g.nodes().size() == 2);
  g.parameter({1}, "head.weight");
  linear(x, 3);
  CHECK(g.nodes()[3].name == "fc1.weight");
}

TEST_CASE("matmul refuses per-example left operands, vectors on the left, cubes and unequal inner extents") {
  Graph g;
  const Tensor x = g.input({2, 3});
  const Tensor m = g.parameter({4, 2}, "m");
  const Tensor v = g.parameter({2}, "v");
  CHECK_THROWS_WITH_AS(matmul(x, m), "matmul: the left operand, of shape [2, 3], is per-example, expected shared",
                       Error);
  CHECK_THROWS_WITH_AS(matmul(v, x), "matmul: the left operand has shape [2], expected two dimensions", Error);
  CHECK_THROWS_WITH_AS(matmul(m, v), "matmul: the right operand has shape [2], expected two dimensions", Error);
  CHECK_THROWS_WITH_AS(matmul(m, g.input({2, 3, 4})),
                       "matmul: the right operand has shape [2, 3, 4], expected one or two dimensions", Error);
  CHECK_THROWS_WITH_AS(matmul(m, g.input({3})), "matmul: shapes [4, 2] and [3], expected equal inner extents",
                       Error);
}

TEST_CASE("conv2d makes Xavier weights and zero biases, named conv1, conv2, ... or as asked") {
  Graph g;
  const Tensor x = g.input({3, 8, 8});
  conv2d(x, 4, {.kernel = 5});
  conv2d_relu_max_pool2d(x, 2, {.kernel = 3, .padding = 1}, 2);
  conv2d_relu(x, 6, {}, "stem");
  std::vector<std::string> names;
  for (const auto& node : g.nodes()) {
    if (node.kind == quench::Node::Kind::parameter)
      names.push_back(node.name + " " + quench::to_string(node.shape));
  }
  CHECK(names == std::vector<std::string>{"conv1.weight [4, 3, 5, 5]", "conv1.bias [4]",
                                          "conv2.weight [2, 3, 3, 3]", "conv2.bias [2]", "stem.weight [6, 3, 3, 3]",
                                          "stem.bias [6]"});
}

TEST_CASE("convolutions refuse what is no image, kernels that do not fit, and leave the graph as it was") {
  Graph g;
  const Tensor x = g.input({2, 5, 4});
  const std::size_t before = g.size();
  CHECK_THROWS_WITH_AS(conv2d(Tensor{}, 2), "conv2d: an argument is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(conv2d(x, 0), "conv2d: 0 output channels, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(conv2d(x, 1, {.kernel = 0}), "conv2d: a kernel of 0, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(conv2d_relu(x, 1, {.stride = 0}), "conv2d_relu: a stride of 0, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(conv2d(x, 1, {.padding = -1}), "conv2d: a padding of -1, expected 0 .. 2147483648", Error);
  CHECK_THROWS_WITH_AS(conv2d(x, 1, {.padding = std::int64_t{1} << 62}),
                       "conv2d: a padding of 4611686018427387904, expected 0 .. 2147483648", Error);
  CHECK_THROWS_WITH_AS(
      conv2d(x, 1, {.kernel = 5}),
      "conv2d: a kernel of 5 with a padding of 0 for an image of shape [2, 5, 4], expected one that fits", Error);
  CHECK_THROWS_WITH_AS(
      conv2d_relu_max_pool2d(x, 1, {.kernel = 4}, 2),
      "conv2d_relu_max_pool2d: windows of 2 to pool an image of shape [1, 2, 1], expected windows that fit", Error);
  CHECK_THROWS_WITH_AS(conv2d_relu_max_pool2d(x, 1, {.kernel = 1}, 0),
                       "conv2d_relu_max_pool2d: windows of 0, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(
      conv2d_relu_max_pool2d(x, 1, {.kernel = 1}, 5),
      "conv2d_relu_max_pool2d: windows of 5 to pool an image of shape [1, 5, 4], expected windows that fit", Error);
  constexpr std::int64_t huge = (std::int64_t{1} << 62) + 1;
  CHECK_THROWS_WITH_AS(conv2d(x, 1, {.kernel = huge}),
                       "conv2d: shape [1, 2, 4611686018427387905, 4611686018427387905] has too many elements, "
                       "expected at most 2^32",
                       Error);
  CHECK(g.size() == before);
  const Tensor p = g.parameter({2, 5, 4}, "p");
  CHECK_THROWS_WITH_AS(conv2d(p, 2), "conv2d: the input, of shape [2, 5, 4], is shared, expected per-example",
                       Error);
  CHECK_THROWS_WITH_AS(conv2d(flatten(x), 2),
                       "conv2d: the input has shape [40], expected [channels, rows, columns]", Error);
}

TEST_CASE("a stride beyond the padded image leaves one output, however large it is") {
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  Graph g;
  const Tensor x = g.input({2, 5, 4});
  const Tensor y = conv2d(x, 3, {.kernel = 3, .stride = huge, .padding = 1});
  CHECK(y.shape() == quench::Shape{3, 1, 1});
  CHECK(g.size() == 4);  // x, weight, bias, y
  CHECK(g.nodes().back().windows.stride == 5);
  CHECK(conv2d_relu_max_pool2d(x, 3, {.kernel = 4, .stride = huge - 1}, 1).shape() == quench::Shape{3, 1, 1});
}

TEST_CASE("pools refuse shared inputs, other than images, windows that do not fit and strides below 0") {
  Graph g;
  const Tensor x = g.input({2, 5, 4});
  const std::size_t before = g.nodes().size();
  CHECK_THROWS_WITH_AS(max_pool2d(Tensor{}, 2), "max_pool2d: an argument is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(max_pool2d(x, 0), "max_pool2d: a window of 0, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(average_pool2d(x, 2, -1),
                       "average_pool2d: a stride of -1, expected at least 1, or 0 for that of the window", Error);
  CHECK_THROWS_WITH_AS(max_pool2d(x, 5),
                       "max_pool2d: a window of 5 x 5 on images of 5 x 4, expected at most as large", Error);
  CHECK_THROWS_WITH_AS(average_pool2d(x, 6),
                       "average_pool2d: a window of 6 x 6 on images of 5 x 4, expected at most as large", Error);
  CHECK(g.nodes().size() == before);
  CHECK_THROWS_WITH_AS(max_pool2d(g.parameter({2, 5, 4}, "p"), 2),
                       "max_pool2d: the input, of shape [2, 5, 4], is shared, expected per-example", Error);
  CHECK_THROWS_WITH_AS(
      average_pool2d(flatten(x), 2),
      "average_pool2d: the input has shape [40], expected three dimensions, [channels, rows, columns]", Error);
}
