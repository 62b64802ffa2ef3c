// Stochastic gradient descent with momentum, dampening and L2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "quench/model.h"
#include "quench/optimizer.h"

namespace quench {

struct SgdOptions {
  float lr = 0.1F;            ///< eta, finite and >= 0
  float momentum = 0.0F;      ///< mu, 0 <= mu < 1
  float dampening = 0.0F;     ///< nu, 0 <= nu < 1
  float weight_decay = 0.0F;  ///< lambda, finite and >= 0: the loss includes lambda/2 |theta|^2 over all parameters
  /// With momentum the velocity is always stored. Without, v' = -(1 - nu) g is gone once it is used: storing it
  /// takes memory and time (bytes(), and two more passes through memory a step) and buys v . g, theta . v,
  /// velocity() and the velocity's part of norms(), which otherwise are NaN or refused; |v|^2 is then that of the
  /// last step's gradient. The parameters are the same bits either way, but for the sign of zeros.
  bool keep_velocity = true;
  std::span<std::byte> buffer{};  ///< the caller's memory, bytes() long and 64-byte aligned; empty: own memory
};

/// One step, elementwise, in float, each operation rounded once:
///     g      = fma(lambda, theta, g)
///     v'     = fma(mu, v, -(a g))         with a = 1 - nu
///     theta' = fma(eta, v', theta)
/// and v = 0 before the first step (eqs. 10, 11; PyTorch's first step leaves out the dampening, this one does not).
class Sgd final : public Optimizer {
 public:
  /// parameters: of a model in training, which must outlive this, and so must its executor. Throws Error for
  /// options out of range, naming the option and its value, and for a buffer that is too small or not aligned.
  explicit Sgd(Parameters parameters, const SgdOptions& options = {});
  ~Sgd() override;
  Sgd(Sgd&&) noexcept;
  Sgd& operator=(Sgd&&) noexcept;

  const SgdOptions& options() const;

  /// Bytes of the velocity, a multiple of 64, to size SgdOptions::buffer. (A few hundred bytes of bookkeeping for
  /// each tensor, and 100 for each piece of up to 4,096 of its elements, come on top.)
  static std::size_t bytes(const Parameters& parameters, const SgdOptions& options);

  const Observables& step() override;
  double step(Model& model, const Batch& batch) override;
  const Observables& observables() const override;
  std::span<const Observables> per_tensor() const override;
  Norms norms() const override;
  void watch(std::int64_t part, std::int64_t parts) override;
  void flush_tiny() override;
  void restart() override;
  void archive(Archive& archive) override;

  /// The velocity of tensor i, padded like its value. Throws Error when none is stored.
  std::span<float> velocity(std::size_t i);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
