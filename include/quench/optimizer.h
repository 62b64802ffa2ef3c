// What every optimiser can do, and what it measures in passing.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "quench/archive.h"
#include "quench/model.h"

namespace quench {

/// Sums over the elements of one tensor, or of all, of the state *before* an update: theta the parameters, v the
/// velocity, g the gradient of the mini-batch loss with its L2 term (Yaida 2019, eqs. 10, 11 and 17). Sums run in
/// double; those of theta . g, |g|^2 and |theta|^2 over short runs of products summed in float. NaN stands for what
/// an optimiser does not measure or has not got: Adam has no velocity, momentum or dampening.
struct Observables {
  double theta_g = 0;
  double g_g = 0;
  double v_v = 0;
  double v_g = 0;
  double theta_v = 0;
  double theta_theta = 0;
  /// |theta'|^2 - |theta|^2 over the watched elements (Optimizer::watch), summed from the true displacements
  /// d = theta' - theta as 2 theta . d + |d|^2, in double throughout.
  double drift = 0;

  // The rule of the step.
  double lr = 0;
  double momentum = 0;
  double dampening = 0;

  // Of the true displacements of all elements, in double throughout: 2 theta_d + d_d is what |theta|^2 grows by,
  // whatever the rule of the step. Adam measures them in each step, Sgd does not.
  double theta_d = std::numeric_limits<double>::quiet_NaN();  ///< theta . d
  double d_d = std::numeric_limits<double>::quiet_NaN();      ///< |d|^2
};

/// Sums over a state, from a pass of their own, in double throughout. What needs v is NaN where no velocity is
/// stored.
struct Norms {
  double theta_theta = 0;
  double theta_v = 0;
  double v_v = 0;
  double theta_4 = 0;  ///< sum of theta^4, which the rounding errors of the updates go with; v_4 likewise
  double v_4 = 0;
  double watched = 0;  ///< |theta|^2 over the watched elements; NaN when none are
};

/// Updates the parameters of a model from their gradients, in steps that measure what they go by. Sgd or Adam: what
/// trains a model can hold either.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  float lr;  ///< the learning rate of the next step; may be changed between steps

  /// Updates all parameters from their gradients (the L2 term is added here and nowhere else; the gradients
  /// themselves are left alone). Returns the sums over all tensors. Allocates nothing. Throws Error, without having
  /// changed anything, when lr is negative or not finite.
  virtual const Observables& step() = 0;
  /// model.forward_backward(batch) and step() in one, the same bits: each weight is updated while its gradient is
  /// still in the nearest cache, which saves writing and reading most gradients; parameters() then does not have
  /// them. Returns the mean cross-entropy, without L2; the sums are in observables(). A loss that is not finite
  /// updates nothing. Throws Error as the two functions do, and when the parameters are not all those of this
  /// model. When an executor throws, some weights may have been updated and others not, and the sums are those of
  /// the step before. A step() after it needs a forward_backward() first.
  virtual double step(Model& model, const Batch& batch) = 0;
  /// What the last step returned.
  virtual const Observables& observables() const = 0;
  /// The same sums of the last step for each tensor.
  virtual std::span<const Observables> per_tensor() const = 0;
  /// Measures the present state in a separate plain pass, in double throughout.
  virtual Norms norms() const = 0;
  /// Chooses the elements whose drift the steps from now on measure: of the pieces of at most 4,096 elements that
  /// the update works in, those whose number is `part` modulo `parts`; at first none. No part is ever empty: there
  /// are no more parts than the largest piece goes into all elements, and `part` counts modulo their number.
  /// Allocates room for the elements. Measuring all, 0 of 1, makes a step of the MLP with Sgd some 10 % slower.
  /// Throws Error unless 0 <= part < parts.
  virtual void watch(std::int64_t part, std::int64_t parts) = 0;
  /// Sets to 0 what is smaller than 2^-100 = 8e-31 in magnitude, of the parameters and of what the rule keeps.
  /// Weights that nothing but L2 moves fade away until they are subnormal numbers, with which processors compute a
  /// hundred times slower: called once an epoch, this keeps long runs fast. No sum of squares that matters changes
  /// by it.
  virtual void flush_tiny() = 0;
  /// Forgets all but the parameters: velocity or moments are 0 before the next step, which counts as the first.
  virtual void restart() = 0;
  /// The learning rate and what the rule keeps: one that is archived between two steps and read by another of the
  /// same options goes on with the same bits, once the parameters are the same too. observables() and per_tensor()
  /// are those of the last step, and are not kept; nor is what is watched.
  virtual void archive(Archive& archive) = 0;

 protected:
  explicit Optimizer(float rate) : lr(rate) {}
  Optimizer(Optimizer&&) noexcept = default;
  Optimizer& operator=(Optimizer&&) noexcept = default;
};

}  // namespace quench
