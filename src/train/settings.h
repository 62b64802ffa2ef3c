// What the command line asks for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quench::train {

/// One member for each option, its initial value the default; standard_settings (datasets.h) knows the defaults
/// that the data set decides. The option table (option_table.h) says how each is spelled, which values it takes and
/// what it means.
struct Settings {
  std::string dataset;  ///< the first word of the command line

  std::string data = "data";
  bool data_given = false;  ///< then the data must be there; generated images do not stand in
  std::string show_data;

  std::string model = "mlp";
  std::int64_t epochs = 100;
  std::int64_t batch = 100;
  double lr = 0.1;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0.01;
  std::string optimizer = "sgd";
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::string schedule = "fdr";
  double fdr_threshold = 0.01;
  double fdr_decay = 0.1;
  std::int64_t fdr_every = 0;
  bool fdr_equilibrium = false;
  bool fdr_lagged = false;
  bool theta_c = false;
  std::int64_t preset_epochs = 100;
  double cut_factor = 0.1;
  double lr_min = 0;
  std::int64_t max_cuts = 1'000'000'000;
  std::string detectors = "cheap";
  std::uint64_t seed = 1;
  std::uint64_t data_seed = 1;  ///< parse_options sets it to `seed` unless it is given
  std::string sampling = "shuffle";

  std::string stages;  ///< see stages.h; empty: one of all epochs
  std::string init;    ///< file with the initial parameters; empty: drawn from the seed
  std::int64_t fdr2_every = 0;
  bool fdr2_half = false;
  std::int64_t fdr2_products = 0;

  std::int64_t threads = 0;  ///< 0: as many as the machine offers
  std::int64_t eval_every = 1;
  std::int64_t eval_last = 1;

  std::string out;  ///< empty: runs/<dataset>-<model>-seed<seed>, or that with a number when it exists
  bool force = false;
  std::string checkpoint_every = "60s";
  std::string resume;  ///< a run's folder, a checkpoint of it, or "auto"; empty: begin anew
  bool quiet = false;

  bool help = false;
  bool version = false;

  /// Names of the options that the command line gave: those that --resume holds against the checkpoint's.
  std::vector<std::string_view> given;
};

}  // namespace quench::train
