#include "graph/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "graph/node.h"
#include "graph/op.h"

namespace quench_test {

using quench::element_count;
using quench::Node;

namespace {

std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }

// The value of element e for example n of a node, whichever way it is stored.
struct View {
  std::vector<double>& values;
  bool per_example;
  std::int64_t examples;

  double& operator()(std::int64_t e, std::int64_t n) const {
    return values[as_size(per_example ? e * examples + n : e)];
  }
};

double cross_entropy(const View& z, std::int64_t classes, std::int64_t n, std::int64_t label) {
  double largest = z(0, n);
  for (std::int64_t c = 1; c < classes; ++c) largest = std::max(largest, z(c, n));
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(z(c, n) - largest);
  return std::log(sum) - (z(label, n) - largest);
}

}  // namespace

Reference::Reference(const quench::Graph& graph, std::int64_t examples)
    : graph_(graph), examples_(examples), labels_(as_size(examples), 0) {
  for (const Node& node : graph.nodes()) {
    values_.emplace_back(as_size(element_count(node.shape) * (node.per_example ? examples : 1)));
  }
}

void Reference::run() {
  for (std::size_t id = 0; id < values_.size(); ++id)
    compute(id, 0, graph_.nodes()[id].per_example ? examples_ : 1);
}

void Reference::compute(std::size_t id, std::int64_t first, std::int64_t last) {
  const auto& nodes = graph_.nodes();
  const Node& node = nodes[id];
  if (node.kind != Node::Kind::computed) return;
  const auto view = [&](std::size_t of) { return View{values_[of], nodes[of].per_example, examples_}; };
  const std::string name = node.op->name;
  const View y = view(id);
  const View x = view(node.inputs[0]);
  const quench::Shape& x_shape = nodes[node.inputs[0]].shape;
  const std::int64_t x_count = element_count(x_shape);
  const std::int64_t y_count = element_count(node.shape);

  if (name == "batch_mean") {
    for (std::int64_t e = 0; e < y_count; ++e) {
      double sum = 0;
      for (std::int64_t n = 0; n < examples_; ++n) sum += x(e, n);
      y(e, 0) = sum / static_cast<double>(examples_);
    }
    return;
  }
  if (name == "softmax_cross_entropy") {
    double sum = 0;
    for (std::int64_t n = 0; n < examples_; ++n) sum += cross_entropy(x, x_count, n, labels_[as_size(n)]);
    y(0, 0) = sum / static_cast<double>(examples_);
    return;
  }
  for (std::int64_t n = first; n < last; ++n) {
    if (name == "reshape") {
      for (std::int64_t e = 0; e < y_count; ++e) y(e, n) = x(e, n);
    } else if (name == "relu") {
      for (std::int64_t e = 0; e < y_count; ++e) y(e, n) = x(e, n) <= 0 ? 0 : x(e, n);
    } else if (name == "add") {
      const View b = view(node.inputs[1]);
      for (std::int64_t e = 0; e < y_count; ++e) y(e, n) = x(e, n) + b(e, n);
    } else if (name == "multiply") {
      const View b = view(node.inputs[1]);
      for (std::int64_t e = 0; e < y_count; ++e) y(e, n) = x(e, n) * b(e, n);
    } else if (name == "sum" || name == "mean") {
      double sum = 0;
      for (std::int64_t e = 0; e < x_count; ++e) sum += x(e, n);
      y(0, n) = name == "sum" ? sum : sum / static_cast<double>(x_count);
    } else if (name == "linear" || name == "linear_relu") {
      const View w = view(node.inputs[1]);
      const View b = view(node.inputs[2]);
      for (std::int64_t o = 0; o < y_count; ++o) {
        double sum = b(o, n);
        for (std::int64_t i = 0; i < x_count; ++i) sum += w(o * x_count + i, n) * x(i, n);
        y(o, n) = name == "linear_relu" && sum <= 0 ? 0 : sum;
      }
    } else if (name == "matmul") {
      const View b = view(node.inputs[1]);
      const std::int64_t inner = x_shape[1];
      const std::int64_t columns = y_count / x_shape[0];
      for (std::int64_t i = 0; i < x_shape[0]; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          double sum = 0;
          for (std::int64_t p = 0; p < inner; ++p) sum += x(i * inner + p, n) * b(p * columns + j, n);
          y(i * columns + j, n) = sum;
        }
      }
    } else if (name == "max_pool2d" || name == "average_pool2d") {
      const std::int64_t window = node.windows.size, stride = node.windows.stride;
      for (std::int64_t e = 0; e < y_count; ++e) {
        const std::int64_t columns = node.shape[2], rows = node.shape[1];
        const std::int64_t c = e / columns / rows, row = e / columns % rows * stride, column = e % columns * stride;
        double largest = -std::numeric_limits<double>::infinity(), sum = 0;
        for (std::int64_t i = 0; i < window * window; ++i) {
          const double value = x((c * x_shape[1] + row + i / window) * x_shape[2] + column + i % window, n);
          largest = std::max(largest, value);
          sum += value;
        }
        y(e, n) = name == "max_pool2d" ? largest : sum / static_cast<double>(window * window);
      }
    } else if (name.starts_with("conv2d")) {
      const View w = view(node.inputs[1]), b = view(node.inputs[2]);
      const auto& windows = node.windows;
      const std::int64_t k = windows.size, pool = windows.pool;
      const auto convolution = [&](std::int64_t o, std::int64_t row, std::int64_t column) {
        double sum = b(o, n);
        for (std::int64_t c = 0; c < x_shape[0]; ++c) {
          for (std::int64_t tap = 0; tap < k * k; ++tap) {
            const std::int64_t i = row * windows.stride + tap / k - windows.padding;
            const std::int64_t j = column * windows.stride + tap % k - windows.padding;
            if (i < 0 || i >= x_shape[1] || j < 0 || j >= x_shape[2]) continue;
            sum += w((o * x_shape[0] + c) * k * k + tap, n) * x((c * x_shape[1] + i) * x_shape[2] + j, n);
          }
        }
        return name == "conv2d" || sum > 0 ? sum : 0;
      };
      for (std::int64_t e = 0; e < y_count; ++e) {
        const std::int64_t columns = node.shape[2], rows = node.shape[1];
        const std::int64_t o = e / columns / rows, row = e / columns % rows * pool, column = e % columns * pool;
        double largest = convolution(o, row, column);
        for (std::int64_t i = 1; i < pool * pool; ++i) {
          largest = std::max(largest, convolution(o, row + i / pool, column + i % pool));
        }
        y(e, n) = largest;
      }
    } else {
      throw std::logic_error("the reference does not know the operation " + name);
    }
  }
}

