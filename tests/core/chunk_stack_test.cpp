// The stack that a chunk of work needs: executor.h says how much of it an embedder's threads must have.
#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/oracle.h"
#include "quench/quench.h"
#include "random_images.h"

// Instrumented frames, and those of code that is not optimised, are larger.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define QUENCH_TEST_LARGE_FRAMES
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define QUENCH_TEST_LARGE_FRAMES
#endif

#ifdef QUENCH_TEST_LARGE_FRAMES

TEST_CASE("no chunk of products, training and evaluation uses more stack than executor.h says") {
  MESSAGE("skipped: frames are larger in a build that is instrumented or not optimised");
}

#else

namespace kernels = quench::kernels;
using kernels::Gemm;
using kernels::Images;
using kernels::Start;

namespace {

constexpr std::int64_t promised = 96 * 1024;  // bytes, as executor.h says

/// Runs chunks one after the other on a thread whose stack it has painted, and looks how deep they went. Stacks
/// grow downwards wherever this runs.
class PaintedStack final : public quench::Executor {
 public:
  PaintedStack() { std::ranges::fill(stack_->words, paint); }

  void run(std::int64_t chunks, Chunk chunk, void* context) override {
    job_ = {chunks, chunk, context};
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstack(&attributes, stack_->words, sizeof stack_->words) == 0);
    pthread_t thread;
    REQUIRE(pthread_create(&thread, &attributes, work, this) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    pthread_attr_destroy(&attributes);
  }
  int threads() const override { return 2; }  // one would be the caller

  /// Bytes from the frame that calls chunks to the last word that any of them has changed.
  std::int64_t deepest() const { return deepest_; }

 private:
  static void* work(void* self) noexcept {
    PaintedStack& s = *static_cast<PaintedStack*>(self);
    for (std::int64_t i = 0; i < s.job_.chunks; ++i) s.job_.chunk(s.job_.context, i);
    const auto changed = [](std::uint64_t word) { return word != paint; };
    const auto last = reinterpret_cast<std::uintptr_t>(std::ranges::find_if(s.stack_->words, changed));
    const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    s.deepest_ = std::max(s.deepest_, static_cast<std::int64_t>(frame - last));
    return nullptr;
  }

  struct Job {
    std::int64_t chunks;
    Chunk chunk;
    void* context;
  };
  struct alignas(64 * 1024) Stack {  // a multiple of any page
    std::uint64_t words[64 * 1024];
  };
  static constexpr std::uint64_t paint = 0x7AC3'1B96'E580'D24F;

  std::unique_ptr<Stack> stack_ = std::make_unique<Stack>();
  Job job_{};
  std::int64_t deepest_ = 0;
};

std::vector<std::uint32_t> all(int count) {
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0U);
  return indices;
}

/// Products of every form; the last vector of n columns is turned around, narrow or whole.
void multiply(quench::Executor& executor) {
  constexpr std::int64_t side = 128;
  const oracle::Buffer a(side * side, 1.0F), b(side * side, 1.0F);
  oracle::Buffer c(side * side);
  for (const std::int64_t n : {100, 104, 112}) {
    for (int form = 0; form < 6; ++form) {
      Gemm g{.m = 64, .n = n, .k = 100, .a = a.data(), .a_stride = side, .b = b.data(), .b_stride = side};
      g.c = c.data();
      g.c_stride = side;
      g.a_transposed = form % 2 == 1;
      g.b_transposed = form / 2 == 1;
      g.start = Start::accumulate;
      oracle::Buffer workspace(static_cast<std::int64_t>(kernels::gemm_pieces_workspace_bytes(g) / sizeof(float)));
      kernels::gemm_pieces(g, nullptr, nullptr, workspace.data(), executor);
      g.lanes = form / 2 == 2;
      REQUIRE(kernels::gemm_workspace_bytes(g) == 0);
      kernels::gemm(g, nullptr, executor);
    }
  }
}

/// The two products that read images: a layer's output, and its weight gradient.
void multiply_images(quench::Executor& executor) {
  constexpr std::int64_t features = 28 * 28, outputs = 64;
  for (const int count : {100, 104, 112}) {
    const quench::ImageSet set = quench_test::random_images(count, 28, 28, 10);
    const std::vector<std::uint32_t> index = all(count);
    const Images images{set.pixels().data(), index.data(), features, count, 1.0F, 0.0F};
    const oracle::Buffer a(outputs * features, 1.0F);
    oracle::Buffer c(outputs * features);
    Gemm g{.m = outputs, .n = count, .k = features, .a = a.data(), .a_stride = features, .c = c.data()};
    g.c_stride = 128;
    g.lanes = true;
    kernels::product_of_images(g, images, executor);
    g = {.m = outputs, .n = features, .k = count, .a = a.data(), .a_stride = 128, .c = c.data()};
    g.c_stride = features;
    kernels::gemm_pieces(g, &images, nullptr, nullptr, executor);
  }
}

/// A step of a network, in one call and in two, and an evaluation.
void train(quench::Executor& executor, const quench::Graph& graph, quench::Tensor logits,
           const quench::ImageSet& images) {
  const auto batch = static_cast<int>(images.size());
  const std::vector<std::uint32_t> index = all(batch);
  quench::Model model(graph, softmax_cross_entropy(logits), {.batch = batch, .executor = &executor});
  quench::Sgd sgd(model.parameters(), {.momentum = 0.9F});
  sgd.step(model, {&images, index});
  model.forward_backward({&images, index});
  sgd.step();
  model.evaluate(images);
}

void train_mlp(quench::Executor& executor, int batch) {
  quench::Graph graph;
  train(executor, graph, mlp(graph.input({1, 28, 28})), quench_test::random_images(batch, 28, 28, 10));
}
void train_cnn(quench::Executor& executor, int batch, int side) {
  quench::Graph graph;
  const quench::ImageSet images = quench_test::random_images(batch, side, side, 10, 7, {1.0F / 128, -1.0F}, 3);
  const quench::Tensor logits = cnn(graph.input({3, side, side}));
  train(executor, graph, logits, images);
}

}  // namespace

TEST_CASE("the stack that a chunk uses is measured") {
  constexpr std::int64_t bytes = 40 * 1024;
  PaintedStack stack;
  stack.run(
      3,
      [](void*, std::int64_t) noexcept {
        volatile char memory[bytes];
        for (volatile char& byte : memory) byte = 1;
      },
      nullptr);
  CHECK(stack.deepest() >= bytes);
  CHECK(stack.deepest() < bytes + 1024);
}

TEST_CASE("no chunk of products, training and evaluation uses more stack than executor.h says") {
  oracle::for_each_table([](const kernels::Table& table) {
    const auto check = [&](const std::string& what, const auto& work) {
      PaintedStack stack;
      work(stack);
      INFO(std::string(table.name) << ", " << what);
      CHECK(stack.deepest() <= promised);
      CHECK(stack.deepest() > 48 * 1024);  // a panel of B, or a convolution's rows: chunks have come here
    };
    check("products", multiply);
    check("products of images", multiply_images);
    check("training", [](quench::Executor& executor) { train_mlp(executor, 100); });
    check("training on batches that do not stay images",
          [](quench::Executor& executor) { train_mlp(executor, 144); });
    // Without vectors the large batch takes seconds on images of this size.
    const bool slow = std::string(table.name) == "portable";
    for (const int batch : {4, 100}) {
      const int side = slow && batch == 100 ? 16 : 32;
      check("training of the convolutional network, batch " + std::to_string(batch),
            [=](quench::Executor& executor) { train_cnn(executor, batch, side); });
    }
  });
}

#endif
