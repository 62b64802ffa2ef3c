// Stochastic gradient descent with momentum, dampening and L2, and what it measures in passing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "quench/model.h"

namespace quench {

/// Sums over the elements of one tensor, or of all, of the state *before* an update: theta the parameters, v the
/// velocity, g the gradient of the mini-batch loss with its L2 term (Yaida 2019, eqs. 10, 11 and 17). Sums run in
/// double; those of theta . g, |g|^2 and |theta|^2 over short runs of products summed in float.
struct Observables {
  double theta_g = 0;
  double g_g = 0;
  double v_v = 0;
  double v_g = 0;
  double theta_v = 0;
  double theta_theta = 0;
  /// |theta'|^2 - |theta|^2 over the watched elements (Sgd::watch), summed from the true displacements
  /// d = theta' - theta as 2 theta . d + |d|^2, in double throughout.
  double drift = 0;

  // The rule of the step.
  double lr = 0;
  double momentum = 0;
  double dampening = 0;
};

/// Sums over a state, from a pass of their own, in double throughout.
struct Norms {
  double theta_theta = 0;
  double theta_v = 0;
  double v_v = 0;
  double theta_4 = 0;  ///< sum of theta^4, which the rounding errors of the updates go with; v_4 likewise
  double v_4 = 0;
  double watched = 0;  ///< |theta|^2 over the watched elements
};

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
class Sgd {
 public:
  /// parameters: of a model in training, which must outlive this, and so must its executor. Throws Error for
  /// options out of range, naming the option and its value, and for a buffer that is too small or not aligned.
  explicit Sgd(Parameters parameters, const SgdOptions& options = {});
  ~Sgd();
  Sgd(Sgd&&) noexcept;
  Sgd& operator=(Sgd&&) noexcept;

  float lr;  ///< eta of the next step; may be changed between steps
  const SgdOptions& options() const;

  /// Bytes of the velocity, a multiple of 64, to size SgdOptions::buffer. (A few hundred bytes of bookkeeping for
  /// each tensor, and 100 for each piece of up to 4,096 of its elements, come on top.)
  static std::size_t bytes(const Parameters& parameters, const SgdOptions& options);

  /// Updates all parameters from their gradients (the L2 term is added here and nowhere else; the gradients
  /// themselves are left alone). Returns the sums over all tensors. Allocates nothing. Throws Error, without having
  /// changed anything, when lr is negative or not finite.
  const Observables& step();
  /// model.forward_backward(batch) and step() in one, the same bits: each weight is updated while its gradient is
  /// still in the nearest cache, which saves writing and reading most gradients; parameters() then does not have
  /// them. Returns the mean cross-entropy, without L2; the sums are in observables(). A loss that is not finite
  /// updates nothing. Throws Error as the two functions do, and when the parameters are not all those of this
  /// model. When an executor throws, some weights may have been updated and others not, and the sums are those of
  /// the step before. A step() after it needs a forward_backward() first.
  double step(Model& model, const Batch& batch);
  /// What the last step returned.
  const Observables& observables() const;
  /// The same sums of the last step for each tensor.
  std::span<const Observables> per_tensor() const;
  /// Measures the present state in a separate plain pass, in double throughout.
  Norms norms() const;
  /// Chooses the elements whose drift the steps from now on measure: of the pieces of at most 4,096 elements that
  /// the update works in, those whose number is `part` modulo `parts`. Measuring all (0 of 1, which is so at first)
  /// makes a step of the MLP 4 % slower. Throws Error unless 0 <= part < parts.
  void watch(std::int64_t part, std::int64_t parts);
  /// The velocity of tensor i, padded like its value. Throws Error when none is stored.
  std::span<float> velocity(std::size_t i);
  /// Forgets the velocity: v = 0 before the next step.
  void zero_velocity();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
