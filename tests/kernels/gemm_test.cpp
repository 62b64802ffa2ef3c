#include "kernels/gemm.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "instrumented.h"
#include "kernels/oracle.h"

using namespace quench;
using kernels::Gemm;
using kernels::Start;
using oracle::Buffer;

namespace {

/// One chain a result, over increasing k.
void naive(const Gemm& g, float* c) {
  for (std::int64_t i = 0; i < g.m; ++i) {
    for (std::int64_t j = 0; j < g.n; ++j) {
      float sum = g.start == Start::bias ? g.bias[i] : g.start == Start::accumulate ? c[i * g.c_stride + j] : 0.0F;
      for (std::int64_t k = 0; k < g.k; ++k) {
        const float a = g.a_transposed ? g.a[k * g.a_stride + i] : g.a[i * g.a_stride + k];
        const float b = g.b_transposed ? g.b[j * g.b_stride + k] : g.b[k * g.b_stride + j];
        sum = oracle::fma(a, b, sum);
      }
      c[i * g.c_stride + j] = g.relu && sum <= 0.0F ? 0.0F : sum;
    }
  }
}

std::string describe(const Gemm& g) {
  return std::string(kernels::table().name) + " m " + std::to_string(g.m) + " n " + std::to_string(g.n) + " k " +
         std::to_string(g.k) + (g.a_transposed ? " T" : " N") + (g.b_transposed ? "T" : "N") + " start " +
         std::to_string(static_cast<int>(g.start)) + (g.relu ? " relu" : "") + (g.lanes ? " lanes" : "") +
         " strides " + std::to_string(g.a_stride) + " " + std::to_string(g.b_stride) + " " +
         std::to_string(g.c_stride);
}

/// Computes g on random data and compares every float of C's rows, padding included, with the naive loop.
void check(Gemm g, oracle::Source& source, Executor& executor) {
  const auto stored = [](std::int64_t rows, std::int64_t stride) {
    return std::max<std::int64_t>(rows * stride, 1);
  };
  const Buffer a = source.buffer(stored(g.a_transposed ? g.k : g.m, g.a_stride));
  const Buffer b = source.buffer(stored(g.b_transposed ? g.n : g.k, g.b_stride));
  const Buffer bias = source.buffer(std::max<std::int64_t>(g.m, 1));
  Buffer c = source.buffer(stored(g.m, g.c_stride) + 16);
  Buffer expected = c;
  g.a = a.data();
  g.b = b.data();
  g.bias = g.start == Start::bias ? bias.data() : nullptr;

  // The workspace is exactly as large as promised: the floats behind it must survive.
  const auto floats = static_cast<std::int64_t>(kernels::gemm_workspace_bytes(g) / sizeof(float));
  Buffer workspace(floats + 16, 77.0F);
  g.c = c.data();
  kernels::gemm(g, workspace.data(), executor);
  naive(g, expected.data());

  INFO(describe(g));
  std::int64_t wrong = -1;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(c.size()) && wrong < 0; ++i) {
    const bool dead_lane = g.lanes && i < g.m * g.c_stride && i % g.c_stride >= g.n;
    if (!dead_lane && !oracle::same(c[i], expected[i])) wrong = i;
  }
  CHECK(wrong == -1);
  bool overrun = false;
  for (std::int64_t i = floats; i < floats + 16; ++i) overrun = overrun || !oracle::same(workspace[i], 77.0F);
  CHECK_FALSE(overrun);
}

Gemm random_shape(oracle::Source& source, std::int64_t largest) {
  static const std::int64_t edges[] = {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64};
  const auto extent = [&] { return source.below(3) == 0 ? edges[source.below(18)] : source.below(largest) + 1; };
  Gemm g;
  g.m = extent();
  g.n = extent();
  g.k = extent();
  g.a_transposed = source.below(2) == 1;
  g.b_transposed = source.below(2) == 1;
  g.lanes = !g.b_transposed && source.below(3) == 0;
  const std::int64_t n = g.lanes ? (g.n + 15) / 16 * 16 : g.n;
  const std::int64_t gap = g.lanes ? 16 * source.below(2) : source.below(4);
  g.a_stride = (g.a_transposed ? g.m : g.k) + source.below(4);
  g.b_stride = (g.b_transposed ? g.k : n) + gap;
  g.c_stride = n + gap;
  g.start = static_cast<Start>(source.below(3));
  g.relu = source.below(3) == 0;
  return g;
}

}  // namespace

TEST_CASE("gemm equals one naive chain of fused multiply-adds an element, bit for bit, over random shapes") {
  oracle::for_each_table([](const kernels::Table&) {
    oracle::Source source(1);
    for (int i = 0; i < (quench_test::instrumented ? 100 : 400); ++i)
      check(random_shape(source, 70), source, default_executor());
  });
}

