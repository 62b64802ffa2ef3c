#include <limits>
#include <string>
#include <vector>

#include "core/float_environment.h"
#include "quench/error.h"
#include "quench/fdr_shift.h"

namespace quench {
namespace {

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

struct FdrShift::State {
  Sgd& sgd;
  Parameters parameters;
  std::int64_t period;
  std::vector<std::vector<float>> centre;  // theta_c, a vector for each tensor
  double centre_theta = 0, centre_v = 0;   // theta_c . theta and theta_c . v at the window's start
  std::int64_t start = 0;                  // steps since the restart
  std::int64_t next = 0;                   // the step that the window begins anew after

  double with_theta() const {
    double sum = 0;
    for (std::size_t i = 0; i < centre.size(); ++i) sum += dot(centre[i], parameters.tensors[i].value);
    return sum;
  }
  double with_v() const {
    // Without momentum there is nothing to know of it.
    if (sgd.options().momentum == 0.0F) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < centre.size(); ++i) sum += dot(centre[i], sgd.velocity(i));
    return sum;
  }
  void begin(std::int64_t step) {
    start = step;
    for (std::size_t i = 0; i < centre.size(); ++i) {
      const std::span<const float> value = parameters.tensors[i].value;
      centre[i].assign(value.begin(), value.end());
    }
    centre_theta = with_theta();
    centre_v = with_v();
  }
};

FdrShift::FdrShift(Sgd& sgd, Parameters parameters, std::int64_t period)
    : state_(new State{sgd, parameters, period, std::vector<std::vector<float>>(parameters.tensors.size())}) {
  restart();
}
FdrShift::~FdrShift() = default;
FdrShift::FdrShift(FdrShift&&) noexcept = default;
FdrShift& FdrShift::operator=(FdrShift&&) noexcept = default;

void FdrShift::restart() {
  const FloatEnvironment environment;
  state_->begin(0);
  state_->next = state_->period;
}

void FdrShift::archive(Archive& archive) {
  State& s = *state_;
  // The sizes are those of the parameters, which the constructor took.
  for (std::size_t i = 0; i < s.centre.size(); ++i)
    archive.values("centre." + std::to_string(i), std::span(s.centre[i]));
  archive.value("centre_theta", s.centre_theta);
  archive.value("centre_v", s.centre_v);
  archive.count("start", s.start);
  archive.count("next", s.next);
}

FdrWindow FdrShift::end_of_period(const FdrAverages& averages) {
  const FloatEnvironment environment;
  State& s = *state_;
  FdrWindow w = averages.window(s.start, averages.steps());
  const Observables& rule = s.sgd.observables();
  const double mu = rule.momentum, a = 1.0 - rule.dampening, n = static_cast<double>(w.steps());
  const double moved = (1.0 - mu) * (s.with_theta() - s.centre_theta) / rule.lr + mu * (s.with_v() - s.centre_v);
  w.o_l += moved / (a * n);  // - theta_c . mean(g)
  w.boundary_variance = w.ratio_sd = std::numeric_limits<double>::quiet_NaN();
  w.ratio = w.o_r > 0 ? w.o_l / w.o_r : std::numeric_limits<double>::quiet_NaN();
  if (averages.steps() >= s.next) {
    s.begin(averages.steps());
    s.next = 2 * averages.steps();
  }
  return w;
}

}  // namespace quench
