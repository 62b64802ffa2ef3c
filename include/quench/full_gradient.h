// The gradient of the loss over a whole set of images, in double: what mini-batch gradients scatter around.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "quench/image_set.h"
#include "quench/model.h"

namespace quench {

/// G = grad f at the present parameters of a model, where f is the mean cross-entropy over all images of a set plus
/// (lambda / 2) |theta|^2 over all parameters (Yaida 2019, section 3 and appendix B). Mini-batches have the model's
/// float gradients; their sum over batches is in double, each batch weighted by its examples, and so are lambda
/// theta, added once, and all that is computed of G. The same bits on any number of threads.
class FullGradient {
 public:
  /// The model, in training, must outlive this, and so must its executor. Takes 8 bytes a parameter. Throws Error
  /// for a model without gradients.
  explicit FullGradient(Model& model);
  ~FullGradient();
  FullGradient(FullGradient&&) noexcept;
  FullGradient& operator=(FullGradient&&) noexcept;

  /// One pass over all images, in stored order. weight_decay: lambda, finite and >= 0; the float nearest to it
  /// counts, as in Sgd. Returns f, L2 included. Parameters are left alone; the gradients in the model's memory are
  /// those of the last batch. Allocates nothing after the first call. Throws Error for a lambda out of range, an
  /// empty set, and images that do not fit the model; G then is not known.
  double measure(const ImageSet& images, double weight_decay);

  /// The same G of the images of two batches together, and at no more cost that of the images of `part` alone,
  /// which goes to `of_part`, another one for the same model; both in the order of the indices, then added to each
  /// other. Returns f of both batches. Throws Error as above, and for an empty part, batches of different sets, and
  /// another model.
  double measure(const Batch& others, const Batch& part, double weight_decay, FullGradient& of_part);

  // Of the last measure(); 0 before the first.

  /// Tensors of the model.
  std::size_t tensors() const;
  /// G of tensor i, row-major.
  std::span<const double> tensor(std::size_t i) const;
  /// |G|^2.
  double squared_norm() const;
  /// The part of tensor i in G . u; u: row-major, of its size, or padded as Sgd::velocity(i) is. Throws Error for
  /// fewer values than the tensor has.
  double dot(std::size_t i, std::span<const float> u) const;
  double dot(std::size_t i, std::span<const double> u) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quench