TEST_CASE("gemm equals the naive chain where it blocks, packs and shares work among threads") {
  ThreadPool pool(3);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(2);
    struct Shape {
      std::int64_t m, n, k;
    };
    for (const Shape s : {Shape{200, 112, 784},
                          {200, 784, 100},
                          {97, 130, 1100},
                          {256, 256, 256},
                          {260, 500, 33},
                          {33, 500, 513},
                          {10, 200, 100}}) {
      for (int form = 0; form < 4; ++form) {
        Gemm g;
        g.m = s.m;
        g.n = s.n;
        g.k = s.k;
        g.a_transposed = form % 2 == 1;
        g.b_transposed = form >= 2;
        g.a_stride = g.a_transposed ? g.m : g.k;
        g.b_stride = g.b_transposed ? g.k : g.n;
        g.c_stride = g.n;
        g.start = static_cast<Start>(form % 3);
        g.relu = form == 3;
        check(g, source, pool);
      }
    }
  });
}

TEST_CASE("gemm packs per-example matrices without a bit of difference") {
  ThreadPool pool(2);
  oracle::for_each_table([&](const kernels::Table&) {
    oracle::Source source(3);
    struct Shape {
      std::int64_t m, n, k, stride;
    };
    // Strides on which cache lines collide, and matrices over a megabyte, are packed; one batch is partial.
    for (const Shape s :
         {Shape{200, 250, 784, 256}, {60, 500, 1025, 512}, {50, 30, 600, 1024}, {64, 368, 800, 368}}) {
      for (const bool transposed : {false, true}) {
        Gemm g;
        g.m = s.m;
        g.n = s.n;
        g.k = s.k;
        g.a_transposed = transposed;
        g.a_stride = transposed ? g.m : g.k;
        g.b_stride = g.c_stride = s.stride;
        g.lanes = true;
        g.start = transposed ? Start::accumulate : Start::bias;
        g.relu = !transposed;
        check(g, source, pool);
      }
    }
  });
}

TEST_CASE("a product's NaN and infinity reach the result, through the ReLU as well") {
  oracle::for_each_table([](const kernels::Table&) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Buffer a(4, 1.0F), b(4 * 16, 1.0F), c(16), workspace(1024);
      b[3 * 16 + 5] = bad;
      Gemm g;
      g.m = 1;
      g.n = 16;
      g.k = 4;
      g.a = a.data();
      g.a_stride = 4;
      g.b = b.data();
      g.b_stride = 16;
      g.c = c.data();
      g.c_stride = 16;
      g.relu = true;
      kernels::gemm(g, workspace.data(), default_executor());
      CHECK(oracle::same(c[5], bad));
      CHECK(c[4] == 4.0F);
    }
  });
}

TEST_CASE("gemm with k = 0 stores the start value and reads neither matrix") {
  oracle::for_each_table([](const kernels::Table&) {
    Buffer c(3 * 20, 5.0F), bias(3, -2.0F);
    Gemm g;
    g.m = 3;
    g.n = 20;
    g.c = c.data();
    g.c_stride = 20;
    g.start = Start::bias;
    g.bias = bias.data();
    Buffer workspace(static_cast<std::int64_t>(kernels::gemm_workspace_bytes(g)) / 4 + 16);
    kernels::gemm(g, workspace.data(), default_executor());
    for (std::int64_t i = 0; i < 60; ++i) CHECK(c[i] == -2.0F);
    g.start = Start::zero;
    kernels::gemm(g, workspace.data(), default_executor());
    CHECK(oracle::same(c[59], 0.0F));
  });
}

TEST_CASE("the workspace for a full batch is enough for any smaller one") {
  for (const std::int64_t m : {10, 200, 1024}) {
    for (const std::int64_t width : {200, 1024}) {
      for (const std::int64_t batch : {100, 520, 1030}) {
        for (int form = 0; form < 3; ++form) {
          // y = W x, dx = W^T dy with n = examples; dW = dy x^T with k = examples.
          const auto product = [&](std::int64_t live) {
            Gemm g;
            g.m = m;
            g.n = form < 2 ? live : width;
            g.k = form < 2 ? width : live;
            g.a_transposed = form == 1;
            g.b_transposed = form == 2;
            g.a_stride = form == 0 ? width : form == 1 ? m : 1040;
            g.b_stride = g.c_stride = 1040;
            g.lanes = form < 2;
            return kernels::gemm_workspace_bytes(g);
          };
          const std::size_t full = product(batch);
          for (std::int64_t live = 1; live < batch; ++live) CHECK(product(live) <= full);
        }
      }
    }
  }
}
