#include "quench/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "optim/three_tensors.h"
#include "quench/adam.h"
#include "quench/error.h"
#include "quench/sgd.h"
#include "random_images.h"

using namespace quench;
using Fixture = quench_test::ThreeTensors;

TEST_CASE("what trains a model can hold either optimiser") {
  const ImageSet images = quench_test::random_images(100, 28, 28, 10);
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < 100; ++i) indices.push_back(i);
  for (const bool adam : {false, true}) {
    Graph graph;
    Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 28, 28}))), {.batch = 100});
    std::unique_ptr<Optimizer> optimizer;
    if (adam) {
      optimizer = std::make_unique<Adam>(model.parameters());
    } else {
      optimizer = std::make_unique<Sgd>(model.parameters());
    }
    CHECK(optimizer->lr == (adam ? 0.001F : 0.1F));
    optimizer->watch(0, 1);
    const Batch batch{&images, indices};
    const double first = optimizer->step(model, batch);
    for (int step = 0; step < 30; ++step) optimizer->step(model, batch);
    optimizer->lr *= 0.5F;
    const double before = optimizer->norms().theta_theta;
    model.forward_backward(batch);
    const double last = model.forward(batch);
    model.forward_backward(batch);
    const Observables& o = optimizer->step();
    CHECK(&o == &optimizer->observables());
    CHECK(o.lr == static_cast<double>(optimizer->lr));
    CHECK(last < 0.5 * first);
    CHECK(std::abs(optimizer->norms().theta_theta - before - o.drift) < 1e-12 * before);
    CHECK(optimizer->per_tensor().size() == model.parameters().tensors.size());
    CHECK(std::isnan(o.theta_d) == !adam);
    CHECK(std::isnan(o.d_d) == !adam);
    CHECK(std::isnan(o.momentum) == adam);
  }
}

TEST_CASE("an optimiser that is moved goes on where it was") {
  Fixture moved, kept;
  Adam from(moved.parameters()), other(kept.parameters());
  for (Fixture* f : {&moved, &kept}) f->draw_gradients();
  from.step();
  other.step();
  from.lr = other.lr = 0.25F;
  Adam to = std::move(from);
  CHECK(to.lr == 0.25F);
  CHECK(to.step().d_d == other.step().d_d);
}
