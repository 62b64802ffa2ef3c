#include "graph/random_graph.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "graph/node.h"

namespace quench_test {

using quench::Graph;
using quench::Shape;
using quench::Tensor;

namespace {

class Builder {
 public:
  Builder(Graph& graph, std::uint32_t seed) : graph_(graph), random_(seed) {
    pool_.push_back(graph_.input(random_shape()));
    pool_.push_back(graph_.input({6}, "second"));
    pool_.push_back(parameter({2, 3}));
    pool_.push_back(parameter({6}));
  }

  void append_operation() {
    const Tensor a = any();
    switch (below(12)) {
      case 0:
        pool_.push_back(quench::relu(a));
        break;
      case 1:
        pool_.push_back(quench::add(a, partner(a)));
        break;
      case 2:
        pool_.push_back(quench::multiply(a, partner(a)));
        break;
      case 3:
        pool_.push_back(a.shape().size() == 1 ? quench::reshape(a, {1, a.shape()[0]}) : quench::flatten(a));
        break;
      case 4:
        pool_.push_back(below(2) == 0 ? quench::sum(a) : quench::mean(a));
        break;
      case 5:
        pool_.push_back(a.per_example() ? quench::batch_mean(a) : quench::add(a, a));
        break;
      case 6:
      case 7:
        append_linear(a);
        break;
      case 8:
        append_matmul(a);
        break;
      case 9:
        if (a.per_example() && a.shape().size() == 1) pool_.push_back(quench::softmax_cross_entropy(a));
        break;
      case 10:
        append_pool(a);
        break;
      case 11:
        append_convolution(a);
        break;
      default:
        break;
    }
  }

  // The sum of the means of whatever nothing else reads.
  Tensor root() {
    std::vector<char> read(graph_.nodes().size(), 0);
    for (const auto& node : graph_.nodes()) {
      for (const std::size_t input : node.inputs) read[input] = 1;
    }
    Tensor total = parameter({1});
    for (const Tensor tensor : std::vector<Tensor>(pool_)) {
      if (read[static_cast<std::size_t>(tensor.id())] != 0) continue;
      const Tensor one = quench::mean(tensor);
      total = total + (one.per_example() ? quench::batch_mean(one) : one);
    }
    return total;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  Tensor any() { return pool_[below(static_cast<std::uint32_t>(pool_.size()))]; }

  Shape random_shape() {
    const Shape shapes[] = {{3}, {2, 3}, {6}, {4, 2}, {19}, {2, 2, 3}, {2, 5, 4}};
    return shapes[below(7)];
  }

  Tensor parameter(Shape shape) { return graph_.parameter(std::move(shape), "p" + std::to_string(parameters_++)); }

  // A node of the same shape: an earlier one, itself, or a new parameter.
  Tensor partner(Tensor a) {
    for (int attempt = 0; attempt < 10; ++attempt) {
      const Tensor candidate = any();
      if (candidate.shape() == a.shape()) return candidate;
    }
    return below(3) == 0 ? a : parameter(a.shape());
  }

  void append_linear(Tensor a) {
    if (!a.per_example()) return;
    const std::int64_t out = 1 + below(7);
    pool_.push_back(below(2) == 0 ? quench::linear(quench::flatten(a), out)
                                  : quench::linear_relu(quench::flatten(a), out));
  }

  void append_matmul(Tensor a) {
    const std::size_t dimensions = a.shape().size();
    if (dimensions == 2 || (dimensions == 1 && a.per_example())) {
      pool_.push_back(quench::matmul(parameter({1 + below(4), a.shape()[0]}), a));
    }
  }

  // The last two dimensions as images, or all there is as an image of one row.
  static Tensor as_image(Tensor a) {
    Shape image = a.shape();
    while (image.size() < 3) image.insert(image.begin(), 1);
    return a.shape() == image ? a : quench::reshape(a, image);
  }

  void append_pool(Tensor a) {
    if (!a.per_example()) return;
    const Tensor x = as_image(a);
    const auto largest = static_cast<std::uint32_t>(std::min(x.shape()[1], x.shape()[2]));
    const std::int64_t window = 1 + below(largest), stride = below(4);
    pool_.push_back(below(2) == 0 ? quench::max_pool2d(x, window, stride)
                                  : quench::average_pool2d(x, window, stride));
  }

  void append_convolution(Tensor a) {
    if (!a.per_example()) return;
    const Tensor x = as_image(a);
    const std::int64_t kernel = 1 + below(3), padding = below(static_cast<std::uint32_t>(kernel + 2));
    const std::int64_t smallest = std::min(x.shape()[1], x.shape()[2]) + 2 * padding;
    if (smallest < kernel) return;
    const quench::Conv2d options{.kernel = kernel, .stride = 1 + below(2), .padding = padding};
    const std::int64_t out = 1 + below(3);
    switch (below(3)) {
      case 0:
        pool_.push_back(quench::conv2d(x, out, options));
        break;
      case 1:
        pool_.push_back(quench::conv2d_relu(x, out, options));
        break;
      default:
        if ((smallest - kernel) / options.stride + 1 < 2) return;
        pool_.push_back(quench::conv2d_relu_max_pool2d(x, out, options, 2));
        break;
    }
  }

  Graph& graph_;
  std::mt19937 random_;
  std::vector<Tensor> pool_;
  int parameters_ = 0;
};

}  // namespace

Tensor build_random_graph(Graph& graph, int operations, std::uint32_t seed) {
  Builder builder(graph, seed);
  for (int i = 0; i < operations; ++i) builder.append_operation();
  return builder.root();
}

}  // namespace quench_test
