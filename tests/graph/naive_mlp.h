// The whole training step of a multi-layer perceptron in naive double precision: what the library must agree with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quench_test {

/// One layer's numbers: weights [out][in] and biases [out], in the order the library lists its parameters.
struct NaiveLayer {
  std::size_t in = 0, out = 0;
  std::vector<double> weight, bias;                    // theta
  std::vector<double> weight_gradient, bias_gradient;  // of the mean cross-entropy
  std::vector<double> weight_velocity, bias_velocity;  // v
};

/// Layers with ReLU between them, softmax cross-entropy behind the last, and stochastic gradient descent:
///   g = dL/dtheta + lambda theta;  v' = mu v - (1 - nu) g;  theta' = theta + eta v'
class NaiveMlp {
 public:
  struct Step {
    double lr = 0, momentum = 0, dampening = 0, weight_decay = 0;
  };

  /// sizes: inputs, hidden layers, classes.
  explicit NaiveMlp(std::span<const std::size_t> sizes);

  std::vector<NaiveLayer> layers;

  /// The mean cross-entropy of a batch, inputs[example][feature]; fills the gradients.
  double forward_backward(const std::vector<std::vector<double>>& inputs, std::span<const std::int32_t> labels);
  void update(const Step& step);
};

}  // namespace quench_test
