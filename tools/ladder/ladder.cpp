// Times the rungs of rungs.h, as shares of the peak that this machine shows in the same minute, and compares what
// they compute bit by bit.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernels/gemm.h"
#include "quench/executor.h"
#include "rungs.h"

namespace {

using namespace ladder;

// --- measuring -------------------------------------------------------------------------------

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The GFLOP/s that fmas reach when they need no memory at all: independent chains, enough to hide the latency.
double measure_peak(Index threads, int bursts) {
  constexpr int chains = registers > 16 ? 16 : 12, steps = 10'000;
  std::vector<double> rates;
  for (int burst = 0; burst < bursts; ++burst) {
    std::vector<double> rate(static_cast<std::size_t>(threads));
    on_threads(threads, [&](Index t) {
      volatile float half = 0.5F, one = 1.0F;  // volatile: the compiler must not know that x / 2 + 1 tends to 2
      const Vector factor = broadcast(half), term = broadcast(one);
      Vector sum[chains] = {};
      double operations = 0, elapsed = 0;
      for (const double start = seconds(); elapsed < 0.01; elapsed = seconds() - start) {
        for (int step = 0; step < steps; ++step) {
          UNROLL
          for (int chain = 0; chain < chains; ++chain) sum[chain] = fma(sum[chain], factor, term);
        }
        operations += 2.0 * width * chains * steps;
      }
      for (int chain = 1; chain < chains; ++chain) sum[0] += sum[chain];
      half = sum[0][0];
      rate[static_cast<std::size_t>(t)] = operations / elapsed * 1e-9;
    });
    rates.push_back(std::accumulate(rate.begin(), rate.end(), 0.0));
  }
  return median(rates);
}

// --- options ---------------------------------------------------------------------------------

constexpr const char* help =
    "Multiplies two matrices in five ways, from a triple loop to threads, and compares time and bits.\n"
    "\n"
    "Usage: ladder [OPTION]...\n"
    "  --size N       m = n = k = N (default 768; with --quick 384)\n"
    "  --m N          rows of A and C\n"
    "  --n N          columns of B and C\n"
    "  --k N          columns of A, rows of B\n"
    "  --threads N    threads of the last rung (default: as many as the machine runs at once)\n"
    "  --repeat N     runs of each rung, of which the median counts (default: 1 s of them, at least 3)\n"
    "  --quick        smaller matrices, fewer runs\n"
    "  --help         this text\n"
    "\n"
    "Exit codes: 0 all rungs gave the same bits, 1 they did not, or another error, 2 wrong usage.\n";

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  Index m = 0, n = 0, k = 0;
  Index threads = std::clamp<Index>(std::thread::hardware_concurrency(), 1, 256);
  Index repeat = 0;  ///< 0: as many as fit in `seconds`, at least 3
  double seconds = 1.0;
  bool quick = false, help = false;
};

/// Throws UsageError with a line that names the option, what was found and what was expected.
Options parse_options(const std::vector<std::string_view>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string name(words[i]);
    const auto number = [&](Index largest) {
      const std::string expected = ", expected a whole number from 1 to " + std::to_string(largest);
      if (++i == words.size()) throw UsageError(name + ": found nothing" + expected);
      const char *begin = words[i].data(), *end = begin + words[i].size();
      Index value = 0;
      const auto [rest, error] = std::from_chars(begin, end, value);
      if (error != std::errc{} || rest != end || value < 1 || value > largest) {
        throw UsageError(name + ": found \"" + std::string(words[i]) + '"' + expected);
      }
      return value;
    };
    constexpr Index longest = 16'384;
    if (name == "--size") {
      options.m = options.n = options.k = number(longest);
    } else if (name == "--m") {
      options.m = number(longest);
    } else if (name == "--n") {
      options.n = number(longest);
    } else if (name == "--k") {
      options.k = number(longest);
    } else if (name == "--threads") {
      options.threads = number(256);
    } else if (name == "--repeat") {
      options.repeat = number(1'000'000);
    } else if (name == "--quick") {
      options.quick = true;
    } else if (name == "--help" || name == "-h") {
      options.help = true;
    } else {
      throw UsageError("unknown option " + name + "; --help lists all");
    }
  }
  for (Index* extent : {&options.m, &options.n, &options.k}) {
    if (*extent == 0) *extent = options.quick ? 384 : 768;
  }
  if (options.quick) options.seconds = 0.1;
  return options;
}

// --- the program -----------------------------------------------------------------------------

using Floats = std::unique_ptr<float[], decltype(&std::free)>;

/// n zeros, at a multiple of 64 bytes: a vector should not lie across two cache lines.
Floats zeros(Index n) {
  const std::size_t bytes = static_cast<std::size_t>((n + 15) / 16 * 64);
  Floats floats(static_cast<float*>(std::aligned_alloc(64, bytes)), &std::free);
  if (!floats) throw std::bad_alloc();
  std::fill_n(floats.get(), n, 0.0F);
  return floats;
}

