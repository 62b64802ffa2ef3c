#include "quench/fdr2.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "core/float_environment.h"
#include "fdr/prefix_sums.h"
#include "quench/error.h"

namespace quench {
namespace {

constexpr std::int64_t enough_for_batches = 16;

/// The mean of n values, `sum(from, to)` being that of values from + 1 .. to of them.
template <typename Sum>
Level level_of(std::int64_t n, const Sum& sum) {
  Level level;
  if (n < 1) return level;
  level.mean = sum(std::int64_t{0}, n) / static_cast<double>(n);
  if (n < 2) return level;
  const std::int64_t batches = error_batches(n);
  double squares = 0;
  for (std::int64_t b = 0; b < batches; ++b) {
    // As equal as whole values allow.
    const std::int64_t from = n * b / batches, to = n * (b + 1) / batches;
    const double deviation = sum(from, to) / static_cast<double>(to - from) - level.mean;
    squares += deviation * deviation;
  }
  const auto count = static_cast<double>(batches);
  level.error = std::sqrt(squares / (count * (count - 1.0)));
  return level;
}

Level scaled(double factor, const Level& level) { return {factor * level.mean, std::abs(factor) * level.error}; }

/// The difference of two that are independent.
Level difference(const Level& a, const Level& b) {
  return {a.mean - b.mean, std::sqrt(a.error * a.error + b.error * b.error)};
}

/// The quotient of two that are independent, the error to first order.
Level quotient(const Level& a, const Level& b) {
  const double q = a.mean / b.mean, of_b = q * b.error;
  return {q, std::sqrt(a.error * a.error + of_b * of_b) / std::abs(b.mean)};
}

/// mu and a of a step.
struct Rule {
  double mu, a;
  explicit Rule(const Sgd& sgd)
      : mu(static_cast<double>(sgd.options().momentum)), a(static_cast<double>(1.0F - sgd.options().dampening)) {}
};

void check_tensors(const FullGradient& gradient, std::size_t expected) {
  if (gradient.tensors() == expected) return;
  throw Error("a gradient of " + std::to_string(gradient.tensors()) + " tensors, expected " +
              std::to_string(expected));
}

/// A series that has no value for most numbers.
struct Samples {
  std::vector<std::int64_t> numbers;  // ascending
  std::vector<double> values;

  void add(const char* what, std::int64_t number, double value) {
    const std::int64_t before = numbers.empty() ? 0 : numbers.back();
    if (number <= before) {
      throw Error(std::string(what) + " " + std::to_string(number) + ", expected one after " +
                  std::to_string(before));
    }
    numbers.push_back(number);
    values.push_back(value);
  }
  void reserve(std::int64_t more) {
    const std::size_t need = numbers.size() + static_cast<std::size_t>(more);
    if (need <= numbers.capacity()) return;
    const std::size_t room = need > 2 * numbers.capacity() ? need : 2 * numbers.capacity();
    numbers.reserve(room);
    values.reserve(room);
  }
  void clear() {
    numbers.clear();
    values.clear();
  }
  void archive(Archive& archive, std::string_view name) {
    const Archive::Group group(archive, name);
    archive.values("numbers", numbers);
    archive.values("values", values);
    if (numbers.size() != values.size()) throw Error("the samples in the archive are of different lengths");
  }
  /// Of numbers first + 1 .. last; how many there are goes to *count.
  Level level(std::int64_t first, std::int64_t last, std::int64_t* count) const {
    std::size_t begin = 0, end = numbers.size();
    while (begin < end && numbers[begin] <= first) ++begin;
    while (end > begin && numbers[end - 1] > last) --end;
    *count = static_cast<std::int64_t>(end - begin);
    return level_of(*count, [&](std::int64_t from, std::int64_t to) {
      double sum = 0;
      for (std::int64_t i = from; i < to; ++i) sum += values[begin + static_cast<std::size_t>(i)];
      return sum;
    });
  }
};

}  // namespace

struct Fdr2Averages::State {
  fdr::PrefixSums v_g, v_v;
  Samples epochs, telescoped, corrected;
  double eta = 0, mu = 0, a = 1;  // of the last step

