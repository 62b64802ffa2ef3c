// Claims about figures: made data for which they hold, fail, and cannot be decided.
#include "train/paper/claims.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "io/csv_contents.h"
#include "io/numbers.h"

namespace {

using namespace quench;
using train::Outcome;

const train::Figure& figure(std::string_view name) {
  for (const train::Figure& f : train::paper_figures()) {
    if (f.name == name) return f;
  }
  FAIL("no such figure");
  return train::paper_figures().front();
}

/// A run of 40 epochs that ends with this accuracy, f and ratio; before, its loss was ten times that, and measured
/// after every other epoch only.
train::RunCurves run_with(double accuracy, double f, double ratio, double ratio_sd, double early_f = 1) {
  std::string text = "epoch,f,test_accuracy,test_accuracy_error,test_images,ratio,ratio_sd\n";
  for (int epoch = 1; epoch <= 40; ++epoch) {
    const double shown_f = epoch <= 4 ? early_f : epoch <= 38 ? 10 * f : f;
    const bool measured = epoch > 38 || epoch % 2 == 0;
    const double shown_accuracy = epoch <= 38 ? accuracy / 2 : accuracy;
    text += io::to_text(epoch) + "," +
            (measured ? io::to_text(shown_f) + "," + io::to_text(shown_accuracy) + ",0.0002,10000," : ",,,,") +
            io::to_text(epoch <= 5 ? 2.0 : ratio) + "," + io::to_text(ratio_sd) + "\n";
  }
  train::RunCurves run;
  run.log = io::parse_csv(text);
  return run;
}

/// For each seed a run of each branch: accuracy and f by branch, with scatter that is the same for all branches and
/// some that is not.
std::vector<train::FigureRun> schedule_runs(const train::Figure& f, std::vector<double> accuracy,
                                            std::vector<double> loss, int seeds, double scatter) {
  std::vector<train::FigureRun> runs;
  for (int seed = 0; seed < seeds; ++seed) {
    for (std::size_t i = 0; i < f.branches.size(); ++i) {
      const double own = scatter * std::sin(7.0 * seed + 3.0 * static_cast<double>(i));
      runs.push_back({&f.branches[i], run_with(accuracy[i] + own + 0.01 * seed, loss[i] * (1 + own), 1, 0.001)});
    }
  }
  return runs;
}

std::vector<Outcome> outcomes(const train::Figure& f, const std::vector<train::FigureRun>& runs) {
  std::vector<Outcome> result;
  for (const train::Claim& claim : train::figure_claims(f, runs)) result.push_back(claim.outcome);
  return result;
}

TEST_SUITE("claims") {
  TEST_CASE("an estimate has the error of Student's t over seeds, and of one seed its own") {
    const std::vector<double> four = {1, 2, 3, 4};
    const train::Estimate mean = train::mean_estimate(four, 100);
    CHECK(mean.value == 2.5);
    CHECK(mean.error == doctest::Approx(3.1824 * std::sqrt(5.0 / 3) / 2).epsilon(1e-4));
    // 97.5 % quantile with 9 degrees of freedom: 2.2622.
    const std::vector<double> ten = {0, 2, 0, 2, 0, 2, 0, 2, 0, 2};
    CHECK(train::mean_estimate(ten, 0).error ==
          doctest::Approx(2.2622 * std::sqrt(10.0 / 9) / std::sqrt(10)).epsilon(1e-3));
    const std::vector<double> one = {5};
    CHECK(train::mean_estimate(one, 2).error == doctest::Approx(1.96 * 2).epsilon(1e-4));
    CHECK(std::isnan(train::mean_estimate({}, 1).value));
  }

  TEST_CASE("what the error leaves open is undecided") {
    CHECK(train::above({1, 0.5}, 0) == Outcome::held);
    CHECK(train::above({-1, 0.5}, 0) == Outcome::failed);
    CHECK(train::above({0.2, 0.5}, 0) == Outcome::undecided);
    CHECK(train::above({std::nan(""), 0.5}, 0) == Outcome::undecided);
    CHECK(train::above({1, INFINITY}, 0) == Outcome::undecided);
    CHECK(train::above({1, 0}, 0) == Outcome::undecided);  // an error of 0 is none
    CHECK(train::above({-1, 0}, 0) == Outcome::undecided);
  }

  TEST_CASE("figure 1: agreement within 1 % holds, fails, is undecided") {
    const train::Figure& f = figure("1a");
    const auto outcome = [&](double ratio, double sd) {
      return outcomes(f, {{&f.branches[0], run_with(0.9, 0.3, ratio, sd)}}).at(0);
    };
    CHECK(outcome(1.002, 0.001) == Outcome::held);
    CHECK(outcome(0.998, 0.001) == Outcome::held);
    CHECK(outcome(1.05, 0.001) == Outcome::failed);
    CHECK(outcome(0.95, 0.001) == Outcome::failed);
    CHECK(outcome(1.008, 0.01) == Outcome::undecided);
    const train::Claim claim = train::figure_claims(
        f, std::vector<train::FigureRun>{{&f.branches[0], run_with(0.9, 0.3, 1.05, 0.001)}})[0];
    CHECK(claim.sentence.find("5 +- 0.2 %") != std::string::npos);
    CHECK(claim.sentence.find("never") != std::string::npos);
    CHECK(claim.sentence.find("FAILED") != std::string::npos);
  }

  TEST_CASE("figure 4: a worse adaptive schedule fails against preset and AMSGrad") {
    const train::Figure& f = figure("4a");  // preset, adaptive, AMSGrad
    using enum Outcome;
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.971, 0.960}, {0.30, 0.30, 0.33}, 3, 1e-4)) ==
          std::vector{held, held, held, held});
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.950, 0.960}, {0.30, 0.35, 0.33}, 3, 1e-4)) ==
          std::vector{failed, failed, failed, failed});
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.969, 0.960}, {0.30, 0.302, 0.33}, 3, 1e-4)) ==
          std::vector{held, held, held, held});
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.968, 0.966}, {0.30, 0.303, 0.305}, 3, 0.02)) ==
          std::vector{undecided, undecided, undecided, undecided});
  }

  TEST_CASE("one seed decides accuracies by the error of its own, and nothing of f") {
    const train::Figure& f = figure("4a");
    using enum Outcome;
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.970, 0.960}, {0.30, 0.30, 0.33}, 1, 0)) ==
          std::vector{held, held, undecided, undecided});
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.960, 0.970}, {0.30, 0.40, 0.30}, 1, 0)) ==
          std::vector{failed, failed, undecided, undecided});
    CHECK(outcomes(f, schedule_runs(f, {0.970, 0.9678, 0.9677}, {0.30, 0.30, 0.33}, 1, 0))[1] == undecided);
    const auto claims = train::figure_claims(f, schedule_runs(f, {0.970, 0.970, 0.960}, {0.30, 0.30, 0.33}, 1, 0));
    CHECK(claims[2].sentence.find("+- unknown (1 seed): UNDECIDED") != std::string::npos);
  }

  TEST_CASE("seeds that agree to the last digit decide nothing") {
    const train::Figure& f = figure("4a");
    std::vector<train::FigureRun> runs;
    for (int seed = 0; seed < 3; ++seed) {
      for (int i = 0; i < 3; ++i)
        runs.push_back({&f.branches[static_cast<std::size_t>(i)], run_with(0.9, 0.3 + 0.1 * i, 1, 0.1)});
    }
    for (const Outcome outcome : outcomes(f, runs)) CHECK(outcome == Outcome::undecided);
  }

  TEST_CASE("test accuracies come with the number of images and the binomial error") {
    for (const std::string_view name : {"4a", "S1a", "S2b"}) {
      const train::Figure& f = figure(name);
      for (const int seeds : {1, 3}) {
        const std::vector<double> some(f.branches.size(), 0.97), losses(f.branches.size(), 0.3);
        for (const train::Claim& claim : train::figure_claims(f, schedule_runs(f, some, losses, seeds, 1e-4))) {
          const bool accuracy = claim.sentence.starts_with("Test accuracy");
          CHECK((claim.sentence.find(" (10,000 test images), gain ") != std::string::npos) == accuracy);
          std::size_t errors = 0;
          for (std::size_t at = 0; (at = claim.sentence.find(" +- 0.0002", at)) != std::string::npos; ++at)
            ++errors;
          if (accuracy) CHECK(errors >= 2);
        }
      }
    }
  }

  TEST_CASE("figures S1 and S2") {
    const train::Figure& s1 = figure("S1a");  // Adam, AMSGrad
    CHECK(outcomes(s1, schedule_runs(s1, {0.96, 0.97}, {0.33, 0.32}, 3, 1e-4)) ==
          std::vector{Outcome::held, Outcome::held});
    CHECK(outcomes(s1, schedule_runs(s1, {0.97, 0.96}, {0.32, 0.34}, 3, 1e-4)) ==
          std::vector{Outcome::failed, Outcome::failed});
    const train::Figure& s2 = figure("S2b");  // preset, quick, AMSGrad, adaptive
    // quick falls fast, and ends a little below preset and adaptive and above AMSGrad; f likewise.
    const auto quick_runs = [&](double accuracy, double f, double early_f) {
      std::vector<train::FigureRun> runs;
      for (int seed = 0; seed < 3; ++seed) {
        const double a = 0.0001 * seed, b = 0.00023 * (seed % 2);
        runs.push_back({&s2.branches[0], run_with(0.70 + a, 1 + a, 1, 0.1, 2.0 + a)});
        runs.push_back({&s2.branches[1], run_with(accuracy + b, f + b, 1, 0.1, early_f + b)});
        runs.push_back({&s2.branches[2], run_with(0.67 + a, 1.1 + a, 1, 0.1, 1.5 + a)});
        runs.push_back({&s2.branches[3], run_with(0.71 + a, 1 + a, 1, 0.1, 1.9 + a)});
      }
      return outcomes(s2, runs);
    };
    using enum Outcome;
    CHECK(quick_runs(0.69, 1.005, 1.5) == std::vector<Outcome>(7, held));
    CHECK(quick_runs(0.72, 1.2, 2.2) == std::vector{failed, failed, failed, failed, held, failed, failed});
    CHECK(quick_runs(0.66, 0.9, 1.95) == std::vector{held, failed, held, held, failed, held, held});
    CHECK(s2.branches[3].name == "adaptive");
    CHECK(train::paper_runs(figure("S2a"), {})[3].name == train::paper_runs(figure("4b"), {})[1].name);
  }

  TEST_CASE("runs of figures: stages in proportion, seeds one after the other, shared ones named alike") {
    const std::vector<train::PaperRun> full =
        train::paper_runs(figure("4a"), {.seeds = 2, .seed = 5, .data_seed = 5});
    REQUIRE(full.size() == 6);
    CHECK(full[0].name == "mnist-preset-400epochs-seed5");
    CHECK(full[0].settings.preset_epochs == 100);
    CHECK(full[4].name == "mnist-adaptive-400epochs-seed6");
    CHECK(full[4].settings.data_seed == 6);
    const std::vector<train::PaperRun> tenth = train::paper_runs(figure("4b"), {.epochs_scale = 0.1});
    CHECK(tenth[0].settings.epochs == 40);
    CHECK(tenth[0].settings.preset_epochs == 10);
    CHECK(tenth[0].settings.momentum == 0);
    CHECK(tenth[0].name == train::paper_runs(figure("S2a"), {.epochs_scale = 0.1})[0].name);
    const std::vector<train::PaperRun> other = train::paper_runs(figure("S2c"), {});
    CHECK(other[1].name == "cifar10-quick-400epochs-seed3-data1");
    CHECK(other[1].settings.fdr_decay == 0.3);
    CHECK(train::paper_runs(figure("1b"), {})[0].settings.momentum == 0.9);
    CHECK(train::scaled_epochs(100, 1e-9) == 1);
  }
}

}  // namespace