/// Numbers from -1 to 1 with 24 random bits, so that nearly every operation rounds.
Floats random_numbers(Index n, std::uint32_t state) {
  Floats floats = zeros(n);
  for (float* x = floats.get(); x < floats.get() + n; ++x) {
    state = state * 1664525 + 1013904223;
    *x = static_cast<float>(state >> 8) / 0x1p23F - 1;
  }
  return floats;
}

/// The first of n floats whose bits differ, or n.
Index first_difference(const Floats& x, const Floats& y, Index n) {
  const auto differs = [&](Index i) { return std::memcmp(x.get() + i, y.get() + i, sizeof(float)) != 0; };
  Index i = 0;
  while (i < n && !differs(i)) ++i;
  return i;
}

/// Runs and times the rungs; whether all results are the same bits.
bool climb(const Options& options) {
  const Index m = options.m, n = options.n, k = options.k, threads = options.threads;
  const Floats a = random_numbers(m * k, 1), b = random_numbers(k * n, 2);
  const Floats c = zeros(m * n), expected = zeros(m * n);
  const Floats packed_a = zeros(threads * block_rows * block_depth);
  const Floats packed_b = zeros((n + tile_columns - 1) / tile_columns * tile_columns * block_depth);
  const Product product{m, n, k, a.get(), b.get(), c.get(), threads, packed_a.get(), packed_b.get()};

  const int bursts = options.quick || options.repeat == 1 ? 3 : 20;
  const double peak_of_one = measure_peak(1, bursts), peak_of_all = measure_peak(threads, bursts);
  std::printf("C += A B: m %td, n %td, k %td; vectors of %d floats, %s\n", m, n, k, width,
              fused ? "fused multiply-add" : "no fused multiply-add");
  std::printf("peak: %.1f GFLOP/s with 1 thread, %.1f with %td\n\n", peak_of_one, peak_of_all, threads);
  std::printf("rung              threads         ms   GFLOP/s   of peak   speed-up   bits\n");

  const double operations = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  double time_before = 0;
  bool all_same = true;
  const auto run = [&](const char* name, Index running, bool comparable, const auto& multiply) {
    std::vector<double> times;
    double total = 0;
    Index different = m * n;  // where the first result that is not the first rung's has its first other element
    do {
      std::fill_n(c.get(), m * n, 0.0F);
      const double start = seconds();
      multiply();
      times.push_back(seconds() - start);
      total += times.back();
      if (time_before == 0) std::copy_n(c.get(), m * n, expected.get());
      if (comparable) different = first_difference(c, expected, m * n);
      if (different < m * n) break;
    } while (options.repeat > 0 ? std::ssize(times) < options.repeat : times.size() < 3 || total < options.seconds);

    const double time = median(times), rate = operations / time * 1e-9;
    std::printf("%-17s %7td %10.3f %9.2f %7.1f %% ", name, running, time * 1e3, rate,
                100 * rate / (running == 1 ? peak_of_one : peak_of_all));
    if (time_before == 0) {
      std::printf("%10s   reference\n", "");
    } else if (different < m * n) {
      std::printf("%10.2f   C[%td][%td] is %a, expected %a\n", time_before / time, different / n, different % n,
                  static_cast<double>(c.get()[different]), static_cast<double>(expected.get()[different]));
    } else {
      std::printf("%10.2f   %s\n", time_before / time, comparable ? "same" : "not comparable");
    }
    std::fflush(stdout);
    time_before = time;
    all_same &= different == m * n;
  };

  run("1 triple loop", 1, true, [&] { naive(product); });
  run("2 blocked", 1, true, [&] { blocked(product); });
  run("3 packed", 1, true, [&] { packed<tile_in_loops>(product); });
  run("4 register tile", 1, true, [&] { packed<tile_in_registers>(product); });
  run("5 threads", threads, true, [&] { threaded(product); });

  // The library's product keeps the same contract, though it may have been told not to fuse.
  quench::kernels::Gemm gemm{.m = m, .n = n, .k = k, .a = a.get(), .a_stride = k, .b = b.get(), .b_stride = n};
  gemm.c = c.get();
  gemm.c_stride = n;
  gemm.start = quench::kernels::Start::accumulate;
  const Floats workspace = zeros(static_cast<Index>(quench::kernels::gemm_workspace_bytes(gemm) / sizeof(float)));
  quench::ThreadPool pool(static_cast<int>(threads));
  const bool fused_too = fused == (std::string_view(quench::kernels::table().numeric_class) == "fma");
  run("quench's gemm", threads, fused_too, [&] { quench::kernels::gemm(gemm, workspace.get(), pool); });

  std::printf(all_same ? "\nAll rungs gave the same bits.\n" : "\nThe rungs did NOT give the same bits.\n");
  return all_same;
}

int fail(int code, const char* why) {
  std::fprintf(stderr, "ladder: %s\n", why);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse_options({argv + (argc > 0 ? 1 : 0), argv + argc});
    if (options.help) {
      std::fputs(help, stdout);
      return 0;
    }
    return climb(options) ? 0 : 1;
  } catch (const UsageError& error) {
    return fail(2, error.what());
  } catch (const std::bad_alloc&) {
    return fail(1, "not enough memory");
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}
