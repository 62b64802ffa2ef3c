// Graphs drawn at random, to meet combinations that nobody thought of.
#pragma once

#include <cstdint>

#include "quench/graph.h"

namespace quench_test {

/// Appends about `operations` operations of every kind and mixed shapes, their arguments drawn from all nodes so
/// far; returns a shared one-element root that depends on all of them.
quench::Tensor build_random_graph(quench::Graph& graph, int operations, std::uint32_t seed);

}  // namespace quench_test
