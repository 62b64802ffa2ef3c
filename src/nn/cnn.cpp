// The convolutional network of the paper's appendix A: that of Karpathy's ConvNetJS demonstration for CIFAR-10.
#include "quench/model.h"

namespace quench {

Tensor cnn(Tensor input, std::int64_t classes) {
  constexpr Conv2d same{.kernel = 5, .stride = 1, .padding = 2};
  Tensor h = input;
  if (input.shape().size() == 2) h = reshape(h, {1, input.shape()[0], input.shape()[1]});
  for (const std::int64_t channels : {16, 20, 20}) h = conv2d_relu_max_pool2d(h, channels, same, 2);
  return linear(flatten(h), classes);
}

}  // namespace quench
