#include "graph/naive_mlp.h"

#include <algorithm>
#include <cmath>

namespace quench_test {

namespace {

void update_tensor(std::vector<double>& theta, const std::vector<double>& gradient, std::vector<double>& v,
                   const NaiveMlp::Step& step) {
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double g = gradient[i] + step.weight_decay * theta[i];
    v[i] = step.momentum * v[i] - (1 - step.dampening) * g;
    theta[i] += step.lr * v[i];
  }
}

}  // namespace

NaiveMlp::NaiveMlp(std::span<const std::size_t> sizes) {
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    NaiveLayer layer;
    layer.in = sizes[i];
    layer.out = sizes[i + 1];
    for (auto* weights : {&layer.weight, &layer.weight_gradient, &layer.weight_velocity}) {
      weights->assign(layer.in * layer.out, 0);
    }
    for (auto* biases : {&layer.bias, &layer.bias_gradient, &layer.bias_velocity}) biases->assign(layer.out, 0);
    layers.push_back(layer);
  }
}

double NaiveMlp::forward_backward(const std::vector<std::vector<double>>& inputs,
                                  std::span<const std::int32_t> labels) {
  for (NaiveLayer& layer : layers) {
    std::fill(layer.weight_gradient.begin(), layer.weight_gradient.end(), 0);
    std::fill(layer.bias_gradient.begin(), layer.bias_gradient.end(), 0);
  }
  const auto count = static_cast<double>(inputs.size());
  double loss = 0;
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    // activation[l] is what layer l reads.
    std::vector<std::vector<double>> activation{inputs[n]};
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const NaiveLayer& layer = layers[l];
      std::vector<double> y(layer.out);
      for (std::size_t o = 0; o < layer.out; ++o) {
        y[o] = layer.bias[o];
        for (std::size_t i = 0; i < layer.in; ++i) y[o] += layer.weight[o * layer.in + i] * activation[l][i];
        if (l + 1 < layers.size()) y[o] = std::max(0.0, y[o]);
      }
      activation.push_back(y);
    }

    std::vector<double> d = activation.back();  // logits, to become their gradient
    const auto label = static_cast<std::size_t>(labels[n]);
    double sum = 0;
    for (const double z : d) sum += std::exp(z);
    loss += std::log(sum) - d[label];
    for (double& z : d) z = std::exp(z) / sum / count;
    d[label] -= 1 / count;

    for (std::size_t l = layers.size(); l-- > 0;) {
      NaiveLayer& layer = layers[l];
      std::vector<double> below(layer.in, 0);
      for (std::size_t o = 0; o < layer.out; ++o) {
        layer.bias_gradient[o] += d[o];
        for (std::size_t i = 0; i < layer.in; ++i) {
          layer.weight_gradient[o * layer.in + i] += d[o] * activation[l][i];
          if (l == 0 || activation[l][i] > 0) below[i] += layer.weight[o * layer.in + i] * d[o];
        }
      }
      d = below;
    }
  }
  return loss / count;
}

void NaiveMlp::update(const Step& step) {
  for (NaiveLayer& layer : layers) {
    update_tensor(layer.weight, layer.weight_gradient, layer.weight_velocity, step);
    update_tensor(layer.bias, layer.bias_gradient, layer.bias_velocity, step);
  }
}

}  // namespace quench_test
