#include "optim/piecewise_update.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <string>

#include "core/float_environment.h"
#include "core/parallel.h"
#include "graph/arena.h"
#include "kernels/pieces.h"
#include "quench/error.h"

namespace quench {
namespace {

using kernels::PieceGrid;

constexpr std::int64_t chunk_floats = 16 * 1024;  // some 10 us of one thread
constexpr float tiny = 0x1p-100F;
constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// A parameter as a matrix: the first dimension by all others; a vector is one row.
PieceGrid grid_of(const Parameter& p) {
  const std::int64_t rows = p.shape.size() > 1 ? p.shape[0] : 1;
  return kernels::piece_grid(rows, element_count(p.shape) / rows);
}

std::int64_t padded(const Parameter& p) { return kernels::padded(static_cast<std::int64_t>(p.value.size())); }

template <typename Sums>
void add(Observables& to, const Sums& more) {
  to.theta_g += more.theta_g;
  to.g_g += more.g_g;
  to.v_v += more.v_v;
  to.v_g += more.v_g;
  to.theta_v += more.theta_v;
  to.theta_theta += more.theta_theta;
  to.theta_d += more.theta_d;
  to.d_d += more.d_d;
}

}  // namespace

std::size_t PiecewiseUpdate::bytes(const Parameters& parameters, std::size_t arrays) {
  std::size_t floats = 0;
  for (const Parameter& p : parameters.tensors) floats += static_cast<std::size_t>(padded(p));
  return arrays * floats * sizeof(float);
}

PiecewiseUpdate::PiecewiseUpdate(const Parameters& parameters, std::size_t arrays, std::span<std::byte> buffer)
    : parameters_(parameters) {
  for (const Parameter& p : parameters_.tensors) {
    if (p.gradient.empty())
      throw Error("parameter " + p.name + " has no gradient: its model was made without training");
  }
  take_memory(arrays, buffer);
  cut();
  sums_.resize(slots_.size());
  drifts_.resize(slots_.size());
  taken_.resize(parameters_.tensors.size());
  per_tensor_.resize(parameters_.tensors.size());
  zero();
}

void PiecewiseUpdate::take_memory(std::size_t arrays, std::span<std::byte> buffer) {
  const std::size_t need = bytes(parameters_, arrays);
  std::byte* memory = buffer.empty() ? nullptr : buffer.data();
  if (memory && buffer.size() < need) {
    throw Error("the optimiser's buffer has " + std::to_string(buffer.size()) + " bytes, expected " +
                std::to_string(need));
  }
  if (memory && reinterpret_cast<std::uintptr_t>(memory) % alignment != 0) {
    throw Error("the optimiser's buffer is not aligned to " + std::to_string(alignment) + " bytes");
  }
  if (!memory && need > 0) {
    memory = static_cast<std::byte*>(::operator new (need, std::align_val_t{alignment}, std::nothrow));
    if (!memory) throw Error("no memory for the state of the optimiser, " + std::to_string(need) + " bytes");
    own_ = {memory, [](std::byte* p) { ::operator delete (p, std::align_val_t{alignment}); }};
  }
  auto* next = reinterpret_cast<float*>(memory);
  for (std::size_t a = 0; a < arrays; ++a) {
    for (const Parameter& p : parameters_.tensors) {
      arrays_.push_back(next);
      next += padded(p);
    }
  }
}

/// Lists the pieces, and the chunks of them that threads take.
void PiecewiseUpdate::cut() {
  std::int64_t waiting = 0;  // elements of the chunk that is being filled
  chunks_.push_back(0);
  for (std::size_t t = 0; t < parameters_.tensors.size(); ++t) {
    const PieceGrid grid = grid_of(parameters_.tensors[t]);
    first_.push_back(slots_.size());
    for (std::int64_t i = 0; i < grid.size(); ++i) {
      if (waiting >= chunk_floats) {
        chunks_.push_back(slots_.size());
        waiting = 0;
      }
      const std::int64_t band = i / grid.panels, panel = i % grid.panels;
      slots_.push_back({t, band, panel});
      waiting += elements(slots_.back());
    }
  }
  chunks_.push_back(slots_.size());
}

std::int64_t PiecewiseUpdate::elements(const Slot& slot) const {
  const PieceGrid grid = grid_of(parameters_.tensors[slot.tensor]);
  return (grid.row(slot.band + 1) - grid.row(slot.band)) * (grid.column(slot.panel + 1) - grid.column(slot.panel));
}

void PiecewiseUpdate::start(float lr) {
  begin(lr);
  table_ = &kernels::table();
  std::ranges::fill(taken_, 0);
}

void PiecewiseUpdate::update_slot(std::size_t index, const PieceGrid& grid, const float* gradient,
                                  std::int64_t gradient_row) noexcept {
  const Slot& slot = slots_[index];
  const std::int64_t row = grid.row(slot.band), column = grid.column(slot.panel);
  const Piece piece{.tensor = slot.tensor,
                    .rows = grid.row(slot.band + 1) - row,
                    .columns = grid.column(slot.panel + 1) - column,
                    .at = row * grid.columns + column,
                    .row = grid.columns,
                    .g = gradient,
                    .g_row = gradient_row};
  if (!slot.watched) {
    sums_[index] = update(piece);
    return;
  }
  // What it was, to see where it went.
  float* before = before_.data() + slot.before;
  const float* theta = value(piece);
  for (std::int64_t r = 0; r < piece.rows; ++r) {
    std::copy_n(theta + r * piece.row, piece.columns, before + r * piece.columns);
  }
  sums_[index] = update(piece);
  drifts_[index] = table_->growth(piece.rows, piece.columns, before, piece.columns, theta, piece.row);
}

void PiecewiseUpdate::take(std::size_t tensor, const PieceGrid& grid, std::int64_t band, std::int64_t panel,
                           const float* gradient, std::int64_t gradient_row) noexcept {
  update_slot(first_[tensor] + static_cast<std::size_t>(grid.index(band, panel)), grid, gradient, gradient_row);
  // Each piece writes the same; the first one alone would do, but which is that?
  std::atomic_ref(taken_[tensor]).store(1, std::memory_order_relaxed);
}

void PiecewiseUpdate::expect(std::size_t tensor, const PieceGrid& grid, std::int64_t band,
                             std::int64_t panel) noexcept {
  const std::int64_t row = grid.row(band), column = grid.column(panel);
  const std::int64_t at = row * grid.columns + column;
  const std::int64_t rows = grid.row(band + 1) - row, columns = grid.column(panel + 1) - column;
  const std::size_t tensors = parameters_.tensors.size();
  table_->prefetch_to_write(parameters_.tensors[tensor].value.data() + at, rows, columns, grid.columns);
  for (std::size_t i = tensor; i < arrays_.size(); i += tensors) {
    table_->prefetch_to_write(arrays_[i] + at, rows, columns, grid.columns);
  }
}

/// Updates the tensors whose gradients are in memory.
void PiecewiseUpdate::update_the_rest() {
  Executor& executor = parameters_.executor ? *parameters_.executor : default_executor();
  parallel_for(executor, static_cast<std::int64_t>(chunks_.size()) - 1, [&](std::int64_t chunk) {
    const auto c = static_cast<std::size_t>(chunk);
    for (std::size_t i = chunks_[c]; i < chunks_[c + 1]; ++i) {
      const Slot& slot = slots_[i];
      if (taken_[slot.tensor] != 0) continue;
      const Parameter& p = parameters_.tensors[slot.tensor];
      const PieceGrid grid = grid_of(p);
      update_slot(i, grid, p.gradient.data() + grid.row(slot.band) * grid.columns + grid.column(slot.panel),
                  grid.columns);
    }
  });
}

void PiecewiseUpdate::add_up() {
  const Observables unmade = blank();
  std::ranges::fill(per_tensor_, unmade);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Observables& o = per_tensor_[slots_[i].tensor];
    add(o, sums_[i]);
    if (slots_[i].watched) o.drift += drifts_[i];
  }
  finish(per_tensor_);
  total_ = unmade;
  for (const Observables& o : per_tensor_) {
    add(total_, o);
    total_.drift += o.drift;
  }
}

