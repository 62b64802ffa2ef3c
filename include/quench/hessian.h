// Quadratic forms of the Hessian, and the trace of its product with the covariance of the gradient noise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "quench/image_set.h"
#include "quench/level.h"
#include "quench/model.h"

namespace quench {

struct HessianOptions {
  double weight_decay = 0;  ///< lambda, finite and >= 0: f includes (lambda / 2) |theta|^2, as FullGradient has it
  /// How far parameters are displaced, |theta+ - theta| / |theta|; > 0, finite. See Hessian.
  double step = 0x1p-10;
};

struct TraceOptions {
  int batch = 100;             ///< B: examples of a mini-batch, 1 .. the set's size and the model's lanes
  std::int64_t products = 64;  ///< N, >= 1
  std::uint64_t seed = 1;      ///< of the mini-batches: independent uniform subsets of distinct examples
  /// Asked before each product: true ends traces() with those that are made. Null: all are.
  std::function<bool()> stop = nullptr;
};

/// C: the covariance of a mini-batch's gradient, (1/B) ((Ns - B) / (Ns - 1)) of that of single examples of Ns,
/// whether epochs are shuffled or each mini-batch is drawn by itself.
struct NoiseTraces {
  std::int64_t products = 0;  ///< N; fewer than were asked for when stop() said so, with none both traces are NaN
  Level tr_hc;                ///< Tr(H C): the mean of (g - G)^T H (g - G), its error from the scatter of the N
  Level tr_c;                 ///< Tr(C): the mean of |g - G|^2, likewise
};

/// The Hessian H of f, the mean cross-entropy over all images of a set plus (lambda / 2) |theta|^2, at the present
/// parameters of a model, by central differences of FullGradient,
///     theta+- = float(theta +- e u),  d = theta+ - theta-,
///     u^T H u = u . (G(theta+) - G(theta-)) |u|^2 / (u . d),
/// with e |u| = step |theta| (step, where theta is 0). Parameters are floats: d is what they really moved by, and
/// the last factor, near 1 / (2 e), makes up for the part of the roundings that lies along u: what is c |u|^2, such
/// as L2, comes out exact to double rounding. The rest r of d is noise of a relative size 2^-26 / step, of which
/// u^T H r enters; with d in place of u on the left it would do so twice, and r^T H r, which has the largest
/// curvatures in it, besides.
///
/// The step. Deviations of u^T H u from its mean over 2^-9 .. 2^-11, in per cent, with u = g - G of a mini-batch of
/// 100 and u = G, after training the MLP on MNIST (10,000 images in f; A at eta 0.1, B at 0.01, momentum 0) and the
/// CNN on CIFAR-10 (2,000 images; eta 0.01, momentum 0.9):
///     step         2^-4  2^-6  2^-8  2^-9 2^-10 2^-11 2^-12 2^-14 2^-16 2^-18 2^-20
///     MLP A, g - G +107    +8  +0.5  +0.2  -0.3  +0.1  +0.6  +0.9  +0.8   +18    +1
///     MLP A, G     +122   +14  +0.6  -0.2  -0.1  +0.2  -0.2  +0.9    +6   +15   +62
///     MLP B, g - G  +62   +58  +3.7  +0.6  -0.2  -0.5  -0.4  -1.4  -1.7  -2.4   -11
///     MLP B, G      +37   +53  +3.6  +0.6  -0.2  -0.3  -0.3  -1.1  -0.9  -1.0    -5
///     CNN, g - G    -22  -1.9  -0.3  +0.9  -1.5  +0.5  -3.5  +1.8    +7   +39   +68
///     CNN, G        -31  -3.1  +0.1  +0.4  -0.2  -0.2  -1.4    -9    +6    +2   +63
/// To the left f is not quadratic over the displacement: the deviation falls with step^2. To the right float
/// gradients round, and before that single examples show at which a ReLU or a maximum switches: f is piecewise
/// smooth, its curvature in part a density of kinks, and the difference over a short way meets few of them. That
/// scatter goes with 1 / sqrt(images step), that of rounding with 1 / step. At 2^-10, the default, each is a few
/// tenths of a per cent for the whole training sets. (A step of Sgd at eta 0.1 moves the MLP by 2^-6.)
class Hessian {
 public:
  /// model, in training, and images must outlive this. Takes 12 bytes a parameter; traces() takes 16 more while it
  /// runs. Throws Error for a step out of range, and for a model without gradients.
  Hessian(Model& model, const ImageSet& images, const HessianOptions& options = {});
  ~Hessian();
  Hessian(Hessian&&) noexcept;
  Hessian& operator=(Hessian&&) noexcept;

  /// u^T H u; u: for each tensor its values, row-major. Two passes over all images. Leaves the parameters bit for
  /// bit as they were, also when it throws; the gradients in the model's memory are those of some batch. Throws
  /// Error for a u of another shape, and as FullGradient::measure() does.
  double form(std::span<const std::vector<double>> u);
  /// Tr(H C) and Tr(C) from mini-batches drawn at random; 2 N + 1 passes over all images. Throws Error for options
  /// out of range, and as form() does.
  NoiseTraces traces(const TraceOptions& options = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
