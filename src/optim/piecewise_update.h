// What optimisers share that update parameters piece by piece: memory, pieces, threads, sums. Theirs is the rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "graph/gradient_sink.h"
#include "kernels/kernels.h"
#include "quench/model.h"
#include "quench/optimizer.h"

namespace quench {

/// Cuts all parameters into pieces and has each updated once a step, from a gradient in memory or as it comes out
/// of the backward pass; the sums over the pieces are added in their order, whoever updated which. An optimiser's
/// state is this and `arrays` arrays of one float for each parameter: Sgd's velocity, Adam's moments. An optimiser
/// derives from it and says how a piece is updated; that call, one for up to 4,096 elements, is the innermost
/// virtual one.
class PiecewiseUpdate : public GradientSink {
 public:
  static std::size_t bytes(const Parameters& parameters, std::size_t arrays);

  /// The arrays lie in the buffer, or in memory of their own if it is empty, and are 0 at first. Throws Error for a
  /// buffer that is too small or not aligned, and for parameters without gradients.
  PiecewiseUpdate(const Parameters& parameters, std::size_t arrays, std::span<std::byte> buffer);
  PiecewiseUpdate(const PiecewiseUpdate&) = delete;
  PiecewiseUpdate& operator=(const PiecewiseUpdate&) = delete;

  // As Optimizer has them.
  const Observables& step(float lr);
  double step(Model& model, const Batch& batch, float lr);
  const Observables& observables() const { return total_; }
  std::span<const Observables> per_tensor() const { return per_tensor_; }
  void watch(std::int64_t part, std::int64_t parts);
  void flush_tiny();
  /// velocity: whether the first array is one.
  Norms norms(bool velocity) const;

  /// One of the arrays for one tensor, padded like its value. Throws Error when there is no such tensor; `what`
  /// names the array.
  std::span<float> array(std::size_t array, std::size_t tensor, const char* what);
  /// Sets all arrays to 0.
  void zero();
  /// Each tensor of one array under `name` and the tensor's own, without the zeros that pad it.
  void archive_array(Archive& archive, std::size_t array, const char* name);

 protected:
  /// A part of a tensor as a matrix, its first element `at` elements behind the tensor's, and its gradient.
  struct Piece {
    std::size_t tensor;
    std::int64_t rows, columns;
    std::int64_t at, row;
    const float* g;
    std::int64_t g_row;
  };

  /// Prepares a step, or throws Error and changes nothing.
  virtual void begin(float lr) = 0;
  /// Updates one piece with a kernel of table(). Called from any thread.
  virtual kernels::UpdateSums update(const Piece& piece) noexcept = 0;
  /// What Observables say of a step of this rule before anything is added to them: lr, momentum, dampening, 0 for
  /// what update() measures and NaN for what it does not.
  virtual Observables blank() const noexcept = 0;
  /// The step is made: completes the sums of the tensors before they are added up.
  virtual void finish(std::span<Observables> per_tensor) noexcept = 0;

  const kernels::Table& table() const { return *table_; }
  float* value(const Piece& piece) const { return parameters_.tensors[piece.tensor].value.data() + piece.at; }
  float* of(std::size_t array, const Piece& piece) const { return data(array, piece.tensor) + piece.at; }

 private:
  /// Where a piece lies in the grid of its tensor.
  struct Slot {
    std::size_t tensor;
    std::int64_t band, panel;
    bool watched = false;
    std::size_t before = 0;  // of a watched piece: where its numbers go in before_
  };

  void take(std::size_t tensor, const kernels::PieceGrid& grid, std::int64_t band, std::int64_t panel,
            const float* gradient, std::int64_t gradient_row) noexcept final;
  void expect(std::size_t tensor, const kernels::PieceGrid& grid, std::int64_t band,
              std::int64_t panel) noexcept final;

  float* data(std::size_t array, std::size_t tensor) const {
    return arrays_[array * parameters_.tensors.size() + tensor];
  }
  void take_memory(std::size_t arrays, std::span<std::byte> buffer);
  void cut();
  std::int64_t elements(const Slot& slot) const;
  void start(float lr);
  void update_slot(std::size_t index, const kernels::PieceGrid& grid, const float* gradient,
                   std::int64_t gradient_row) noexcept;
  void update_the_rest();
  void add_up();

  Parameters parameters_;
  std::unique_ptr<std::byte[], void (*)(std::byte*)> own_{nullptr, [](std::byte*) {}};
  std::vector<float*> arrays_;             // all tensors of the first array, all of the second, ...
  std::vector<Slot> slots_;                // of all tensors, in the order in which their sums are added
  std::vector<std::size_t> first_;         // of each tensor: its first piece
  std::vector<std::size_t> chunks_;        // pieces at which a chunk of the update begins, and the end
  std::vector<kernels::UpdateSums> sums_;  // one a piece
  std::vector<double> drifts_;             // of the watched ones
  std::vector<float> before_;              // the watched pieces before the update
  std::vector<char> taken_;                // of each tensor: its gradients have come piece by piece
  std::vector<Observables> per_tensor_;
  Observables total_;
  const kernels::Table* table_ = nullptr;  // of the step that runs
};

}  // namespace quench
