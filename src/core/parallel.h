// Loops over an Executor, written as lambdas.
#pragma once

#include <cstdint>

#include "core/float_environment.h"
#include "quench/executor.h"

namespace quench {

/// body(i) for each i in [0, chunks), spread over the executor's threads, each call in the floating-point
/// environment of the numeric contract, whoever the executor is. No allocation: the lambda stays on the caller's
/// stack. body must not throw.
template <typename Body>
void parallel_for(Executor& executor, std::int64_t chunks, const Body& body) {
  if (chunks == 1) {
    const FloatEnvironment environment;
    body(std::int64_t{0});
  } else if (chunks > 1) {
    executor.run(
        chunks,
        [](void* context, std::int64_t index) noexcept {
          const FloatEnvironment environment;
          (*static_cast<const Body*>(context))(index);
        },
        const_cast<Body*>(&body));
  }
}

}  // namespace quench
