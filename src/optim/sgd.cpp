#include "quench/sgd.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/float_environment.h"
#include "core/parallel.h"
#include "graph/arena.h"
#include "graph/gradient_sink.h"
#include "kernels/kernels.h"
#include "kernels/pieces.h"
#include "quench/error.h"

namespace quench {
namespace {

using kernels::PieceGrid;
using kernels::UpdateSums;

constexpr std::int64_t chunk_floats = 16 * 1024;  // some 10 us of one thread
constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// One piece of one tensor.
struct Piece {
  std::size_t tensor;
  std::int64_t band, panel;
  bool watched = true;
};

/// A parameter as a matrix: the first dimension by all others; a vector is one row.
PieceGrid grid_of(const Parameter& p) {
  const std::int64_t rows = p.shape.size() > 1 ? p.shape[0] : 1;
  return kernels::piece_grid(rows, element_count(p.shape) / rows);
}

std::int64_t padded(const Parameter& p) { return kernels::padded(static_cast<std::int64_t>(p.value.size())); }

void require(bool fits, const char* option, float value, const char* range) {
  if (fits) return;
  char digits[32];
  char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  throw Error(std::string(option) + " is " + std::string(digits, end) + ", expected " + range);
}

void check_lr(float lr) { require(std::isfinite(lr) && lr >= 0.0F, "lr", lr, "a finite number of at least 0"); }

void check(const SgdOptions& o) {
  check_lr(o.lr);
  require(o.momentum >= 0.0F && o.momentum < 1.0F, "momentum", o.momentum, "0 <= momentum < 1");
  require(o.dampening >= 0.0F && o.dampening < 1.0F, "dampening", o.dampening, "0 <= dampening < 1");
  require(std::isfinite(o.weight_decay) && o.weight_decay >= 0.0F, "weight_decay", o.weight_decay,
          "a finite number of at least 0");
}

bool stores_velocity(const SgdOptions& o) { return o.momentum != 0.0F || o.keep_velocity; }

void add(Observables& to, const Observables& more) {
  to.theta_g += more.theta_g;
  to.g_g += more.g_g;
  to.v_v += more.v_v;
  to.v_g += more.v_g;
  to.theta_v += more.theta_v;
  to.theta_theta += more.theta_theta;
  to.drift += more.drift;
}

}  // namespace

struct Sgd::State final : GradientSink {
  Parameters parameters;
  SgdOptions options;
  std::unique_ptr<std::byte[], void (*)(std::byte*)> own{nullptr, [](std::byte*) {}};
  std::vector<float*> velocity;     // one a tensor; empty without
  std::vector<Piece> pieces;        // of all tensors, in the order in which their sums are added
  std::vector<std::size_t> first;   // of each tensor: its first piece
  std::vector<UpdateSums> sums;     // one a piece
  std::vector<char> taken;          // of each tensor: its gradients have come piece by piece
  std::vector<std::size_t> chunks;  // pieces at which a chunk of the update begins, and the end
  std::vector<Observables> per_tensor;
  std::vector<double> v_v;  // without a stored velocity: of each tensor, known from the last step
  Observables total;

  // Of the step that runs.
  const kernels::Table* table = nullptr;
  kernels::SgdStep step{};

