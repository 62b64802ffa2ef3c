// The computation as data: what a model computes, without any memory behind it yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quench {

class Graph;

/// The extents of a tensor, outermost first. A per-example tensor's shape leaves out the batch, which is always the
/// innermost dimension in memory (a SIMD lane is an example): {28, 28} means float[28][28][lanes].
using Shape = std::vector<std::int64_t>;

/// Number of elements of a shape (1 for {}), which must fit in 64 bits, as that of any tensor does.
std::int64_t element_count(const Shape& shape);
/// "[28, 28]".
std::string to_string(const Shape& shape);

/// A node of a graph: a cheap handle, valid as long as its Graph.
///
/// A node is per-example (it has a value for each example of the batch) or shared (one value: parameters, and what
/// is computed from parameters or reduced over the batch).
class Tensor {
 public:
  Tensor() = default;
  const Shape& shape() const;
  bool per_example() const;
  Graph& graph() const { return *graph_; }
  int id() const { return id_; }
  bool operator==(const Tensor&) const = default;

 private:
  friend class Graph;
  Tensor(Graph* graph, int id) : graph_(graph), id_(id) {}
  Graph* graph_ = nullptr;
  int id_ = -1;
};

/// How a parameter starts.
enum class Init {
  zeros,
  /// Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16); of a shape [out, in, rest...] the
  /// fans are in and out times the product of the rest.
  xavier_uniform,
};

struct Node;     // src/graph/node.h
struct Windows;  // src/graph/node.h
struct Op;       // src/graph/op.h

/// A flat list of nodes in topological order, built by calling operations. Holds shapes and names, no data.
/// Neither copyable nor movable, because tensors point to it.
class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// A per-example input of the given shape. Throws Error for an extent below 1 or more than 2^32 elements.
  Tensor input(Shape shape, std::string name = "input");
  /// A shared, trainable tensor. Throws Error as input does, when the name is taken, and for xavier_uniform on
  /// fewer than two dimensions.
  Tensor parameter(Shape shape, std::string name, Init init = Init::zeros);

  /// How many nodes there are.
  std::size_t size() const;
  /// Nodes in order, for the planner; src/graph/node.h has what they are. References stay valid as the graph grows.
  const std::deque<Node>& nodes() const;
  /// The handle of nodes()[id], 0 <= id < size(). Throws Error outside that range.
  Tensor tensor(std::size_t id);

  /// Throws Error when a parameter of this name exists.
  void check_parameter_name(std::string_view name) const;
  /// "fc1" for the first call with "fc", then "fc2": names of layers as PyTorch users expect them. Skips names that
  /// parameters called "fc1.weight" or the like have taken.
  std::string next_name(std::string_view stem);

 private:
  friend Tensor append(const Op& op, std::initializer_list<Tensor> inputs, Shape shape, bool per_example,
                       const Windows& windows);
  Tensor append(Node node);

  struct State;
  std::unique_ptr<State> state_;
};

// Operations, which append nodes. The order of nodes is the order in which gradients are summed, and in f(x) + g(y)
// the compiler chooses which operand is built first: give the operands names where the same bits everywhere matter.
//
// Each throws Error, naming the operation and the shapes, when its arguments do not fit, and when its
// arguments come from different graphs. Shapes are written without the batch.

/// The same values under another shape of the same element count. No copy.
Tensor reshape(Tensor x, Shape shape);
/// reshape to one dimension.
Tensor flatten(Tensor x);

/// y = W x + b for a per-example x of shape [in]; makes the parameters <name>.weight [out, in] (Xavier uniform) and
/// <name>.bias [out] (zeros); name defaults to the next of fc1, fc2, ... Result: per-example [out].
Tensor linear(Tensor x, std::int64_t out_features, std::string name = {});
/// relu(linear(x)) in one pass over the output: the same bits.
Tensor linear_relu(Tensor x, std::int64_t out_features, std::string name = {});

/// The kernel of a convolution: kernel x kernel taps, `stride` apart from one output to the next, over an image
/// with `padding` rows and columns of zeros on each side (which are left out of the sum, not multiplied).
struct Conv2d {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
};
/// Cross-correlation, as everyone's conv2d: per-example [in, rows, columns] -> [out_channels, (rows + 2 padding -
/// kernel) / stride + 1, (columns + 2 padding - kernel) / stride + 1]; makes the parameters <name>.weight
/// [out_channels, in, kernel, kernel] (Xavier uniform) and <name>.bias [out_channels] (zeros); name defaults to the
/// next of conv1, conv2, ... Throws Error for other shapes, a kernel or stride below 1, a padding below 0 or above
/// 2^31, and a kernel larger than the padded image.
Tensor conv2d(Tensor x, std::int64_t out_channels, Conv2d options = {}, std::string name = {});
/// relu(conv2d(x)) in one pass over the output: the same bits.
Tensor conv2d_relu(Tensor x, std::int64_t out_channels, Conv2d options = {}, std::string name = {});
/// max_pool2d(relu(conv2d(x)), window), the same bits; for windows up to 4 without a pass over what is pooled,
/// which is never in memory. Throws Error for what these refuse, before the graph changes.
Tensor conv2d_relu_max_pool2d(Tensor x, std::int64_t out_channels, Conv2d options, std::int64_t window,
                              std::string name = {});

/// Elementwise a + b. The shapes must be equal; a shared tensor beside a per-example one is used for every example.
Tensor add(Tensor a, Tensor b);
/// Elementwise a * b, with the shapes of add.
Tensor multiply(Tensor a, Tensor b);
/// [m, k] x [k] per-example -> [m] per-example, [m, k] x [k, n] per-example -> [m, n] per-example (shared left
/// operand), or [m, k] x [k, n] both shared -> shared [m, n].
Tensor matmul(Tensor a, Tensor b);
/// x <= 0 ? 0 : x, so that NaN stays NaN. The derivative at 0 is 0.
Tensor relu(Tensor x);
/// Sum over an example's elements, or over a shared tensor's: shape [1].
Tensor sum(Tensor x);
/// Mean over an example's elements, or over a shared tensor's: shape [1].
Tensor mean(Tensor x);
/// Mean of each element over the live examples of the batch: per-example -> shared, same shape.
Tensor batch_mean(Tensor x);
/// The largest element of each window x window positions of each channel, the windows `stride` apart (0: window) in
/// rows and columns; rows and columns at the end that fill no window are left out. Per-example [channels, rows,
/// columns] -> [channels, (rows - window) / stride + 1, (columns - window) / stride + 1]. Of equal elements the
/// first in the order of rows and columns counts and gets the gradient; a NaN counts as larger than any number and
/// than an earlier NaN. Throws Error for other shapes, a window below 1 or larger than the image, a stride below 0.
Tensor max_pool2d(Tensor x, std::int64_t window, std::int64_t stride = 0);
/// The mean of each window, with the shapes and errors of max_pool2d.
Tensor average_pool2d(Tensor x, std::int64_t window, std::int64_t stride = 0);
/// Mean over the live examples of -log softmax(logits)[label]; logits per-example [classes], labels given with the
/// batch. Result: shared [1].
Tensor softmax_cross_entropy(Tensor logits);

inline Tensor operator+(Tensor a, Tensor b) { return add(a, b); }
inline Tensor operator*(Tensor a, Tensor b) { return multiply(a, b); }

}  // namespace quench
