// What plans refuse, each with its message.
#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graph/arena.h"
#include "quench/error.h"
#include "quench/executor.h"
#include "quench/plan.h"

using quench::Error;
using quench::Graph;
using quench::Plan;
using quench::Tensor;

TEST_CASE("memory that is too small or not aligned is refused, and running without any") {
  Graph g;
  Plan plan(g, sum(g.parameter({100}, "p")), {.batch = 1});
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines(plan.bytes() / sizeof(Line) + 1);
  const std::span<std::byte> memory = std::as_writable_bytes(std::span(lines));
  const std::string least = std::to_string(plan.bytes());
  const std::string less = std::to_string(plan.bytes() - 1);
  CHECK_THROWS_WITH_AS(plan.bind(memory.first(plan.bytes() - 1)),
                       ("plan: the buffer has " + less + " bytes, expected at least " + least).c_str(), Error);
  CHECK_THROWS_WITH_AS(plan.bind(memory.subspan(4)),
                       "plan: the buffer begins 4 bytes past a multiple of 64, expected it aligned", Error);
  CHECK_THROWS_WITH_AS(plan.forward(), "plan: it has no memory, expected a call of bind() first", Error);
  CHECK_THROWS_WITH_AS(plan.backward(), "plan: it has no memory, expected a call of bind() first", Error);
}

TEST_CASE("plans refuse impossible batches and roots") {
  Graph g, h;
  const Tensor x = g.input({3});
  const Tensor root = batch_mean(sum(linear(x, 2)));
  CHECK_THROWS_WITH_AS(Plan(g, root, {.batch = 0}), "plan: batch is 0, expected 1 .. 16777216", Error);
  CHECK_THROWS_WITH_AS(Plan(g, root, {.batch = (1 << 24) + 1}), "plan: batch is 16777217, expected 1 .. 16777216",
                       Error);
  CHECK_THROWS_WITH_AS(
      Plan(g, x), "plan: root has shape [3] for each example, expected one shared element to differentiate", Error);
  CHECK_THROWS_WITH_AS(Plan(g, batch_mean(x)),
                       "plan: root has shape [3], expected one shared element to differentiate", Error);
  CHECK_THROWS_WITH_AS(
      Plan(g, mean(batch_mean(x))),
      "plan: root depends on no parameter and nothing is kept, expected something to differentiate by", Error);
  CHECK_THROWS_WITH_AS(Plan(g, Tensor{}), "plan: root is an empty Tensor", Error);
  CHECK_THROWS_WITH_AS(Plan(h, root), "plan: root belongs to another graph", Error);
  CHECK_THROWS_WITH_AS(Plan(g, root, {.keep = {h.input({1})}}), "plan: a tensor to keep belongs to another graph",
                       Error);
}

TEST_CASE("a plan of more bytes than this machine can address is refused with their number") {
  Graph g;
  // 2^32 elements of 2^24 floats each: 2^58 bytes, of which 32 are too many.
  Tensor total = g.input({std::int64_t{1} << 32});
  for (int i = 1; i < 40; ++i) total = total + g.input({std::int64_t{1} << 32});
  CHECK_THROWS_WITH_AS(
      Plan(g, total, {.batch = 1 << 24, .training = false}),
      ("plan: at least " + std::to_string((quench::most_bytes / (std::uint64_t{1} << 58) + 1) << 58) +
       " bytes, expected at most the " + std::to_string(quench::most_bytes) + " that this machine can address")
          .c_str(),
      Error);
}

// The sanitizers' allocators end the program instead of throwing.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QUENCH_TEST_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QUENCH_TEST_SANITIZED
#endif
#ifndef QUENCH_TEST_SANITIZED
TEST_CASE("memory that the system refuses is an Error with the number of bytes, and the plan stays as it was") {
  // 2^58 bytes can be named in 64 bits, but no processor has so many addresses to give.
  if constexpr (sizeof(std::size_t) == 8) {
    Graph g;
    Plan plan(g, g.input({std::int64_t{1} << 32}), {.batch = 1 << 24, .training = false});
    CHECK_THROWS_WITH_AS(plan.bind(), "plan: no memory for a block of 288230376151711744 bytes", Error);
    CHECK_THROWS_WITH_AS(plan.forward(), "plan: it has no memory, expected a call of bind() first", Error);
  }
}
#endif

