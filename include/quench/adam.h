// Adam and AMSGrad, with L2 inside the gradient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "quench/model.h"
#include "quench/optimizer.h"

namespace quench {

struct AdamOptions {
  float lr = 0.001F;          ///< finite and >= 0
  float beta1 = 0.9F;         ///< 0 <= beta1 < 1
  float beta2 = 0.999F;       ///< 0 <= beta2 < 1
  float epsilon = 1e-8F;      ///< finite and > 0
  float weight_decay = 0.0F;  ///< lambda, finite and >= 0: the loss includes lambda/2 |theta|^2 over all parameters
  bool amsgrad = false;       ///< divide by the largest v so far (Reddi, Kale and Kumar 2018)
  bool bias_correction = true;    ///< false: as Reddi et al. write both methods, 1 in place of 1 - beta^t
  std::span<std::byte> buffer{};  ///< the caller's memory, bytes() long and 64-byte aligned; empty: own memory
};

/// Step t = 1, 2, ..., elementwise, in float, each operation rounded once:
///     g      = fma(lambda, theta, g)
///     m'     = fma(beta1, m, (1 - beta1) g)
///     v'     = fma(beta2, v, (1 - beta2) (g g))
///     w'     = max(w, v') with AMSGrad, else v'
///     theta' = fma(-rate, m' / fma(sqrt(w'), scale, epsilon), theta)
/// where a g, m' or theta' smaller than 2^-50 = 9e-16 in magnitude becomes 0 (weights that nothing but L2 moves
/// fade away that far within epochs, and then are subnormal numbers, with which processors compute a hundred times
/// slower), with, computed in double and rounded to float once a step,
///     rate   = lr / (1 - beta1^t)
///     scale  = 1 / sqrt(1 - beta2^t)
/// or lr and 1 without bias correction; m = v = w = 0 before the first step. beta^t is a running product. These are
/// PyTorch's conventions: lambda theta is part of g (not AdamW), and the maximum is that of v before its
/// correction.
///
/// Measured are theta . g, |g|^2, |theta|^2, the drift, theta . d and |d|^2; what is of a velocity, momentum or
/// dampening is NaN, in observables() and in norms().
class Adam final : public Optimizer {
 public:
  /// parameters: of a model in training, which must outlive this, and so must its executor. Throws Error for
  /// options out of range, naming the option and its value, and for a buffer that is too small or not aligned.
  explicit Adam(Parameters parameters, const AdamOptions& options = {});
  ~Adam() override;
  Adam(Adam&&) noexcept;
  Adam& operator=(Adam&&) noexcept;

  const AdamOptions& options() const;

  /// Bytes of m and v, and w with AMSGrad, a multiple of 64, to size AdamOptions::buffer. (A few hundred bytes of
  /// bookkeeping for each tensor, and 100 for each piece of up to 4,096 of its elements, come on top.)
  static std::size_t bytes(const Parameters& parameters, const AdamOptions& options);

  const Observables& step() override;
  double step(Model& model, const Batch& batch) override;
  const Observables& observables() const override;
  std::span<const Observables> per_tensor() const override;
  Norms norms() const override;
  void watch(std::int64_t part, std::int64_t parts) override;
  void flush_tiny() override;
  /// m = v = w = 0 and t = 1 for the next step.
  void restart() override;
  void archive(Archive& archive) override;

  // The whole state between steps; what stores and restores it goes on with the same bits.
  std::span<float> first_moment(std::size_t i);   ///< m of tensor i, padded like its value
  std::span<float> second_moment(std::size_t i);  ///< v
  /// w, the largest v so far. Throws Error without AMSGrad.
  std::span<float> largest_second_moment(std::size_t i);
  /// Steps made, of which t of the next one is 1 more. One that updated nothing does not count.
  std::int64_t steps() const;
  /// Goes on as after `steps` steps, as far as the bias corrections are concerned. Throws Error when negative.
  void set_steps(std::int64_t steps);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
