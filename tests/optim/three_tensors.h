// Parameters for an optimiser to update, without a model.
#pragma once

#include "core/random.h"
#include "quench/executor.h"
#include "quench/graph.h"
#include "quench/model.h"
#include "quench/plan.h"

namespace quench_test {

/// Three tensors, the first longer than a block of the update, with gradients set by hand.
struct ThreeTensors {
  quench::Graph graph;
  quench::Tensor a = graph.parameter({90, 101}, "a", quench::Init::xavier_uniform);
  quench::Tensor b = graph.parameter({3}, "b");
  quench::Tensor c = graph.parameter({70, 70}, "c", quench::Init::xavier_uniform);
  quench::Tensor loss = sum(a) + sum(b) + sum(c);
  quench::Plan plan{graph, loss};
  quench::ThreadPool pool;
  quench::Random random{5, quench::Stream::weights};

  explicit ThreeTensors(int threads = 1) : pool(threads) {
    plan.bind();
    for (const quench::Parameter& p : plan.parameters()) {
      for (float& x : p.value) x = random.uniform(-1.0F, 1.0F);
    }
  }
  quench::Parameters parameters() { return {plan.parameters(), &pool}; }
  void draw_gradients() {
    for (const quench::Parameter& p : plan.parameters()) {
      for (float& x : p.gradient) x = random.uniform(-2.0F, 2.0F);
    }
  }
};

}  // namespace quench_test