const Observables& PiecewiseUpdate::step(float lr) {
  const FloatEnvironment environment;
  start(lr);
  update_the_rest();
  add_up();
  return total_;
}

double PiecewiseUpdate::step(Model& model, const Batch& batch, float lr) {
  const std::span<Parameter> tensors = model.parameters().tensors;
  if (tensors.data() != parameters_.tensors.data() || tensors.size() != parameters_.tensors.size()) {
    throw Error("step: the parameters of the optimiser are not those of the model, expected all of them");
  }
  const FloatEnvironment environment;
  start(lr);
  const double loss = model.forward_backward_into(batch, *this);
  if (!std::isfinite(loss)) return loss;
  update_the_rest();
  add_up();
  return loss;
}

Norms PiecewiseUpdate::norms(bool velocity) const {
  const FloatEnvironment environment;
  const kernels::Table& table = kernels::table();
  Norms total;
  for (std::size_t t = 0; t < parameters_.tensors.size(); ++t) {
    const Parameter& p = parameters_.tensors[t];
    const kernels::NormSums n = table.norms(padded(p), p.value.data(), velocity ? data(0, t) : nullptr);
    total.theta_theta += n.theta_theta;
    total.theta_v += n.theta_v;
    total.v_v += n.v_v;
    total.theta_4 += n.theta_4;
    total.v_4 += n.v_4;
  }
  if (!velocity) total.theta_v = total.v_v = total.v_4 = not_measured;
  bool any_watched = false;
  for (const Slot& slot : slots_) {
    if (!slot.watched) continue;
    any_watched = true;
    const Parameter& p = parameters_.tensors[slot.tensor];
    const PieceGrid grid = grid_of(p);
    double sum = 0;
    for (std::int64_t r = grid.row(slot.band); r < grid.row(slot.band + 1); ++r) {
      for (std::int64_t c = grid.column(slot.panel); c < grid.column(slot.panel + 1); ++c) {
        const auto theta = static_cast<double>(p.value[static_cast<std::size_t>(r * grid.columns + c)]);
        sum += theta * theta;
      }
    }
    total.watched += sum;
  }
  if (!any_watched) total.watched = not_measured;
  return total;
}

