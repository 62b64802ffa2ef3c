#include "quench/hessian.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/float_environment.h"
#include "core/random.h"
#include "quench/error.h"
#include "quench/full_gradient.h"

namespace quench {
namespace {

using Vectors = std::vector<std::vector<double>>;  // one a tensor

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The mean of independent values, and one standard error of it.
Level level_of(std::span<const double> values) {
  Level level;
  if (values.empty()) return level;
  const auto n = static_cast<double>(values.size());
  level.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return level;
  double squares = 0;
  for (const double value : values) squares += (value - level.mean) * (value - level.mean);
  level.error = std::sqrt(squares / (n * (n - 1)));
  return level;
}

}  // namespace

struct Hessian::State {
  Model& model;
  const ImageSet& images;
  HessianOptions options;
  FullGradient full;
  std::vector<std::vector<float>> theta;  // the parameters, while they are displaced

  State(Model& m, const ImageSet& i, const HessianOptions& o) : model(m), images(i), options(o), full(m) {
    if (!(o.step > 0) || !std::isfinite(o.step)) {
      throw Error("step is " + std::to_string(o.step) + ", expected a finite number > 0");
    }
    for (const Parameter& p : model.parameters().tensors) theta.emplace_back(p.value.size());
  }

  std::span<Parameter> tensors() { return model.parameters().tensors; }
  void restore() {
    for (std::size_t t = 0; t < theta.size(); ++t) std::ranges::copy(theta[t], tensors()[t].value.begin());
  }
  /// theta + shift u, rounded to float.
  void displace(std::span<const std::vector<double>> u, double shift) {
    for (std::size_t t = 0; t < theta.size(); ++t) {
      const std::span<float> value = tensors()[t].value;
      for (std::size_t i = 0; i < value.size(); ++i) {
        value[i] = static_cast<float>(static_cast<double>(theta[t][i]) + shift * u[t][i]);
      }
    }
  }
  /// u . theta as it is, and u . G there.
  struct Along {
    double theta = 0, gradient = 0;
  };
  Along along(std::span<const std::vector<double>> u) {
    full.measure(images, options.weight_decay);
    Along a;
    for (std::size_t t = 0; t < theta.size(); ++t) {
      const std::span<const float> value = tensors()[t].value;
      for (std::size_t i = 0; i < value.size(); ++i) a.theta += u[t][i] * static_cast<double>(value[i]);
      a.gradient += dot(u[t], full.tensor(t));
    }
    return a;
  }
  double form(std::span<const std::vector<double>> u);
};

double Hessian::State::form(std::span<const std::vector<double>> u) {
  if (u.size() != theta.size()) {
    throw Error("a direction of " + std::to_string(u.size()) + " tensors, expected " +
                std::to_string(theta.size()));
  }
  double u_u = 0, theta_theta = 0;
  for (std::size_t t = 0; t < theta.size(); ++t) {
    if (u[t].size() != theta[t].size()) {
      throw Error("a direction of " + std::to_string(u[t].size()) + " values in tensor " + std::to_string(t) +
                  ", expected " + std::to_string(theta[t].size()));
    }
    std::ranges::copy(tensors()[t].value, theta[t].begin());
    u_u += dot(u[t], u[t]);
    for (const float x : theta[t]) theta_theta += static_cast<double>(x) * static_cast<double>(x);
  }
  if (u_u == 0) return 0;
  const double shift = options.step * std::sqrt((theta_theta > 0 ? theta_theta : 1.0) / u_u);
  try {
    displace(u, shift);
    const Along plus = along(u);
    displace(u, -shift);
    const Along minus = along(u);
    restore();
    return (plus.gradient - minus.gradient) * u_u / (plus.theta - minus.theta);
  } catch (...) {
    restore();
    throw;
  }
}

Hessian::Hessian(Model& model, const ImageSet& images, const HessianOptions& options)
    : state_(std::make_unique<State>(model, images, options)) {}
Hessian::~Hessian() = default;
Hessian::Hessian(Hessian&&) noexcept = default;
Hessian& Hessian::operator=(Hessian&&) noexcept = default;

double Hessian::form(std::span<const std::vector<double>> u) {
  const FloatEnvironment environment;
  return state_->form(u);
}

NoiseTraces Hessian::traces(const TraceOptions& options) {
  const FloatEnvironment environment;
  State& s = *state_;
  const std::int64_t size = s.images.size();
  const auto& [batch, products, seed, stop] = options;
  if (batch < 1 || batch > size || batch > s.model.plan().lanes()) {
    throw Error("batch is " + std::to_string(batch) + ", expected 1 .. " +
                std::to_string(std::min(size, s.model.plan().lanes())));
  }
  if (products < 1) throw Error("products is " + std::to_string(products) + ", expected at least 1");
  const double lambda = static_cast<double>(static_cast<float>(s.options.weight_decay));
  s.full.measure(s.images, s.options.weight_decay);
  Vectors G, u;
  for (std::size_t t = 0; t < s.full.tensors(); ++t) {
    G.emplace_back(s.full.tensor(t).begin(), s.full.tensor(t).end());
    u.emplace_back(G[t].size());
  }
  std::vector<std::uint32_t> pool(static_cast<std::size_t>(size));
  std::iota(pool.begin(), pool.end(), 0U);
  std::vector<double> forms, squares;
  Random random(seed, Stream::products);
  for (std::int64_t n = 0; n < products && !(stop && stop()); ++n) {
    // The first steps of a shuffle; from whatever order the last left.
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(batch); ++i) {
      std::swap(pool[i], pool[i + random.below(static_cast<std::uint32_t>(size) - i)]);
    }
    s.model.forward_backward({&s.images, std::span(pool).first(static_cast<std::size_t>(batch))});
    double square = 0;
    for (std::size_t t = 0; t < u.size(); ++t) {
      const Parameter& p = s.tensors()[t];
      for (std::size_t i = 0; i < u[t].size(); ++i) {
        u[t][i] = static_cast<double>(p.gradient[i]) + lambda * static_cast<double>(p.value[i]) - G[t][i];
      }
      square += dot(u[t], u[t]);
    }
    squares.push_back(square);
    forms.push_back(s.form(u));
  }
  return {static_cast<std::int64_t>(forms.size()), level_of(forms), level_of(squares)};
}

}  // namespace quench
