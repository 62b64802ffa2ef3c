// Who takes the gradients of parameters while they are being computed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/pieces.h"

namespace quench {

/// An optimiser that updates a parameter piece by piece, each right after its gradient is known and still in the
/// nearest cache. Such a gradient is never written to memory.
class GradientSink {
 public:
  virtual ~GradientSink() = default;
  /// Takes one piece (kernels/pieces.h) of the gradient of a parameter, by its place in Plan::parameters(). Called
  /// once a piece, from any thread, in any order, when nothing reads the parameter any more.
  virtual void take(std::size_t parameter, const kernels::PieceGrid& grid, std::int64_t band, std::int64_t panel,
                    const float* gradient, std::int64_t gradient_row) noexcept = 0;
  /// Announces a piece before it is computed.
  virtual void expect(std::size_t parameter, const kernels::PieceGrid& grid, std::int64_t band,
                      std::int64_t panel) noexcept = 0;
};

}  // namespace quench
