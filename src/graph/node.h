// One node of a graph: what it computes, from what, and of what shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "quench/graph.h"

namespace quench {

struct Op;  // graph/op.h

/// Square windows over the rows and columns of an image: of pools, and the kernels of convolutions.
struct Windows {
  std::int64_t size = 0, stride = 0;
  std::int64_t padding = 0;  ///< rows and columns of zeros around the image
  std::int64_t pool = 1;     ///< side of the windows that are pooled behind a convolution
};

struct Node {
  enum class Kind { input, parameter, computed };

  Kind kind = Kind::computed;
  const Op* op = nullptr;           ///< of computed nodes; null for the others
  std::vector<std::size_t> inputs;  ///< nodes it is computed from, each before it in the list
  Shape shape;
  bool per_example = false;
  std::string name;         ///< of inputs and parameters
  Init init = Init::zeros;  ///< of parameters
  Windows windows;          ///< of pools and convolutions
};

/// Throws Error, beginning with `what`, for an extent below 1 or more than 2^32 elements.
void check_shape(const Shape& shape, const std::string& what);

/// How messages name a node: "parameter 'fc1.weight'", "relu 7" (its place in the list).
std::string describe(const Node& node, std::size_t id);

}  // namespace quench
