// The second fluctuation-dissipation relation of Yaida (ICLR 2019, FDR2, eqs. 18 and 29): the curvature of the loss
// as the noise of the steps sees it, from three estimators of the same number.
//
// With g the gradient of a mini-batch, G that of the whole loss, eta, mu, nu the rule of the step, a = 1 - nu and
// v_{t+1} = mu v_t - a g_t, in the stationary state of a quadratic loss, exactly,
//     a <|G|^2> - mu <v . G> = <-G_t . v_{t+1}> = (eta / 2) <v^T H v>.
//   O_FB      = a mean(|G|^2 at ends of epochs) - mu mean(v_t . g_t), the paper's (eq. 18, footnote 5): v before
//               the step. It takes G for what is expected of g, and the end of an epoch for any step, which is
//               right when mini-batches are independent draws. Those of a shuffled epoch are not, and at small
//               learning rates their O_FB is too small, with momentum even negative.
//   O_FB^tel  = mean(-G_t . v_{t+1}) at steps chosen at random: the loss falls by eta times as much, up to the
//               curvature term, so that it telescopes to (eta / 2) <v^T H v> under any sampling. The drawn
//               mini-batch makes it scatter.
//   O_FB^cor  = mean(a G_t . e_t - mu v_t . (G_t - e_t)) at steps chosen at random - mu mean(v_t . g_t): the same,
//               with e_t, what is expected of g_t given all that came before, in the place of g_t (as Rao and
//               Blackwell do), and the average of v . g over every step in that of v . e at a few. Of independent
//               draws e = G, and what is left is O_FB with G at any step. Of a shuffled epoch e is the gradient of
//               the examples that it has not had yet, and the differences G - e correct O_FB for what it has used
//               up. As indifferent to the sampling as O_FB^tel. In a shuffled quadratic with a sample an epoch its
//               standard deviation is a third to a ninth of that of O_FB^tel without momentum; with mu = 0.9 half
//               of it at eta h = 0.1 to 0.01, and more than it below 0.002, for v . (G - e) scatters, most at the
//               last steps of an epoch, when e is of few examples.
#pragma once

#include <cstdint>
#include <memory>

#include "quench/archive.h"
#include "quench/full_gradient.h"
#include "quench/level.h"
#include "quench/model.h"
#include "quench/optimizer.h"
#include "quench/sgd.h"

namespace quench {

/// How many batches of neighbouring values the error of a mean of n values is from: floor(sqrt(n)) for n >= 16,
/// else n of one value each. The error has as many degrees of freedom less one.
std::int64_t error_batches(std::int64_t n);

/// Half-running averages, and what follows from them. Errors are from the scatter of the means of batches of
/// neighbouring values (none of a single value). They are lower bounds where values remember longer than a batch,
/// as few |G|^2 at ends of epochs do while the slowest modes relax, and where few values are much larger than the
/// others, as v . (G - e) is at the last steps of epochs.
struct Fdr2Window {
  std::int64_t first = 0, last = 0;              ///< steps first + 1 .. last
  std::int64_t first_epoch = 0, last_epoch = 0;  ///< epochs first_epoch + 1 .. last_epoch
  std::int64_t epochs = 0;                       ///< of these, those with a |G|^2
  std::int64_t samples = 0;                      ///< of -G_t . v_{t+1} in the window

  Level v_g;          ///< v_t . g_t, 0 for mu = 0
  Level v_v;          ///< |v_t|^2; for mu = 0, |v_{t+1}|^2 = a^2 |g_t|^2
  Level gradient_sq;  ///< |G|^2 at the ends of epochs
  /// a |G|^2 - mu v . g; the errors of the two added as independent.
  Level o_fb;
  Level o_fb_tel;
  /// The errors of its two averages added as independent.
  Level o_fb_cor;

  /// 2 O_FB / (eta <v^2>) = <v^T H v> / <v^T v>: the curvature along the steps.
  Level h_eff, h_eff_tel, h_eff_cor;
  /// 2 (1 - mu^2) O_FB / (a^2 eta). For mu = 0 this is Tr(H C~), with C~ = <g g^T> the full second moment of the
  /// mini-batch gradients, exactly where the loss is quadratic. With momentum, of a mode of curvature h whose
  /// gradient noise has variance c, <v^2> = 2 a^2 c / ((1 - mu) (2 (1 + mu) - a eta h)), so that O_FB = (eta / 2) h
  /// <v^2> summed over modes is a^2 eta Tr(H C) / (2 (1 - mu^2)) and a part of about a eta h / (2 (1 + mu)) more:
  /// what stands here is Tr(H C) to leading order in eta. (For mu = 0 that part is what C~ has more than C.)
  Level tr_hc, tr_hc_tel, tr_hc_cor;
};

/// Averages over any half-running window since the restart (eq. 15), for a rule that does not change in between.
/// Keeps compensated sums of every step, 16 bytes each, and the samples.
class Fdr2Averages {
 public:
  Fdr2Averages();
  ~Fdr2Averages();
  Fdr2Averages(Fdr2Averages&&) noexcept;
  Fdr2Averages& operator=(Fdr2Averages&&) noexcept;

  /// Makes room for `steps` more calls of observe() and `samples` more of each of the others, which then allocate
  /// nothing.
  void reserve(std::int64_t steps, std::int64_t samples = 1);
  /// A step of Sgd. (Of a rule without velocity, Adam, nothing is known: all averages are then NaN.)
  void observe(const Observables& step);
  /// |G|^2 at the end of an epoch since the restart, which are counted from 1; not every epoch need have one.
  /// Throws Error unless the epoch is later than the last one.
  void add_epoch(std::int64_t epoch, double gradient_sq);
  /// -G_t . v_{t+1} at step t, counted from 1 since the restart: G and v_t of the state before that step, which may
  /// be observed before or after this call. Throws Error unless the step is later than the last one.
  void add_telescoped(std::int64_t step, double value);

  /// a G_t . e_t - mu v_t . (G_t - e_t) at step t, under the same conditions.
  void add_corrected(std::int64_t step, double value);

  /// Steps since the restart.
  std::int64_t steps() const;
  /// Averages over steps floor(t/2) + 1 .. t, and |G|^2 over the measured ones of epochs floor(E/2) + 1 .. E;
  /// epochs: E, since the restart, >= 0. What has no value in its window is NaN.
  Fdr2Window half_running(std::int64_t epochs) const;
  /// Forgets all; for when the rule of the step changes.
  void restart();
  /// All that is known of steps and samples.
  void archive(Archive& archive);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One sample of O_FB^tel, -G_t . v_{t+1} = a G . g - mu G . v, for the step that is about to be made:
///     double f = full.measure(images, lambda);           // at theta_t
///     model.forward_backward(batch);                     // g_t
///     averages.add_telescoped(t, telescoped(full, sgd, model.parameters()));
///     averages.observe(sgd.step());
/// parameters: those of the model of both, with the gradients of the batch, to which sgd will add L2. Throws Error
/// for another number of tensors.
double telescoped(const FullGradient& full, Sgd& sgd, const Parameters& parameters);

/// One sample for O_FB^cor, a G . e - mu v . (G - e), for the step that is about to be made. full: G; expected: e,
/// which for independent draws is G, and for step `step` of a shuffled epoch
///     full.measure(epoch.before(step), epoch.from(step), lambda, expected);
/// Throws Error for different numbers of tensors.
double corrected(const FullGradient& full, const FullGradient& expected, Sgd& sgd);

}  // namespace quench
