#include "quench/adam.h"

#include <cmath>
#include <limits>
#include <string>

#include "core/float_environment.h"
#include "optim/option_check.h"
#include "optim/piecewise_update.h"
#include "quench/error.h"

namespace quench {
namespace {

constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

const AdamOptions& checked(const AdamOptions& o) {
  require_at_least_0("lr", o.lr);
  require_below_1("beta1", o.beta1);
  require_below_1("beta2", o.beta2);
  require(std::isfinite(o.epsilon) && o.epsilon > 0.0F, "epsilon", o.epsilon, "a finite number above 0");
  require_at_least_0("weight_decay", o.weight_decay);
  return o;
}

/// Arrays of the state: m, v, and w with AMSGrad.
std::size_t arrays(const AdamOptions& o) { return o.amsgrad ? 3 : 2; }

/// beta1^t and beta2^t.
struct Powers {
  double beta1 = 1, beta2 = 1;
  bool operator==(const Powers&) const = default;
};

}  // namespace

struct Adam::State final : PiecewiseUpdate {
  AdamOptions options;
  std::int64_t steps = 0;
  Powers made;  // of the steps made

  // Of the step that runs.
  Powers now;
  double lr = 0;
  kernels::AdamStep rule{};

  State(const Parameters& parameters, const AdamOptions& o)
      : PiecewiseUpdate(parameters, arrays(o), o.buffer), options(o) {}

  /// Those of one step more.
  Powers after(const Powers& p) const {
    return {p.beta1 * static_cast<double>(options.beta1), p.beta2 * static_cast<double>(options.beta2)};
  }

  void begin(float rate) override {
    require_at_least_0("lr", rate);
    lr = static_cast<double>(rate);
    now = after(made);
    rule = {.rate = rate,
            .scale = 1.0F,
            .epsilon = options.epsilon,
            .beta1 = options.beta1,
            .one_minus_beta1 = 1.0F - options.beta1,
            .beta2 = options.beta2,
            .one_minus_beta2 = 1.0F - options.beta2,
            .weight_decay = options.weight_decay};
    if (options.bias_correction) {
      rule.rate = static_cast<float>(lr / (1.0 - now.beta1));
      rule.scale = static_cast<float>(1.0 / std::sqrt(1.0 - now.beta2));
    }
  }

  kernels::UpdateSums update(const Piece& piece) noexcept override {
    return table().adam({.rows = piece.rows,
                         .columns = piece.columns,
                         .theta = value(piece),
                         .m = of(0, piece),
                         .v = of(1, piece),
                         .w = options.amsgrad ? of(2, piece) : nullptr,
                         .row = piece.row,
                         .g = piece.g,
                         .g_row = piece.g_row},
                        rule);
  }

  Observables blank() const noexcept override {
    Observables o;
    o.lr = lr;
    o.momentum = o.dampening = not_measured;
    o.v_v = o.v_g = o.theta_v = not_measured;
    o.theta_d = o.d_d = 0;
    return o;
  }

  void finish(std::span<Observables>) noexcept override {
    made = now;
    ++steps;
  }

  void set_steps(std::int64_t count) {
    const FloatEnvironment environment;
    made = {};
    for (std::int64_t t = 0; t < count; ++t) {
      const Powers next = after(made);
      if (next == made) break;  // 0, or the subnormal number that rounding keeps
      made = next;
    }
    steps = count;
  }
};

std::size_t Adam::bytes(const Parameters& parameters, const AdamOptions& options) {
  return PiecewiseUpdate::bytes(parameters, arrays(options));
}

Adam::Adam(Parameters parameters, const AdamOptions& options)
    : Optimizer(options.lr), state_(std::make_unique<State>(parameters, checked(options))) {}

Adam::~Adam() = default;
Adam::Adam(Adam&&) noexcept = default;
Adam& Adam::operator=(Adam&&) noexcept = default;

const AdamOptions& Adam::options() const { return state_->options; }
const Observables& Adam::step() { return state_->step(lr); }
double Adam::step(Model& model, const Batch& batch) { return state_->step(model, batch, lr); }
const Observables& Adam::observables() const { return state_->observables(); }
std::span<const Observables> Adam::per_tensor() const { return state_->per_tensor(); }
Norms Adam::norms() const { return state_->norms(false); }
void Adam::watch(std::int64_t part, std::int64_t parts) { state_->watch(part, parts); }

void Adam::flush_tiny() { state_->flush_tiny(); }

std::span<float> Adam::first_moment(std::size_t i) { return state_->array(0, i, "first_moment"); }
std::span<float> Adam::second_moment(std::size_t i) { return state_->array(1, i, "second_moment"); }

std::span<float> Adam::largest_second_moment(std::size_t i) {
  if (!state_->options.amsgrad) throw Error("the largest second moment is not stored: amsgrad is off");
  return state_->array(2, i, "largest_second_moment");
}

std::int64_t Adam::steps() const { return state_->steps; }

void Adam::set_steps(std::int64_t steps) {
  if (steps < 0) throw Error("set_steps: " + std::to_string(steps) + " steps, expected at least 0");
  state_->set_steps(steps);
}

void Adam::restart() {
  state_->zero();
  state_->set_steps(0);
}

/// No run has more, and set_steps counts them all.
constexpr std::int64_t most_archived_steps = std::int64_t{1} << 32;

void Adam::archive(Archive& archive) {
  archive.value("lr", lr);
  state_->archive_array(archive, 0, "first_moment");
  state_->archive_array(archive, 1, "second_moment");
  if (state_->options.amsgrad) state_->archive_array(archive, 2, "largest_second_moment");
  std::int64_t steps = state_->steps;
  archive.count("steps", steps, most_archived_steps);
  if (archive.reading()) set_steps(steps);
}

}  // namespace quench
