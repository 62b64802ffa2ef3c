// Matrix products alone: the shapes that libraries are compared at, row-major M x N x K with no padding, and all
// four forms of transposition.
#include <algorithm>
#include <cmath>

#include "bench.h"
#include "buffer.h"
#include "kernels/gemm.h"
#include "quench/error.h"

namespace quench::bench {
namespace {

struct Shape {
  const char* name;
  bool a_transposed, b_transposed;
  std::int64_t m, n, k;
};

constexpr Shape compared[] = {
    {"sq", false, false, 64, 64, 64},
    {"sq", false, false, 128, 128, 128},
    {"sq", false, false, 192, 192, 192},
    {"sq", false, false, 256, 256, 256},
    {"sq", false, false, 384, 384, 384},
    {"sq", false, false, 512, 512, 512},
    {"sq", false, false, 768, 768, 768},
    {"sq", false, false, 1024, 1024, 1024},
    {"sq", false, false, 2048, 2048, 2048},
    // A network whose activations are [examples, features]: x W^T as PyTorch's Linear has it, x W, and the
    // gradients.
    {"fwd NT", false, true, 100, 200, 784},
    {"fwd NT", false, true, 100, 200, 200},
    {"fwd NT", false, true, 100, 10, 200},
    {"fwd NN", false, false, 100, 200, 784},
    {"fwd NN", false, false, 100, 200, 200},
    {"fwd NN", false, false, 100, 10, 200},
    {"dW TN", true, false, 784, 200, 100},
    {"dW TN", true, false, 200, 200, 100},
    {"dW TN", true, false, 200, 10, 100},
    {"dX NT", false, true, 100, 200, 200},
    {"dX NT", false, true, 100, 200, 10},
};

constexpr std::int64_t form_extents[][3] = {{256, 256, 256}, {200, 100, 784}, {200, 784, 100}, {200, 100, 200}};
constexpr Shape forms[] = {{"NN", false, false, 0, 0, 0},
                           {"NT", false, true, 0, 0, 0},
                           {"TN", true, false, 0, 0, 0},
                           {"TT", true, true, 0, 0, 0}};

/// Compares some elements with sums in double.
void check(const std::string& name, const kernels::Gemm& g) {
  for (std::int64_t probe = 0; probe < 50; ++probe) {
    const std::int64_t i = probe * 7919 % g.m, j = probe * 104729 % g.n;
    double sum = 0, size = 0;
    for (std::int64_t k = 0; k < g.k; ++k) {
      const double a = g.a_transposed ? g.a[k * g.a_stride + i] : g.a[i * g.a_stride + k];
      const double b = g.b_transposed ? g.b[j * g.b_stride + k] : g.b[k * g.b_stride + j];
      sum += a * b;
      size += std::fabs(a * b);
    }
    if (!(std::fabs(sum - static_cast<double>(g.c[i * g.c_stride + j])) <= 1e-5 * size)) {
      throw Error(name + ": element " + std::to_string(i) + ", " + std::to_string(j) + " is wrong");
    }
  }
}

void measure(Bench& bench, const std::string& name, const Shape& s, int threads) {
  const Buffer a(s.m * s.k, 1), b(s.k * s.n, 2);
  Buffer c(s.m * s.n, 3);
  kernels::Gemm g;
  g.m = s.m;
  g.n = s.n;
  g.k = s.k;
  g.a = a.data();
  g.a_stride = s.a_transposed ? s.m : s.k;
  g.a_transposed = s.a_transposed;
  g.b = b.data();
  g.b_stride = s.b_transposed ? s.k : s.n;
  g.b_transposed = s.b_transposed;
  g.c = c.data();
  g.c_stride = s.n;
  Buffer workspace(static_cast<std::int64_t>(kernels::gemm_workspace_bytes(g) / sizeof(float)));
  ThreadPool pool(threads);
  kernels::gemm(g, workspace.data(), pool);
  check(name, g);

  Peak peak = bench.peak(threads);
  const Timing timing = time_calls(bench.effort(), peak, [&] { kernels::gemm(g, workspace.data(), pool); });
  const auto m = static_cast<double>(s.m), n = static_cast<double>(s.n), k = static_cast<double>(s.k);
  bench.add(name, threads, timing, {.flops = 2 * m * n * k, .bytes = (m * k + k * n + m * n) * sizeof(float)});
}

void add_case(Cases& cases, const std::string& group, const std::string& start, const Shape& s) {
  const std::string name =
      start + s.name + " " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
  cases.push_back(
      {group, name, Case::Threads::ends, [=](Bench& bench, int threads) { measure(bench, name, s, threads); }});
}

}  // namespace

void add_gemm_cases(Cases& cases) {
  for (const Shape& shape : compared) add_case(cases, "products, M x N x K", "gemm ", shape);
  for (const auto& extents : form_extents) {
    for (Shape form : forms) {
      form.m = extents[0];
      form.n = extents[1];
      form.k = extents[2];
      add_case(cases, "products, all forms", "gemm form ", form);
    }
  }
}

}  // namespace quench::bench