  void begin(float rate);
  void update(std::size_t index, const PieceGrid& grid, const float* gradient, std::int64_t gradient_row) noexcept;
  void take(std::size_t tensor, const PieceGrid& grid, std::int64_t band, std::int64_t panel, const float* gradient,
            std::int64_t gradient_row) noexcept override;
  void expect(std::size_t tensor, const PieceGrid& grid, std::int64_t band, std::int64_t panel) noexcept override;
  void update_the_rest();
  void add_up();
};

std::size_t Sgd::bytes(const Parameters& parameters, const SgdOptions& options) {
  std::size_t floats = 0;
  if (stores_velocity(options)) {
    for (const Parameter& p : parameters.tensors) floats += static_cast<std::size_t>(padded(p));
  }
  return floats * sizeof(float);
}

Sgd::Sgd(Parameters parameters, const SgdOptions& options) : lr(options.lr), state_(std::make_unique<State>()) {
  check(options);
  State& s = *state_;
  s.parameters = parameters;
  s.options = options;
  const std::size_t need = bytes(parameters, options);
  std::byte* memory = options.buffer.empty() ? nullptr : options.buffer.data();
  if (memory && options.buffer.size() < need) {
    throw Error("the optimiser's buffer has " + std::to_string(options.buffer.size()) + " bytes, expected " +
                std::to_string(need));
  }
  if (memory && reinterpret_cast<std::uintptr_t>(memory) % alignment != 0) {
    throw Error("the optimiser's buffer is not aligned to " + std::to_string(alignment) + " bytes");
  }
  if (!memory && need > 0) {
    memory = static_cast<std::byte*>(::operator new (need, std::align_val_t{alignment}, std::nothrow));
    if (!memory) throw Error("no memory for the velocity, " + std::to_string(need) + " bytes");
    s.own = {memory, [](std::byte* p) { ::operator delete (p, std::align_val_t{alignment}); }};
  }
  auto* next = reinterpret_cast<float*>(memory);
  std::int64_t waiting = 0;  // elements of the chunk that is being filled
  s.chunks.push_back(0);
  for (std::size_t t = 0; t < parameters.tensors.size(); ++t) {
    const Parameter& p = parameters.tensors[t];
    if (p.gradient.empty())
      throw Error("parameter " + p.name + " has no gradient: its model was made without training");
    const std::int64_t n = padded(p);
    if (stores_velocity(options)) {
      s.velocity.push_back(next);
      next += n;
    }
    const PieceGrid grid = grid_of(p);
    s.first.push_back(s.pieces.size());
    for (std::int64_t i = 0; i < grid.size(); ++i) {
      if (waiting >= chunk_floats) {
        s.chunks.push_back(s.pieces.size());
        waiting = 0;
      }
      const std::int64_t band = i / grid.panels, panel = i % grid.panels;
      s.pieces.push_back({t, band, panel});
      waiting += (grid.row(band + 1) - grid.row(band)) * (grid.column(panel + 1) - grid.column(panel));
    }
  }
  s.chunks.push_back(s.pieces.size());
  s.sums.resize(s.pieces.size());
  s.taken.resize(parameters.tensors.size());
  s.per_tensor.resize(parameters.tensors.size());
  s.v_v.resize(parameters.tensors.size());
  zero_velocity();
}

Sgd::~Sgd() = default;
Sgd::Sgd(Sgd&&) noexcept = default;
Sgd& Sgd::operator=(Sgd&&) noexcept = default;

const SgdOptions& Sgd::options() const { return state_->options; }

std::span<const Observables> Sgd::per_tensor() const { return state_->per_tensor; }

void Sgd::State::begin(float rate) {
  check_lr(rate);
  table = &kernels::table();
  step = {rate, options.momentum, 1.0F - options.dampening, options.weight_decay};
  std::ranges::fill(taken, 0);
}

void Sgd::State::update(std::size_t index, const PieceGrid& grid, const float* gradient,
                        std::int64_t gradient_row) noexcept {
  const Piece& piece = pieces[index];
  const std::int64_t row = grid.row(piece.band), column = grid.column(piece.panel);
  const std::int64_t at = row * grid.columns + column;
  sums[index] = table->sgd({.rows = grid.row(piece.band + 1) - row,
                            .columns = grid.column(piece.panel + 1) - column,
                            .theta = parameters.tensors[piece.tensor].value.data() + at,
                            .v = velocity.empty() ? nullptr : velocity[piece.tensor] + at,
                            .row = grid.columns,
                            .g = gradient,
                            .g_row = gradient_row,
                            .watched = piece.watched},
                           step);
}

void Sgd::State::take(std::size_t tensor, const PieceGrid& grid, std::int64_t band, std::int64_t panel,
                      const float* gradient, std::int64_t gradient_row) noexcept {
  update(first[tensor] + static_cast<std::size_t>(grid.index(band, panel)), grid, gradient, gradient_row);
  // Each piece writes the same; the first one alone would do, but which is that?
  std::atomic_ref(taken[tensor]).store(1, std::memory_order_relaxed);
}

void Sgd::State::expect(std::size_t tensor, const PieceGrid& grid, std::int64_t band, std::int64_t panel) noexcept {
  const std::int64_t row = grid.row(band), column = grid.column(panel);
  const std::int64_t at = row * grid.columns + column;
  const std::int64_t rows = grid.row(band + 1) - row, columns = grid.column(panel + 1) - column;
  table->prefetch_to_write(parameters.tensors[tensor].value.data() + at, rows, columns, grid.columns);
  if (!velocity.empty()) table->prefetch_to_write(velocity[tensor] + at, rows, columns, grid.columns);
}

/// Updates the tensors whose gradients are in memory.
void Sgd::State::update_the_rest() {
  Executor& executor = parameters.executor ? *parameters.executor : default_executor();
  parallel_for(executor, static_cast<std::int64_t>(chunks.size()) - 1, [&](std::int64_t chunk) {
    const auto c = static_cast<std::size_t>(chunk);
    for (std::size_t i = chunks[c]; i < chunks[c + 1]; ++i) {
      const Piece& piece = pieces[i];
      if (taken[piece.tensor] != 0) continue;
      const Parameter& p = parameters.tensors[piece.tensor];
      const PieceGrid grid = grid_of(p);
      update(i, grid, p.gradient.data() + grid.row(piece.band) * grid.columns + grid.column(piece.panel),
             grid.columns);
    }
  });
}

void Sgd::State::add_up() {
  Observables zero;
  zero.lr = static_cast<double>(step.lr);
  zero.momentum = static_cast<double>(options.momentum);
  zero.dampening = static_cast<double>(options.dampening);
  std::ranges::fill(per_tensor, zero);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const UpdateSums& u = sums[i];
    add(per_tensor[pieces[i].tensor], {u.theta_g, u.g_g, u.v_v, u.v_g, u.theta_v, u.theta_theta, u.drift});
  }
  total = zero;
  for (std::size_t t = 0; t < per_tensor.size(); ++t) {
    Observables& o = per_tensor[t];
    if (velocity.empty()) {  // v' = -(a g): the next step's |v|^2 is this one's a^2 |g|^2
      o.v_v = v_v[t];
      o.v_g = o.theta_v = not_measured;
      const auto a = static_cast<double>(step.one_minus_dampening);
      v_v[t] = a * a * o.g_g;
    }
    add(total, o);
  }
}

