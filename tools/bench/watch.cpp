#include "watch.h"

#include <string_view>

#include "quench/detectors.h"

namespace quench::bench {
namespace {

constexpr std::int64_t watched_parts = 32;  // of the parameters, one an epoch, as in a run

}  // namespace

Watch::Watch(Model& model, Sgd& sgd, std::int64_t steps_per_epoch)
    : sgd_(sgd),
      steps_per_epoch_(steps_per_epoch),
      tensors_(model.parameters().tensors.size(), steps_per_epoch),
      audit_(steps_per_epoch) {
  for (const std::string_view name : {"sasa", "pesme", "abel", "plateau"})
    others_.push_back(make_detector(name, model.parameters()));
  audit_.restart(sgd_.norms());
  begin_epoch();
}

void Watch::begin_epoch() {
  fdr_.reserve(steps_per_epoch_);
  for (const std::unique_ptr<Detector>& detector : others_) detector->reserve(steps_per_epoch_);
  sgd_.watch(epoch_++ % watched_parts, watched_parts);
  audit_.watch(sgd_.norms());
}

void Watch::step(double loss) {
  const Observables& sums = sgd_.observables();
  const double with_decay = loss + 0.5 * 0.01 * sums.theta_theta;
  fdr_.observe(with_decay, sums);
  for (const std::unique_ptr<Detector>& detector : others_) detector->observe(with_decay, sums);
  tensors_.observe(sgd_.per_tensor());
  audit_.observe(sums);
  if (audit_.wants_norms()) audit_.mark(sgd_.norms());
  if (++step_ % steps_per_epoch_ == 0) end_epoch();
}

void Watch::end_epoch() {
  fdr_verdict(fdr_.averages(), {.steps_per_epoch = steps_per_epoch_});
  audit_.check(fdr_.averages(), sgd_.observables(), sgd_.norms());
  tensors_.half_running();
  fdr_.test();
  for (const std::unique_ptr<Detector>& detector : others_) detector->test();
  begin_epoch();
}

}  // namespace quench::bench
