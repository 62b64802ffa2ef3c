// The multi-layer perceptron of the paper's appendix A.
#include <array>

#include "quench/model.h"

namespace quench {

Tensor mlp(Tensor input, std::span<const std::int64_t> hidden, std::int64_t classes) {
  Tensor h = flatten(input);
  for (const std::int64_t features : hidden) h = linear_relu(h, features);
  return linear(h, classes);
}

Tensor mlp(Tensor input, std::int64_t classes) {
  constexpr std::array<std::int64_t, 2> hidden{200, 200};
  return mlp(input, hidden, classes);
}

}  // namespace quench
