#include "nn/init.h"

#include <algorithm>
#include <cmath>

#include "core/float_environment.h"
#include "core/random.h"

namespace quench {

namespace {

// Glorot and Bengio 2010, eq. 16. The weights of a layer are [out, in, rest...]: each output is computed from
// in * rest values, and each input reaches out * rest of them.
float xavier_bound(const Shape& shape) {
  std::int64_t rest = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) rest *= shape[i];
  const std::int64_t fans = (shape[0] + shape[1]) * rest;
  return static_cast<float>(std::sqrt(6.0 / static_cast<double>(fans)));
}

}  // namespace

void initialize(std::span<Parameter> parameters, std::uint64_t seed) {
  const FloatEnvironment environment;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    switch (parameter.init) {
      case Init::zeros:
        std::fill(parameter.value.begin(), parameter.value.end(), 0.0F);
        break;
      case Init::xavier_uniform: {
        Random random(seed, Stream::weights, i);
        const float bound = xavier_bound(parameter.shape);
        for (float& value : parameter.value) value = random.uniform(-bound, bound);
        break;
      }
    }
  }
}

}  // namespace quench
