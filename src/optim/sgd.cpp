#include "quench/sgd.h"

#include <algorithm>
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
#include "kernels/kernels.h"
#include "quench/error.h"

namespace quench {
namespace {

using kernels::update_block;
using kernels::UpdateSums;

constexpr std::size_t alignment = 64;
constexpr std::int64_t blocks_per_chunk = 4;  // 16,384 elements: some 10 us of one thread
constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// A stretch of one tensor; sums are taken within blocks and added in their order.
struct Block {
  std::size_t tensor;
  std::int64_t first, count;
};

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
}

}  // namespace

struct Sgd::State {
  Parameters parameters;
  SgdOptions options;
  std::unique_ptr<std::byte[], void (*)(std::byte*)> own{nullptr, [](std::byte*) {}};
  std::vector<float*> velocity;  // one a tensor; empty without
  std::vector<Block> blocks;
  std::vector<UpdateSums> sums;  // one a block
  std::vector<Observables> per_tensor;
  std::vector<double> v_v;  // without a stored velocity: of each tensor, known from the last step
  Observables total;
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
  for (std::size_t t = 0; t < parameters.tensors.size(); ++t) {
    const Parameter& p = parameters.tensors[t];
    if (p.gradient.empty())
      throw Error("parameter " + p.name + " has no gradient: its model was made without training");
    const std::int64_t n = padded(p);
    if (stores_velocity(options)) {
      s.velocity.push_back(next);
      next += n;
    }
    for (std::int64_t first = 0; first < n; first += update_block) {
      s.blocks.push_back({t, first, std::min(update_block, n - first)});
    }
  }
  s.sums.resize(s.blocks.size());
  s.per_tensor.resize(parameters.tensors.size());
  s.v_v.resize(parameters.tensors.size());
  zero_velocity();
}

Sgd::~Sgd() = default;
Sgd::Sgd(Sgd&&) noexcept = default;
Sgd& Sgd::operator=(Sgd&&) noexcept = default;

const SgdOptions& Sgd::options() const { return state_->options; }

std::span<const Observables> Sgd::per_tensor() const { return state_->per_tensor; }

const Observables& Sgd::step() {
  check_lr(lr);
  const FloatEnvironment environment;
  State& s = *state_;
  const kernels::Table& table = kernels::table();
  const kernels::SgdStep step{lr, s.options.momentum, 1.0F - s.options.dampening, s.options.weight_decay};
  const bool stored = !s.velocity.empty();

  const auto count = static_cast<std::int64_t>(s.blocks.size());
  const std::int64_t chunks = (count + blocks_per_chunk - 1) / blocks_per_chunk;
  Executor& executor = s.parameters.executor ? *s.parameters.executor : default_executor();
  parallel_for(executor, chunks, [&](std::int64_t chunk) {
    const std::int64_t end = std::min(count, (chunk + 1) * blocks_per_chunk);
    for (std::int64_t i = chunk * blocks_per_chunk; i < end; ++i) {
      const Block& b = s.blocks[static_cast<std::size_t>(i)];
      const Parameter& p = s.parameters.tensors[b.tensor];
      float* theta = p.value.data() + b.first;
      const float* g = p.gradient.data() + b.first;
      s.sums[static_cast<std::size_t>(i)] = stored
                                                ? table.sgd(b.count, theta, g, s.velocity[b.tensor] + b.first, step)
                                                : table.sgd_plain(b.count, theta, g, step);
    }
  });

  std::fill(s.per_tensor.begin(), s.per_tensor.end(), Observables{});
  for (std::size_t i = 0; i < s.blocks.size(); ++i) {
    const UpdateSums& u = s.sums[i];
    add(s.per_tensor[s.blocks[i].tensor], {u.theta_g, u.g_g, u.v_v, u.v_g, u.theta_v, u.theta_theta});
  }
  s.total = {};
  for (std::size_t t = 0; t < s.per_tensor.size(); ++t) {
    Observables& o = s.per_tensor[t];
    if (!stored) {  // v' = -(a g): the next step's |v|^2 is this one's a^2 |g|^2
      o.v_v = s.v_v[t];
      o.v_g = o.theta_v = not_measured;
      const auto a = static_cast<double>(step.one_minus_dampening);
      s.v_v[t] = a * a * o.g_g;
    }
    add(s.total, o);
  }
  return s.total;
}

Norms Sgd::norms() const {
  const FloatEnvironment environment;
  const State& s = *state_;
  const kernels::Table& table = kernels::table();
  const bool stored = !s.velocity.empty();
  Norms total;
  for (const Block& b : s.blocks) {
    const float* theta = s.parameters.tensors[b.tensor].value.data() + b.first;
    Norms n;
    table.norms(b.count, theta, stored ? s.velocity[b.tensor] + b.first : nullptr, &n.theta_theta, &n.theta_v,
                &n.v_v);
    total.theta_theta += n.theta_theta;
    total.theta_v += n.theta_v;
    total.v_v += n.v_v;
  }
  if (!stored) total.theta_v = total.v_v = not_measured;
  return total;
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