std::vector<Reference::Change> Reference::changes_from(std::size_t id) const {
  const auto& nodes = graph_.nodes();
  std::vector<Change> changes(nodes.size(), Change::nothing);
  changes[id] = nodes[id].per_example ? Change::example : Change::everything;
  for (std::size_t i = id + 1; i < nodes.size(); ++i) {
    for (const std::size_t input : nodes[i].inputs) changes[i] = std::max(changes[i], changes[input]);
    if (changes[i] != Change::nothing && !nodes[i].per_example) changes[i] = Change::everything;
  }
  changes[id] = Change::nothing;  // it is not computed from itself
  return changes;
}

void Reference::update(const std::vector<Change>& changes, std::int64_t example) {
  for (std::size_t id = 0; id < changes.size(); ++id) {
    if (changes[id] == Change::example) {
      compute(id, example, example + 1);
    } else if (changes[id] == Change::everything) {
      compute(id, 0, graph_.nodes()[id].per_example ? examples_ : 1);
    }
  }
}

std::vector<double> Reference::gradient(quench::Tensor root, std::size_t id) {
  constexpr double h = 0x1p-17;
  const std::vector<Change> changes = changes_from(id);
  std::vector<double> result(values_[id].size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t example = static_cast<std::int64_t>(i) % examples_;  // of a per-example value
    double& element = values_[id][i];
    const double before = element;
    const auto root_at = [&](double value) {
      element = value;
      update(changes, example);
      return this->value(root)[0];
    };
    result[i] = (root_at(before + h) - root_at(before - h)) / (2 * h);
    root_at(before);
  }
  return result;
}

}  // namespace quench_test