const Observables& Sgd::step() {
  const FloatEnvironment environment;
  state_->begin(lr);
  state_->update_the_rest();
  state_->add_up();
  return state_->total;
}

double Sgd::step(Model& model, const Batch& batch) {
  State& s = *state_;
  const std::span<Parameter> tensors = model.parameters().tensors;
  if (tensors.data() != s.parameters.tensors.data() || tensors.size() != s.parameters.tensors.size()) {
    throw Error("step: the parameters of the optimiser are not those of the model, expected all of them");
  }
  const FloatEnvironment environment;
  s.begin(lr);
  const double loss = model.forward_backward_into(batch, s);
  if (!std::isfinite(loss)) return loss;
  s.update_the_rest();
  s.add_up();
  return loss;
}

const Observables& Sgd::observables() const { return state_->total; }

Norms Sgd::norms() const {
  const FloatEnvironment environment;
  const State& s = *state_;
  const kernels::Table& table = kernels::table();
  const bool stored = !s.velocity.empty();
  Norms total;
  for (std::size_t t = 0; t < s.parameters.tensors.size(); ++t) {
    const Parameter& p = s.parameters.tensors[t];
    const kernels::NormSums n = table.norms(padded(p), p.value.data(), stored ? s.velocity[t] : nullptr);
    total.theta_theta += n.theta_theta;
    total.theta_v += n.theta_v;
    total.v_v += n.v_v;
    total.theta_4 += n.theta_4;
    total.v_4 += n.v_4;
  }
  if (!stored) total.theta_v = total.v_v = total.v_4 = not_measured;
  for (const Piece& piece : s.pieces) {
    if (!piece.watched) continue;
    const Parameter& p = s.parameters.tensors[piece.tensor];
    const PieceGrid grid = grid_of(p);
    double sum = 0;
    for (std::int64_t r = grid.row(piece.band); r < grid.row(piece.band + 1); ++r) {
      for (std::int64_t c = grid.column(piece.panel); c < grid.column(piece.panel + 1); ++c) {
        const auto theta = static_cast<double>(p.value[static_cast<std::size_t>(r * grid.columns + c)]);
        sum += theta * theta;
      }
    }
    total.watched += sum;
  }
  return total;
}

void Sgd::watch(std::int64_t part, std::int64_t parts) {
  if (part < 0 || part >= parts) {
    throw Error("watch: part " + std::to_string(part) + " of " + std::to_string(parts) + ", expected 0 <= part < parts");
  }
  std::int64_t index = 0;
  for (Piece& piece : state_->pieces) piece.watched = index++ % parts == part;
}

std::span<float> Sgd::velocity(std::size_t i) {
  State& s = *state_;
  if (s.velocity.empty()) throw Error("the velocity is not stored: momentum is 0 and keep_velocity is off");
  if (i >= s.velocity.size()) {
    throw Error("velocity of tensor " + std::to_string(i) + ", expected below " +
                std::to_string(s.velocity.size()));
  }
  return {s.velocity[i], static_cast<std::size_t>(padded(s.parameters.tensors[i]))};
}

void Sgd::zero_velocity() {
  State& s = *state_;
  for (std::size_t t = 0; t < s.velocity.size(); ++t) {
    std::fill_n(s.velocity[t], padded(s.parameters.tensors[t]), 0.0F);
  }
  std::fill(s.v_v.begin(), s.v_v.end(), 0.0);
}

}  // namespace quench
