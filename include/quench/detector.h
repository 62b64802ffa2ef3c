// What tells that a learning rate is spent: one small interface for all rules, Yaida's and others'.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "quench/archive.h"
#include "quench/sgd.h"

namespace quench {

/// What a detector's test found.
struct Finding {
  bool spent = false;  ///< the learning rate has given what it can: now it would be cut
  /// What was compared with what; NaN while there are too few steps to tell.
  double statistic = std::numeric_limits<double>::quiet_NaN();
  double limit = std::numeric_limits<double>::quiet_NaN();
  const char* reason = "";  ///< a few words of why, a constant: "mean loss still falls"
};

/// Watches the steps made at one learning rate and says when that is spent. Feeds on numbers alone: it changes
/// neither parameters nor learning rate, so several can watch one run. Deterministic, and no function of libm
/// beyond sqrt decides anything.
class Detector {
 public:
  virtual ~Detector() = default;
  /// Lower case, one word: "fdr", "sasa", "plateau".
  virtual std::string_view name() const = 0;
  /// Makes room for `steps` more calls of observe(), which then allocate nothing.
  virtual void reserve(std::int64_t steps) = 0;
  /// A step was made: loss is the mini-batch loss with its L2 term, step what the optimiser measured, both of the
  /// state before the update.
  virtual void observe(double loss, const Observables& step) = 0;
  /// Is the learning rate spent? Called at the ends of epochs, or every so many steps: what needs epochs takes
  /// those between two calls for one.
  virtual Finding test() = 0;
  /// The learning rate has changed: forgets what was before.
  virtual void restart() = 0;
  /// All that later tests depend on, but for options.
  virtual void archive(Archive& archive) = 0;
};

}  // namespace quench
