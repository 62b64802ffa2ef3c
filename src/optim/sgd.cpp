#include "quench/sgd.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "optim/option_check.h"
#include "optim/piecewise_update.h"
#include "quench/error.h"

namespace quench {
namespace {

constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

const SgdOptions& checked(const SgdOptions& o) {
  require_at_least_0("lr", o.lr);
  require_below_1("momentum", o.momentum);
  require_below_1("dampening", o.dampening);
  require_at_least_0("weight_decay", o.weight_decay);
  return o;
}

/// Arrays of the state: the velocity, or nothing.
std::size_t arrays(const SgdOptions& o) { return o.momentum != 0.0F || o.keep_velocity ? 1 : 0; }

}  // namespace

struct Sgd::State final : PiecewiseUpdate {
  SgdOptions options;
  bool stored;
  std::vector<double> v_v;  // without a stored velocity: of each tensor, known from the last step
  kernels::SgdStep rule{};  // of the step that runs

  State(const Parameters& parameters, const SgdOptions& o)
      : PiecewiseUpdate(parameters, arrays(o), o.buffer),
        options(o),
        stored(arrays(o) > 0),
        v_v(parameters.tensors.size()) {}

  void begin(float lr) override {
    require_at_least_0("lr", lr);
    rule = {lr, options.momentum, 1.0F - options.dampening, options.weight_decay};
  }

  kernels::UpdateSums update(const Piece& piece) noexcept override {
    return table().sgd({.rows = piece.rows,
                        .columns = piece.columns,
                        .theta = value(piece),
                        .v = stored ? of(0, piece) : nullptr,
                        .row = piece.row,
                        .g = piece.g,
                        .g_row = piece.g_row},
                       rule);
  }

  Observables blank() const noexcept override {
    Observables o;
    o.lr = static_cast<double>(rule.lr);
    o.momentum = static_cast<double>(options.momentum);
    o.dampening = static_cast<double>(options.dampening);
    if (!stored) o.v_g = o.theta_v = not_measured;
    o.theta_d = o.d_d = not_measured;
    return o;
  }

  void finish(std::span<Observables> per_tensor) noexcept override {
    if (stored) return;
    const auto a = static_cast<double>(rule.one_minus_dampening);
    for (std::size_t t = 0; t < per_tensor.size(); ++t) {
      // v' = -(a g): the next step's |v|^2 is this one's a^2 |g|^2
      per_tensor[t].v_v = v_v[t];
      v_v[t] = a * a * per_tensor[t].g_g;
    }
  }
};

std::size_t Sgd::bytes(const Parameters& parameters, const SgdOptions& options) {
  return PiecewiseUpdate::bytes(parameters, arrays(options));
}

Sgd::Sgd(Parameters parameters, const SgdOptions& options)
    : Optimizer(options.lr), state_(std::make_unique<State>(parameters, checked(options))) {}

Sgd::~Sgd() = default;
Sgd::Sgd(Sgd&&) noexcept = default;
Sgd& Sgd::operator=(Sgd&&) noexcept = default;

const SgdOptions& Sgd::options() const { return state_->options; }
const Observables& Sgd::step() { return state_->step(lr); }
double Sgd::step(Model& model, const Batch& batch) { return state_->step(model, batch, lr); }
const Observables& Sgd::observables() const { return state_->observables(); }
std::span<const Observables> Sgd::per_tensor() const { return state_->per_tensor(); }
Norms Sgd::norms() const { return state_->norms(state_->stored); }
void Sgd::watch(std::int64_t part, std::int64_t parts) { state_->watch(part, parts); }

void Sgd::flush_tiny() { state_->flush_tiny(); }

std::span<float> Sgd::velocity(std::size_t i) {
  if (!state_->stored) throw Error("the velocity is not stored: momentum is 0 and keep_velocity is off");
  return state_->array(0, i, "velocity");
}

void Sgd::restart() {
  state_->zero();
  std::ranges::fill(state_->v_v, 0.0);
}

void Sgd::archive(Archive& archive) {
  archive.value("lr", lr);
  if (state_->stored) state_->archive_array(archive, 0, "velocity");
  archive.values("v_v", std::span(state_->v_v));
}

}  // namespace quench