TEST_CASE("backward is refused unless forward has run since the last backward and the last change of the batch") {
  Graph g;
  const Tensor x = g.input({3});
  Plan plan(g, softmax_cross_entropy(linear(x, 4)), {.batch = 2});
  const auto refused = [&] {
    CHECK_THROWS_WITH_AS(
        plan.backward(),
        "backward: expected a forward() since the last backward(), bind() or setting of inputs and "
        "labels",
        Error);
  };
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::vector<std::int32_t> labels{1, 3};
  plan.bind();
  refused();
  const std::vector<std::function<void()>> changes{
      [&] { plan.backward(); },         [&] { plan.set_live(2); }, [&] { plan.set_input(x, values); },
      [&] { plan.set_labels(labels); }, [&] { plan.bind(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    plan.set_input(x, values);
    plan.set_labels(labels);
    plan.forward();
    plan.backward();
    plan.forward();
    changes[i]();
    refused();
  }
}

namespace {

class FailingExecutor final : public quench::Executor {
 public:
  bool fails = false;
  void run(std::int64_t chunks, Chunk chunk, void* context) override {
    if (fails) throw Error("no threads");
    for (std::int64_t i = 0; i < chunks; ++i) chunk(context, i);
  }
  int threads() const override { return 2; }
};

}  // namespace

TEST_CASE("a forward that its executor broke off leaves nothing for backward") {
  Graph g;
  FailingExecutor executor;
  Plan plan(g, batch_mean(sum(linear(g.input({300}), 300))), {.batch = 300, .executor = &executor});
  plan.bind();
  plan.forward();
  executor.fails = true;
  CHECK_THROWS_WITH_AS(plan.forward(), "no threads", Error);
  executor.fails = false;
  CHECK_THROWS_WITH_AS(plan.backward(), doctest::Contains("backward: expected a forward()"), Error);
  plan.forward();
  plan.backward();
}

TEST_CASE("plans refuse wrong inputs, labels and tensors that were not kept") {
  Graph g;
  const Tensor x = g.input({3});
  const Tensor hidden = relu(x);
  const Tensor root = softmax_cross_entropy(linear(hidden, 4));
  Plan plan(g, root, {.batch = 2});
  plan.bind();
  CHECK_THROWS_WITH_AS(plan.set_live(0), "plan: 0 live examples, expected 1 .. 16", Error);
  CHECK_THROWS_WITH_AS(plan.set_live(17), "plan: 17 live examples, expected 1 .. 16", Error);
  CHECK_THROWS_WITH_AS(plan.set_input(x, std::vector<float>(7)),
                       "set_input: 7 values for input 'input', expected 6 (2 live examples of 3)", Error);
  CHECK_THROWS_WITH_AS(plan.set_input(hidden, std::vector<float>(6)), "set_input: relu 1 is not an input", Error);
  CHECK_THROWS_WITH_AS(plan.set_labels(std::vector<std::int32_t>(3)),
                       "set_labels: 3 labels, expected 2, one for each live example", Error);
  CHECK_THROWS_WITH_AS(plan.set_labels(std::vector<std::int32_t>{0, -1}),
                       "set_labels: label -1 of example 1, expected 0 .. 3", Error);
  CHECK_THROWS_WITH_AS(plan.set_labels(std::vector<std::int32_t>{4, 0}),
                       "set_labels: label 4 of example 0, expected 0 .. 3", Error);
  CHECK_THROWS_WITH_AS(plan.value(hidden), "value: relu 1 is not kept, expected it in PlanOptions::keep", Error);
  CHECK_THROWS_WITH_AS(plan.gradient(x), "gradient: input 'input' is not kept, expected it in PlanOptions::keep",
                       Error);
  CHECK_THROWS_WITH_AS(plan.value(Tensor{}), "value: the Tensor is empty", Error);
  Graph other;
  CHECK_THROWS_WITH_AS(plan.value(other.input({3})), "value: the tensor belongs to another graph than the plan",
                       Error);
  Plan without(g, batch_mean(sum(linear(x, 1))), {.batch = 2});
  without.bind();
  CHECK_THROWS_WITH_AS(without.set_labels(std::vector<std::int32_t>(2)),
                       "set_labels: no operation of the plan reads labels", Error);
}
