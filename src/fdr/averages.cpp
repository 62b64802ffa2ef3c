#include <array>
#include <cmath>
#include <string>

#include "core/float_environment.h"
#include "fdr/batch_means.h"
#include "fdr/prefix_sums.h"
#include "fdr/sides.h"
#include "quench/error.h"
#include "quench/fdr.h"

namespace quench {

FdrSides fdr_sides(const Observables& step, bool lagged_velocity) {
  const FloatEnvironment environment;
  return fdr::sides_of(step, lagged_velocity);
}

struct FdrAverages::State {
  bool lagged_velocity = false;
  fdr::PrefixSums loss, o_l, o_r;
  // Of B and its square, both less the first B, so that squares of the level do not drown the variance.
  fdr::PrefixSums boundary, boundary_square;
  double first_boundary = 0;
  double a = 1;  // 1 - dampening of the last step

  std::array<fdr::PrefixSums*, 5> all() { return {&loss, &o_l, &o_r, &boundary, &boundary_square}; }

  void require(std::int64_t first, std::int64_t last) const {
    if (first >= 0 && first < last && last <= o_l.count()) return;
    throw Error("window of steps " + std::to_string(first) + " to " + std::to_string(last) +
                ", expected 0 <= first < last <= " + std::to_string(o_l.count()));
  }
};

FdrAverages::FdrAverages(bool lagged_velocity) : state_(std::make_unique<State>()) {
  state_->lagged_velocity = lagged_velocity;
}
FdrAverages::~FdrAverages() = default;
FdrAverages::FdrAverages(FdrAverages&&) noexcept = default;
FdrAverages& FdrAverages::operator=(FdrAverages&&) noexcept = default;

void FdrAverages::reserve(std::int64_t steps) {
  for (fdr::PrefixSums* sums : state_->all()) sums->reserve(steps);
}

void FdrAverages::observe(double loss, const Observables& step) {
  const FloatEnvironment environment;
  State& s = *state_;
  const FdrSides sides = fdr::sides_of(step, s.lagged_velocity);
  if (s.o_l.count() == 0) s.first_boundary = sides.boundary;
  const double boundary = sides.boundary - s.first_boundary;
  s.a = fdr::by_displacement(step) ? 1.0 : 1.0 - step.dampening;
  s.loss.add(loss);
  s.o_l.add(sides.o_l);
  s.o_r.add(sides.o_r);
  s.boundary.add(boundary);
  s.boundary_square.add(boundary * boundary);
}

bool FdrAverages::lagged_velocity() const { return state_->lagged_velocity; }

std::int64_t FdrAverages::steps() const { return state_->o_l.count(); }

FdrWindow FdrAverages::window(std::int64_t first, std::int64_t last) const {
  const FloatEnvironment environment;
  const State& s = *state_;
  s.require(first, last);
  const auto n = static_cast<double>(last - first);
  FdrWindow w;
  w.first = first;
  w.last = last;
  w.loss = s.loss.sum(first, last) / n;
  w.o_l = s.o_l.sum(first, last) / n;
  w.o_r = s.o_r.sum(first, last) / n;
  const double mean = s.boundary.sum(first, last) / n;
  const double variance = s.boundary_square.sum(first, last) / n - mean * mean;
  w.boundary_variance = variance < 0 ? 0 : variance;
  if (w.o_r > 0) {
    w.ratio = w.o_l / w.o_r;
    w.ratio_sd = std::sqrt(2.0 * w.boundary_variance) / (s.a * n * w.o_r);
  }
  return w;
}

FdrWindow FdrAverages::half_running() const { return window(steps() / 2, steps()); }

FdrLevels FdrAverages::level_errors(std::int64_t first, std::int64_t last) const {
  const FloatEnvironment environment;
  const State& s = *state_;
  s.require(first, last);
  const std::int64_t n = last - first;
  if (n < 4) throw Error("window of " + std::to_string(n) + " steps, expected at least 4 for batch means");
  const auto error = [&](const fdr::PrefixSums& sums) { return fdr::batch_means_error(sums, first, last); };
  return {error(s.loss), error(s.o_l), error(s.o_r)};
}

void FdrAverages::archive(Archive& archive) {
  State& s = *state_;
  constexpr std::string_view names[] = {"loss", "o_l", "o_r", "boundary", "boundary_square"};
  const auto sums = s.all();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i]->archive(archive, names[i]);
    if (sums[i]->count() != s.loss.count()) throw Error("the averages in the archive are of different lengths");
  }
  archive.value("first_boundary", s.first_boundary);
  archive.value("a", s.a);
}

void FdrAverages::restart() {
  for (fdr::PrefixSums* sums : state_->all()) sums->clear();
}

}  // namespace quench