  Level level(const fdr::PrefixSums& sums, std::int64_t first, std::int64_t last) const {
    return level_of(last - first,
                    [&](std::int64_t from, std::int64_t to) { return sums.sum(first + from, first + to); });
  }
};

Fdr2Averages::Fdr2Averages() : state_(std::make_unique<State>()) {}
Fdr2Averages::~Fdr2Averages() = default;
Fdr2Averages::Fdr2Averages(Fdr2Averages&&) noexcept = default;
Fdr2Averages& Fdr2Averages::operator=(Fdr2Averages&&) noexcept = default;

std::int64_t error_batches(std::int64_t n) {
  return n < enough_for_batches ? n : static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
}

void Fdr2Averages::reserve(std::int64_t steps, std::int64_t samples) {
  state_->v_g.reserve(steps);
  state_->v_v.reserve(steps);
  state_->epochs.reserve(samples);
  state_->telescoped.reserve(samples);
  state_->corrected.reserve(samples);
}

void Fdr2Averages::observe(const Observables& step) {
  const FloatEnvironment environment;
  State& s = *state_;
  s.eta = step.lr;
  s.mu = step.momentum;
  s.a = 1.0 - step.dampening;
  // Where no velocity is stored its sums are NaN, and not needed.
  const bool plain = s.mu == 0.0;
  s.v_g.add(plain ? 0.0 : step.v_g);
  s.v_v.add(plain ? s.a * s.a * step.g_g : step.v_v);
}

void Fdr2Averages::add_epoch(std::int64_t epoch, double gradient_sq) {
  state_->epochs.add("|G|^2 at the end of epoch", epoch, gradient_sq);
}

void Fdr2Averages::add_telescoped(std::int64_t step, double value) {
  state_->telescoped.add("-G.v at step", step, value);
}

void Fdr2Averages::add_corrected(std::int64_t step, double value) {
  state_->corrected.add("the corrected pull at step", step, value);
}

std::int64_t Fdr2Averages::steps() const { return state_->v_g.count(); }

Fdr2Window Fdr2Averages::half_running(std::int64_t epochs) const {
  const FloatEnvironment environment;
  const State& s = *state_;
  Fdr2Window w;
  w.last = steps();
  w.first = w.last / 2;
  w.last_epoch = epochs;
  w.first_epoch = epochs / 2;
  w.v_g = s.level(s.v_g, w.first, w.last);
  w.v_v = s.level(s.v_v, w.first, w.last);
  w.gradient_sq = s.epochs.level(w.first_epoch, w.last_epoch, &w.epochs);
  w.o_fb = difference(scaled(s.a, w.gradient_sq), scaled(s.mu, w.v_g));
  w.o_fb_tel = s.telescoped.level(w.first, w.last, &w.samples);
  std::int64_t as_many = 0;
  w.o_fb_cor = difference(s.corrected.level(w.first, w.last, &as_many), scaled(s.mu, w.v_g));
  w.h_eff = quotient(scaled(2.0 / s.eta, w.o_fb), w.v_v);
  w.h_eff_tel = quotient(scaled(2.0 / s.eta, w.o_fb_tel), w.v_v);
  w.h_eff_cor = quotient(scaled(2.0 / s.eta, w.o_fb_cor), w.v_v);
  const double to_trace = 2.0 * (1.0 - s.mu * s.mu) / (s.a * s.a * s.eta);
  w.tr_hc = scaled(to_trace, w.o_fb);
  w.tr_hc_tel = scaled(to_trace, w.o_fb_tel);
  w.tr_hc_cor = scaled(to_trace, w.o_fb_cor);
  return w;
}

void Fdr2Averages::restart() {
  State& s = *state_;
  s.v_g.clear();
  s.v_v.clear();
  s.epochs.clear();
  s.telescoped.clear();
  s.corrected.clear();
}

void Fdr2Averages::archive(Archive& archive) {
  State& s = *state_;
  s.v_g.archive(archive, "v_g");
  s.v_v.archive(archive, "v_v");
  if (s.v_g.count() != s.v_v.count()) throw Error("the sums of FDR2 in the archive are of different lengths");
  s.epochs.archive(archive, "epochs");
  s.telescoped.archive(archive, "telescoped");
  s.corrected.archive(archive, "corrected");
  archive.value("eta", s.eta);
  archive.value("mu", s.mu);
  archive.value("a", s.a);
}

double telescoped(const FullGradient& full, Sgd& sgd, const Parameters& parameters) {
  const FloatEnvironment environment;
  const Rule rule(sgd);
  const double lambda = static_cast<double>(sgd.options().weight_decay);
  check_tensors(full, parameters.tensors.size());
  double with_g = 0, with_v = 0;
  for (std::size_t i = 0; i < full.tensors(); ++i) {
    with_g += full.dot(i, parameters.tensors[i].gradient) + lambda * full.dot(i, parameters.tensors[i].value);
    if (rule.mu != 0.0) with_v += full.dot(i, sgd.velocity(i));
  }
  return rule.a * with_g - rule.mu * with_v;
}

double corrected(const FullGradient& full, const FullGradient& expected, Sgd& sgd) {
  const FloatEnvironment environment;
  const Rule rule(sgd);
  check_tensors(expected, full.tensors());
  double with_g = 0, with_v = 0;
  for (std::size_t i = 0; i < full.tensors(); ++i) {
    with_g += full.dot(i, expected.tensor(i));
    if (rule.mu != 0.0) with_v += full.dot(i, sgd.velocity(i)) - expected.dot(i, sgd.velocity(i));
  }
  return rule.a * with_g - rule.mu * with_v;
}

}  // namespace quench