void PiecewiseUpdate::flush_tiny() {
  const auto flush = [](std::span<float> values) {
    for (float& x : values) x = x < tiny && x > -tiny ? 0.0F : x;
  };
  for (std::size_t t = 0; t < parameters_.tensors.size(); ++t) {
    flush(parameters_.tensors[t].value);
    const auto n = static_cast<std::size_t>(padded(parameters_.tensors[t]));
    for (std::size_t i = t; i < arrays_.size(); i += parameters_.tensors.size()) flush({arrays_[i], n});
  }
}

void PiecewiseUpdate::watch(std::int64_t part, std::int64_t parts) {
  if (part < 0 || part >= parts) {
    throw Error("watch: part " + std::to_string(part) + " of " + std::to_string(parts) +
                ", expected 0 <= part < parts");
  }
  // Pieces differ in size: with more parts than this, some would have hardly anything, or no piece at all.
  std::int64_t all = 0, largest = 1;
  for (const Slot& slot : slots_) {
    all += elements(slot);
    largest = std::max(largest, elements(slot));
  }
  parts = std::clamp<std::int64_t>(all / largest, 1, parts);
  part %= parts;
  std::int64_t index = 0, floats = 0;
  for (Slot& slot : slots_) {
    slot.watched = index++ % parts == part;
    if (!slot.watched) continue;
    slot.before = static_cast<std::size_t>(floats);
    floats += elements(slot);
  }
  before_.resize(static_cast<std::size_t>(floats));
}

std::span<float> PiecewiseUpdate::array(std::size_t array, std::size_t tensor, const char* what) {
  if (tensor >= parameters_.tensors.size()) {
    throw Error(std::string(what) + " of tensor " + std::to_string(tensor) + ", expected below " +
                std::to_string(parameters_.tensors.size()));
  }
  return {data(array, tensor), static_cast<std::size_t>(padded(parameters_.tensors[tensor]))};
}

void PiecewiseUpdate::zero() {
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    std::fill_n(arrays_[i], padded(parameters_.tensors[i % parameters_.tensors.size()]), 0.0F);
  }
}

void PiecewiseUpdate::archive_array(Archive& archive, std::size_t array, const char* name) {
  const Archive::Group group(archive, name);
  for (std::size_t t = 0; t < parameters_.tensors.size(); ++t) {
    const Parameter& p = parameters_.tensors[t];
    archive.values(p.name, std::span(data(array, t), static_cast<std::size_t>(element_count(p.shape))));
  }
}

}  // namespace quench
