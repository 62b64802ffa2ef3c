#include "quench/full_gradient.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "core/float_environment.h"
#include "core/parallel.h"
#include "quench/error.h"

namespace quench {
namespace {

constexpr std::size_t group = 16;              // tensors are padded to whole groups
constexpr std::size_t slice_size = 16 * 1024;  // elements that a thread takes at a time

/// sum += weight g for whole groups. Exact but for one rounding: a count of examples times a float fits a double.
void add_weighted(double weight, const float* __restrict g, double* __restrict sum, std::size_t count) {
  for (std::size_t first = 0; first < count; first += group) {
    for (std::size_t i = 0; i < group; ++i) sum[first + i] += weight * static_cast<double>(g[first + i]);
  }
}

/// The float nearest to it.
double checked_lambda(double weight_decay) {
  const auto lambda = static_cast<double>(static_cast<float>(weight_decay));
  if (!(lambda >= 0) || !std::isfinite(lambda)) {
    throw Error("weight_decay is " + std::to_string(weight_decay) + ", expected a finite number of at least 0");
  }
  return lambda;
}

/// g . u of tensor i.
template <typename Number>
double dot_product(std::size_t i, std::span<const double> g, std::span<const Number> u) {
  if (u.size() < g.size()) {
    throw Error("a vector of " + std::to_string(u.size()) + " values, expected the " + std::to_string(g.size()) +
                " of tensor " + std::to_string(i));
  }
  double sum = 0;
  for (std::size_t k = 0; k < g.size(); ++k) sum += g[k] * static_cast<double>(u[k]);
  return sum;
}

}  // namespace

struct FullGradient::State {
  struct Slice {
    std::size_t tensor, first, count;
  };

  Model& model;
  std::vector<std::vector<double>> sums;  // of each tensor, padded with zeros to whole groups
  std::vector<Slice> slices;
  std::vector<std::uint32_t> indices;  // of a batch

  explicit State(Model& m) : model(m), indices(static_cast<std::size_t>(m.plan().lanes())) {
    for (const Parameter& p : model.parameters().tensors) {
      if (p.gradient.empty()) {
        throw Error("parameter " + p.name + " has no gradient: its model was made without training");
      }
      const std::size_t padded = (p.value.size() + group - 1) / group * group;
      for (std::size_t first = 0; first < padded; first += slice_size) {
        slices.push_back({sums.size(), first, std::min(slice_size, padded - first)});
      }
      sums.emplace_back(padded);
    }
  }

  /// body(slice) for all slices, on the model's threads.
  template <typename Body>
  void for_slices(const Body& body) {
    const Parameters parameters = model.parameters();
    parallel_for(parameters.executor ? *parameters.executor : default_executor(),
                 static_cast<std::int64_t>(slices.size()),
                 [&](std::int64_t i) { body(slices[static_cast<std::size_t>(i)]); });
  }
  void clear() {
    for (std::vector<double>& tensor : sums) std::ranges::fill(tensor, 0.0);
  }
  /// Adds the gradients of all images of a batch of any size, as many at a time as the model takes; returns the sum
  /// of their losses.
  double add(const Batch& batch) {
    double loss = 0;
    for (std::size_t first = 0; first < batch.indices.size(); first += indices.size()) {
      const std::size_t count = std::min(indices.size(), batch.indices.size() - first);
      const auto weight = static_cast<double>(count);
      loss += weight * model.forward_backward({batch.images, batch.indices.subspan(first, count)});
      const std::span<const Parameter> tensors = model.parameters().tensors;
      for_slices([&](const Slice& s) {
        add_weighted(weight, tensors[s.tensor].gradient.data() + s.first, sums[s.tensor].data() + s.first, s.count);
      });
    }
    return loss;
  }
  /// The same of a whole set, in stored order.
  double add(const ImageSet& images) {
    const auto size = static_cast<std::size_t>(images.size());
    double loss = 0;
    for (std::size_t first = 0; first < size; first += indices.size()) {
      std::iota(indices.begin(), indices.end(), static_cast<std::uint32_t>(first));
      loss += add({&images, std::span(indices).first(std::min(indices.size(), size - first))});
    }
    return loss;
  }
  void add(const State& other) {
    for (std::size_t t = 0; t < sums.size(); ++t) {
      for (std::size_t i = 0; i < sums[t].size(); ++i) sums[t][i] += other.sums[t][i];
    }
  }
  /// Divides by the number of examples and adds L2; returns |theta|^2.
  double finish(double examples, double lambda) {
    double theta_theta = 0;
    const std::span<const Parameter> tensors = model.parameters().tensors;
    for (std::size_t t = 0; t < sums.size(); ++t) {
      for (std::size_t i = 0; i < tensors[t].value.size(); ++i) {
        // The product of two floats is exact in double: one rounding, as a fused multiply-add has.
        const auto theta = static_cast<double>(tensors[t].value[i]);
        sums[t][i] = sums[t][i] / examples + lambda * theta;
        theta_theta += theta * theta;
      }
    }
    return theta_theta;
  }
};

FullGradient::FullGradient(Model& model) : state_(std::make_unique<State>(model)) {}
FullGradient::~FullGradient() = default;
FullGradient::FullGradient(FullGradient&&) noexcept = default;
FullGradient& FullGradient::operator=(FullGradient&&) noexcept = default;

double FullGradient::measure(const ImageSet& images, double weight_decay) {
  const FloatEnvironment environment;
  State& s = *state_;
  const double lambda = checked_lambda(weight_decay);
  if (images.size() == 0) throw Error("the set to measure the gradient of has no images, expected at least 1");
  s.clear();
  const double loss = s.add(images);
  const auto examples = static_cast<double>(images.size());
  const double theta_theta = s.finish(examples, lambda);
  return loss / examples + 0.5 * lambda * theta_theta;
}

double FullGradient::measure(const Batch& others, const Batch& part, double weight_decay, FullGradient& of_part) {
  const FloatEnvironment environment;
  State &s = *state_, &apart = *of_part.state_;
  const double lambda = checked_lambda(weight_decay);
  if (part.indices.empty()) throw Error("the part to measure the gradient of has no images, expected at least 1");
  if (others.images != part.images) throw Error("a part of another set of images, expected the same set");
  if (&s == &apart || &s.model != &apart.model) {
    throw Error("the gradient of a part in the same place or of another model, expected another one of this model");
  }
  s.clear();
  apart.clear();
  const double loss_of_part = apart.add(part), loss = s.add(others) + loss_of_part;
  s.add(apart);
  const auto of_it = static_cast<double>(part.indices.size());
  const double examples = static_cast<double>(others.indices.size()) + of_it;
  apart.finish(of_it, lambda);
  const double theta_theta = s.finish(examples, lambda);
  return loss / examples + 0.5 * lambda * theta_theta;
}

std::size_t FullGradient::tensors() const { return state_->sums.size(); }

std::span<const double> FullGradient::tensor(std::size_t i) const {
  return std::span(state_->sums.at(i)).first(state_->model.parameters().tensors[i].value.size());
}

double FullGradient::squared_norm() const {
  const FloatEnvironment environment;
  double total = 0;
  for (const std::vector<double>& sums : state_->sums) {
    double sum = 0;
    for (const double g : sums) sum += g * g;
    total += sum;
  }
  return total;
}

double FullGradient::dot(std::size_t i, std::span<const float> u) const {
  const FloatEnvironment environment;
  return dot_product(i, tensor(i), u);
}

double FullGradient::dot(std::size_t i, std::span<const double> u) const {
  const FloatEnvironment environment;
  return dot_product(i, tensor(i), u);
}

}  // namespace quench
