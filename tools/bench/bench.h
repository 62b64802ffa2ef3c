// What every benchmark is given, and the lists that they are in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "measure.h"
#include "memory.h"
#include "noise.h"
#include "options.h"
#include "quench/dataset.h"
#include "report.h"
#include "work.h"
#include "workload.h"

namespace quench::bench {

class Bench {
 public:
  Bench(const Options& options, Report& report) : options_(options), report_(report) {}

  const Effort& effort() const { return options_.quick ? quick_effort : full_effort; }
  Report& report() { return report_; }
  /// The loops of the kernels in use.
  const Loops& loops() const;
  /// Their peak, to be sampled between the samples of something else.
  Peak peak(int threads) { return {loops(), threads, Peak::short_sample, &noise_.peaks(threads)}; }
  Noise& noise() { return noise_; }
  /// The images, or generated ones in their place; read or drawn when first asked for. Throws Error as load_mnist
  /// and load_cifar10 do.
  const Dataset& data(Images images);

  /// Adds a row for the time of a call, with its roofline.
  void add(const std::string& name, int threads, const Timing& timing, const Work& work);
  /// Adds a row for a plain figure.
  void add_figure(const std::string& name, int threads, const std::string& unit, const Statistics& value);

 private:
  const std::pair<std::string, double>& level_of(double bytes, int threads);

  const Options& options_;
  Report& report_;
  Noise noise_;
  std::map<Images, Dataset> data_;
  /// By number of threads and capacity: name and bandwidth of a level that was measured.
  std::map<std::pair<int, double>, std::pair<std::string, double>> levels_;
};

/// Something to measure. It adds its rows, whose names begin with its own, to the report.
struct Case {
  /// With which numbers of threads it runs.
  enum class Threads {
    every,    ///< all that are measured with
    ends,     ///< one thread, and as many as there are; all that --threads names
    one,      ///< one thread alone
    several,  ///< all but one thread
  };
  std::string group;  ///< the heading of its table
  std::string name;
  Threads threads;
  std::function<void(Bench&, int threads)> run;
  bool whole_table = false;  ///< the rows of its table leave out its name, which is in the heading
};

using Cases = std::vector<Case>;
void add_peak_cases(Cases& cases);
void add_gemm_cases(Cases& cases);
void add_convolution_cases(Cases& cases);
void add_operation_cases(Cases& cases);
void add_step_cases(Cases& cases);
void add_latency_cases(Cases& cases);
void add_evaluation_cases(Cases& cases);
void add_kernel_cases(Cases& cases);
void add_pool_cases(Cases& cases);

}  // namespace quench::bench
