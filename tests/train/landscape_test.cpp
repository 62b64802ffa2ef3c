// Figures 2 and 3: the chains they are made of, and their claims on made stages that hold, fail, and stay open.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/csv_contents.h"
#include "io/numbers.h"
#include "train/paper/claim_words.h"
#include "train/paper/equilibrium.h"
#include "train/paper/figure_charts.h"
#include "train/paper/figure_files.h"
#include "train/paper/landscape_claims.h"
#include "train/paper/stage_samples.h"

namespace {

using namespace quench;
using train::Outcome;
using enum train::Outcome;

const train::Figure& figure(std::string_view name) {
  for (const train::Figure& f : train::paper_figures()) {
    if (f.name == name) return f;
  }
  FAIL("no such figure");
  return train::paper_figures().front();
}

/// What a made chain has at the end of a stage.
struct StageEnd {
  double o_r = 1, ratio = 1, ratio_sd = 0.001;
  double o_fb = 0, o_fb_tel = 0, o_fb_cor = 0, o_fb_error = 0;  // the last of all three
};

const std::vector<double> rates = {0.05, 0.02, 0.01, 0.005, 0.003};

/// A chain of two epochs a stage.
train::FigureRun chain(const train::Branch& branch, const std::function<StageEnd(double eta)>& end) {
  std::string stages =
      "stage,lr,epochs,first_epoch,last_epoch,O_L,O_R,ratio,ratio_sd,v_sq,v_g,gradient_sq,samples,O_FB,O_FB_error,"
      "O_FB_tel,O_FB_tel_error,O_FB_cor,O_FB_cor_error,h_eff,h_eff_tel,h_eff_cor,tr_hc,tr_hc_tel,tr_hc_cor,"
      "tr_hc_direct,tr_hc_direct_error\n";
  std::string log = "epoch,lr,f_batch,f_batch_bar,f,train_accuracy,test_accuracy,O_L,O_R,ratio,ratio_sd\n";
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const StageEnd e = end(rates[i]);
    const auto epoch = 2 * i + 1;
    std::vector<std::string> cells = {io::to_text(i + 1), io::to_text(rates[i]), "2", io::to_text(epoch),
                                      io::to_text(epoch + 1)};
    for (const double value :
         {e.o_r * e.ratio, e.o_r,        e.ratio,    e.ratio_sd,   1.0, 0.1, 0.01, 10.0, e.o_fb, e.o_fb_error,
          e.o_fb_tel,      e.o_fb_error, e.o_fb_cor, e.o_fb_error, 2.0, 2.0, 2.0,  1.0,  1.0,    1.0})
      cells.push_back(io::to_text(value));
    for (const std::string& cell : cells) stages += cell + ",";
    stages += ",\n";
    for (std::size_t j = 0; j < 2; ++j) {
      log += io::to_text(epoch + j) + "," + io::to_text(rates[i]) + ",1,1,,,," + io::to_text(e.o_r * e.ratio) +
             "," + io::to_text(e.o_r) + "," + io::to_text(e.ratio) + ",0.001\n";
    }
  }
  train::FigureRun run{&branch, {}};
  run.curves.name = std::string(branch.name);
  run.curves.log = io::parse_csv(log);
  run.stages = io::parse_csv(stages);
  return run;
}

std::vector<Outcome> outcomes(const std::vector<train::Claim>& claims) {
  std::vector<Outcome> result;
  for (const train::Claim& claim : claims) {
    result.push_back(claim.outcome);
    CHECK(claim.sentence.ends_with(": " + train::outcome_word(claim.outcome)));
  }
  return result;
}

/// O_FB/eta of a made chain by eq. 18 and by both others.
struct Slopes {
  double paper, unbiased;
};
using SlopeAt = std::function<Slopes(double eta)>;

/// `seeds` chains of each sampling. scatter: relative, of each chain and stage, different for the estimators.
std::vector<train::FigureRun> landscape(const SlopeAt& shuffle, const SlopeAt& iid, int seeds, double scatter,
                                        double own_error = 0.01) {
  std::vector<train::FigureRun> runs;
  for (int seed = 0; seed < seeds; ++seed) {
    for (const bool shuffled : {true, false}) {
      const auto end = [&](double eta) {
        const Slopes slopes = shuffled ? shuffle(eta) : iid(eta);
        const double phase = 1000 * eta + 11 * seed + (shuffled ? 0 : 5);
        StageEnd e;
        e.o_fb = eta * slopes.paper * (1 + scatter * std::sin(phase));
        e.o_fb_tel = eta * slopes.unbiased * (1 + scatter * std::sin(3 * phase));
        e.o_fb_cor = eta * slopes.unbiased * (1 + scatter * std::sin(2 * phase));
        e.o_fb_error = own_error * eta * 3;
        return e;
      };
      runs.push_back(chain(figure("3a").branches[shuffled ? 0 : 1], end));
    }
  }
  return runs;
}

/// What is claimed of figure 3 apart from equilibrium.
std::vector<train::Claim> slope_claims(const std::vector<train::FigureRun>& runs) {
  std::vector<train::Claim> claims = train::figure_claims(figure("3a"), runs);
  std::erase_if(claims, [](const train::Claim& claim) { return claim.sentence.starts_with("Equilibrium, "); });
  return claims;
}

Slopes constant(double) { return {3, 3}; }
/// As a bias by shuffling has it: the paper's estimator vanishes with eta.
Slopes biased(double eta) { return {3 * (1 - 0.001 / eta), 3}; }

/// Samples by hand.
train::StageSample sample(std::vector<double> values, double error) {
  std::vector<double> errors(values.size(), error);
  return {std::move(values), std::move(errors)};
}

std::string cell(const std::string& csv, std::size_t row, std::string_view column) {
  const io::CsvContents table = io::parse_csv(csv);
  return table.rows.at(row).at(table.index(column));
}

}  // namespace

TEST_SUITE("landscape") {
  TEST_CASE("chains are those of appendix B") {
    const std::vector<train::PaperRun> runs =
        train::paper_runs(figure("3a"), {.seeds = 2, .seed = 5, .data_seed = 7});
    REQUIRE(runs.size() == 4);
    const train::Settings& settings = runs[0].settings;
    CHECK(settings.stages == "0.05:500,0.02:500,0.01:500,0.005:1000,0.003:1000");
    CHECK(settings.epochs == 3500);
    CHECK(settings.lr == 0.05);
    CHECK(settings.schedule == "stages");
    CHECK(settings.model == "mlp");
    CHECK(settings.momentum == 0);
    CHECK(settings.fdr2_every == 1);
    CHECK(settings.fdr2_half);
    CHECK(settings.sampling == "shuffle");
    CHECK(runs[1].settings.sampling == "iid");
    CHECK(settings.init.empty());  // only who makes it knows the folder
    for (const train::PaperRun& run : runs) {
      CHECK(run.resumes);
      CHECK(run.settings.seed == 5);
      CHECK(run.start == "mnist-constant-100epochs-seed5-data7");
    }
    CHECK(settings.data_seed == 7);
    CHECK(runs[2].settings.data_seed == 8);
    CHECK(runs[2].name == "mnist-chain-shuffle-3500epochs-seed5-data8");

    const std::optional<train::PaperRun> start = train::start_run(figure("3a"), {.seed = 5, .data_seed = 7});
    REQUIRE(start);
    CHECK(start->name == runs[0].start);
    CHECK(start->settings.lr == 0.1);
    CHECK(start->settings.epochs == 100);
    CHECK(start->settings.schedule == "constant");
    CHECK(start->settings.sampling == "shuffle");
    CHECK(start->settings.stages.empty());
    CHECK_FALSE(train::start_run(figure("1a"), {}));

    const std::vector<train::PaperRun> cnn = train::paper_runs(figure("3b"), {.sampling = "iid"});
    REQUIRE(cnn.size() == 1);
    CHECK(cnn[0].settings.stages ==
          "0.05:200,0.02:200,0.01:200,0.005:400,0.003:400,0.002:400,0.0015:400,0.001:400,0.0005:800,0.00025:800,"
          "0.0001:800");
    CHECK(cnn[0].settings.epochs == 5000);
    CHECK(cnn[0].settings.momentum == 0.9);
    CHECK(cnn[0].settings.model == "cnn");
  }

  TEST_CASE("figure 2 shares a chain with figure 3, and its start with figure 1") {
    const std::vector<train::PaperRun> two = train::paper_runs(figure("2a"), {.seeds = 3});
    REQUIRE(two.size() == 3);  // a chain for each seed, of one sampling
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(two[i].settings.sampling == "shuffle");
      CHECK(two[i].name == train::paper_runs(figure("3a"), {.seeds = 3})[2 * i].name);
    }
    CHECK(train::paper_runs(figure("2a"), {}).size() == 1);
    CHECK(train::start_run(figure("2a"), {})->name == train::paper_runs(figure("1a"), {})[0].name);
    CHECK(train::start_run(figure("2b"), {})->name == train::paper_runs(figure("1b"), {})[0].name);
    for (const train::PaperRun& run : train::paper_runs(figure("2a"), {.seeds = 2, .sampling = "iid"}))
      CHECK(run.settings.sampling == "iid");
    CHECK(train::paper_runs(figure("2b"), {.sampling = "both"}).size() == 1);
  }

  TEST_CASE("stages are scaled, to one epoch at least, and the larger and smaller rates may be left out") {
    const std::vector<train::PaperRun> tenth = train::paper_runs(figure("2a"), {.epochs_scale = 0.1});
    CHECK(tenth[0].settings.stages == "0.05:50,0.02:50,0.01:50,0.005:100,0.003:100");
    CHECK(tenth[0].start == "mnist-constant-10epochs-seed1");
    CHECK(train::paper_runs(figure("2a"), {.epochs_scale = 1e-6})[0].settings.epochs == 5);
    const train::PaperOptions reduced{.epochs_scale = 0.05, .lr_max = 0.0005};
    const std::vector<train::PaperRun> low = train::paper_runs(figure("3b"), reduced);
    CHECK(low[0].settings.stages == "0.0005:40,0.00025:40,0.0001:40");
    CHECK(low[0].settings.lr == 0.0005);
    CHECK(low[0].name == "cifar10-chain-shuffle-from0.0005-120epochs-seed1");
    CHECK(train::chosen_stages(figure("3b"), {.lr_max = 1e-5}).empty());
    const train::PaperOptions middle{.epochs_scale = 0.05, .lr_max = 0.005, .lr_min = 0.002};
    const std::vector<train::PaperRun> between = train::paper_runs(figure("3b"), middle);
    CHECK(between[0].settings.stages == "0.005:20,0.003:20,0.002:20");
    CHECK(between[0].name == "cifar10-chain-shuffle-from0.005-to0.002-60epochs-seed1");
    const std::vector<train::PaperRun> high = train::paper_runs(figure("3a"), {.lr_min = 0.02});
    CHECK(high[0].name == "mnist-chain-shuffle-to0.02-1000epochs-seed1");
  }

  TEST_CASE("differences of the same runs are in pairs, those of others are of means") {
    // Their scatter is large, that of the pairs is small.
    const train::StageSample a = sample({1, 5, 9}, 100), b = sample({0.5, 4.6, 8.4}, 100);
    const train::Estimate paired = train::difference_in_pairs(a, b);
    CHECK(paired.value == doctest::Approx(0.5));
    CHECK(paired.error == doctest::Approx(4.3027 * 0.1 / std::sqrt(3)).epsilon(1e-3));
    for (const auto& difference : {train::difference_in_pairs, train::difference_of_means}) {
      const train::Estimate one = difference(sample({2}, 0.3), sample({1}, 0.4));
      CHECK(one.error == doctest::Approx(1.96 * 0.5).epsilon(1e-3));
      CHECK(std::isnan(difference(sample({2}, std::nan("")), sample({1}, 0.4)).error));
    }
    // Standard deviations 4 and 3.9509, 3.9994 degrees of freedom.
    const train::Estimate apart = train::difference_of_means(a, b);
    CHECK(apart.value == doctest::Approx(0.5));
    CHECK(apart.error == doctest::Approx(2.7766 * std::hypot(4, 3.95095) / std::sqrt(3)).epsilon(1e-3));
    // One when all of the error is of one with one.
    const train::Estimate exact = train::difference_of_means(sample({1, 3}, 0), sample({2, 2, 2}, 0));
    CHECK(exact.value == 0);
    CHECK(exact.error == doctest::Approx(12.7062).epsilon(1e-3));
    // Variances of the means of 4 and 1, 25/17 degrees of freedom; at most t = 7.4 between 12.7 and 4.3.
    const train::Estimate between = train::difference_of_means(sample({0, 4}, 0), sample({0, 2}, 0));
    CHECK(between.error == doctest::Approx(train::student(25.0 / 17) * std::sqrt(5)));
    CHECK(train::student(1.5) == doctest::Approx(4.3027 + (12.7062 - 4.3027) / 3));
    CHECK(train::student(4) == 2.7764);
    CHECK(train::student(5) == doctest::Approx(2.5706).epsilon(1e-3));
    CHECK(train::difference_of_means(sample({2, 2}, 1), sample({1, 1}, 1)).error == 0);
    const train::Estimate other = train::difference_of_means(sample({1, 3}, 0), sample({0}, 0.1));
    CHECK(other.value == 2);
    CHECK(other.error == doctest::Approx(train::student(1.01 * 1.01) * std::sqrt(1.01)));
    const train::StageSample scaled = sample({2, 4}, 0.5).times(-2);
    CHECK(scaled.values == std::vector<double>{-4, -8});
    CHECK(scaled.errors == std::vector<double>{1, 1});
  }

  TEST_CASE("figure 2: both sides agree at every stage's end") {
    const auto outcome = [&](double ratio, double sd) {
      const auto end = [&](double eta) {
        return StageEnd{.o_r = eta, .ratio = eta == 0.01 ? ratio : 1.0, .ratio_sd = sd};
      };
      const std::vector<train::FigureRun> runs = {chain(figure("2a").branches[0], end)};
      return outcomes(train::figure_claims(figure("2a"), runs)).at(0);
    };
    CHECK(outcome(1.002, 0.001) == held);
    CHECK(outcome(0.996, 0.001) == held);
    CHECK(outcome(1.05, 0.001) == failed);
    CHECK(outcome(0.95, 0.001) == failed);
    CHECK(outcome(1.008, 0.005) == undecided);
    // Then the level says nothing.
    const std::vector<train::FigureRun> off = {chain(figure("2a").branches[0], [](double eta) {
      return StageEnd{.o_r = eta, .ratio = eta == 0.01 ? 1.05 : 1.0};
    })};
    const train::Claim level = train::figure_claims(figure("2a"), off).at(1);
    CHECK(level.outcome == undecided);
    CHECK(level.sentence.ends_with("; shuffle at 0.01 is out of equilibrium by 5 +- 0.2 %: UNDECIDED"));
  }

  TEST_CASE("figure 2: the level of O_R goes with eta") {
    const auto claim = [&](const std::function<double(double)>& level) {
      const std::vector<train::FigureRun> runs = {
          chain(figure("2a").branches[0], [&](double eta) { return StageEnd{.o_r = level(eta)}; })};
      return train::figure_claims(figure("2a"), runs).at(1);
    };
    CHECK(claim([](double eta) { return 3 * eta; }).outcome == held);
    CHECK(claim([](double eta) { return std::pow(eta, 1.1); }).outcome == held);
    CHECK(claim([](double eta) { return std::sqrt(eta) * (1 + 0.01 * std::sin(1000 * eta)); }).outcome == failed);
    CHECK(claim([](double eta) { return eta * eta * (1 + 0.01 * std::sin(1000 * eta)); }).outcome == failed);
    CHECK(claim([](double eta) { return eta * (1 + 0.5 * std::sin(1000 * eta)); }).outcome == undecided);
    CHECK(claim([](double eta) { return std::pow(eta, 1.1); }).sentence.find("to the power 1.1 +- ") !=
          std::string::npos);
    std::vector<train::FigureRun> one = {
        chain(figure("2a").branches[0], [](double eta) { return StageEnd{.o_r = eta}; })};
    one[0].stages.rows.resize(1);
    CHECK(train::figure_claims(figure("2a"), one).size() == 1);  // of one stage there is no law
  }

  TEST_CASE("figure 3: on which side of the straight line the points fall") {
    const auto side = [&](const SlopeAt& shuffle, double scatter) {
      return slope_claims(landscape(shuffle, constant, 4, scatter)).at(0);
    };
    CHECK(side(biased, 1e-3).outcome == held);
    CHECK(side(biased, 1e-3).sentence.find("above 4, below 0, open 0") != std::string::npos);
    const SlopeAt bent = [](double eta) { return Slopes{3 * (1 - 10 * eta), 3}; };
    CHECK(side(bent, 1e-3).outcome == failed);
    CHECK(side(bent, 1e-3).sentence.find("above 0, below 4, open 0") != std::string::npos);
    CHECK(side(constant, 0.1).outcome == undecided);
    // Biased at small eta and bent at large: on both sides, which neither explains alone.
    const SlopeAt both = [](double eta) { return Slopes{3 * (1 - 0.001 / eta) * (1 - 12 * eta), 3}; };
    CHECK(side(both, 1e-4).outcome == undecided);
    CHECK(side(both, 1e-4).sentence.find("(above)") != std::string::npos);
    CHECK(side(both, 1e-4).sentence.find("(below)") != std::string::npos);
  }

  TEST_CASE("figure 3: whether shuffling lowers the paper's estimator, and only that") {
    const auto after_side = [&](const SlopeAt& shuffle, const SlopeAt& iid, double scatter) {
      std::vector<Outcome> all = outcomes(slope_claims(landscape(shuffle, iid, 4, scatter)));
      return std::vector(all.begin() + 1, all.end());
    };
    // Below iid, below corrected, below telescoped; corrected agree, telescoped agree.
    CHECK(after_side(biased, constant, 1e-3) == std::vector(5, held));
    CHECK(after_side(constant, biased, 1e-3) == std::vector{failed, undecided, undecided, held, held});
    const SlopeAt raised = [](double) { return Slopes{3.3, 3}; };
    CHECK(after_side(raised, constant, 1e-3) == std::vector{failed, failed, failed, held, held});
    const SlopeAt different = [](double eta) { return Slopes{3, eta == 0.02 ? 3.6 : 3}; };
    CHECK(after_side(different, constant, 1e-3) == std::vector{undecided, undecided, undecided, failed, failed});
    CHECK(after_side(constant, constant, 0.2) == std::vector(5, undecided));
    const std::vector<train::Claim> claims = slope_claims(landscape(biased, constant, 4, 0));
    // 3 (1 - 1/3) and 3.
    CHECK(claims[1].sentence.find("at eta = 0.003 O_FB/eta is 2 +- ") != std::string::npos);
    CHECK(claims[1].sentence.find(" of shuffle, 3 +- ") != std::string::npos);
    CHECK(claims[1].sentence.find("higher by 1 +- ") != std::string::npos);
    CHECK(claims[1].sentence.find("(4 seeds)") != std::string::npos);
  }

  TEST_CASE("figure 3: one seed decides by its own errors, one sampling by what it has") {
    const auto all = [](const std::vector<train::FigureRun>& runs) { return outcomes(slope_claims(runs)); };
    CHECK(all(landscape(biased, constant, 1, 0, 0.01)) == std::vector(6, held));
    CHECK(all(landscape(biased, constant, 1, 0, 0.3)) == std::vector(6, undecided));
    CHECK(all(landscape(biased, constant, 1, 0, std::nan(""))) == std::vector(6, undecided));
    std::vector<train::FigureRun> runs = landscape(biased, constant, 1, 0);
    const train::FigureRun iid = runs[1];
    runs.pop_back();
    CHECK(all(runs) == std::vector{held, held, held});
    CHECK(all({iid}) == std::vector{undecided});
    CHECK(slope_claims(runs)[0].sentence.find("as a bias by shuffling would have it") != std::string::npos);
    CHECK(slope_claims({iid})[0].sentence.find("shuffling") == std::string::npos);
  }

  TEST_CASE("what a stage has no value of is unknown, in words") {
    std::vector<train::FigureRun> runs = landscape(constant, constant, 1, 0);
    // A stage of one epoch may have no sample in its second half.
    for (const char* column : {"O_FB_tel", "O_FB_tel_error"})
      runs[1].stages.rows[1][runs[1].stages.index(column)].clear();
    const std::vector<train::Claim> claims = slope_claims(runs);
    CHECK(claims[4].outcome == held);
    CHECK(claims[5].outcome == undecided);
    CHECK(claims[5].sentence.find(" at 0.05, unknown at 0.02, ") != std::string::npos);
    CHECK(train::shown({1.23456, 0.0456}) == "1.23 +- 0.046");
    CHECK(train::shown({0.0123456, 0.000456}, 0.01, 4) == "1.235 +- 0.046");
    CHECK(train::shown({2, INFINITY}) == "2 +- unknown");
  }

  TEST_CASE("the runs' own errors make the interval of a mean of independent values") {
    const train::Estimate two = sample({1, 4}, 0.3).mean_by_own_errors();
    CHECK(two.value == 2.5);
    CHECK(two.error == doctest::Approx(1.96 * 0.3 / std::sqrt(2)).epsilon(1e-3));
    CHECK(std::isnan(train::StageSample{{1, 4}, {0.3, std::nan("")}}.mean_by_own_errors().error));
    // Errors of few batches have few degrees of freedom, together more.
    train::StageSample few = sample({1, 4}, 0.3);
    few.freedom = {2, 2};
    CHECK(few.mean_by_own_errors().error == doctest::Approx(2.7764 * 0.3 / std::sqrt(2)));
    CHECK(train::StageSample{{1}, {0.3}, {2}}.mean().error == doctest::Approx(4.3027 * 0.3));
    CHECK(train::difference_of_means({{1}, {0.3}, {2}}, {{2}, {0.3}, {2}}).error ==
          doctest::Approx(2.7764 * 0.3 * std::sqrt(2)));
    // Of ten samples ten batches, of twenty four.
    std::vector<train::FigureRun> runs = {chain(figure("3a").branches[0], [](double) { return StageEnd{}; })};
    CHECK(train::stage_sample(runs, "shuffle", 1, "O_FB").freedom == std::vector<double>{9});
    runs[0].stages.rows[1][runs[0].stages.index("samples")] = "20";
    CHECK(train::stage_sample(runs, "shuffle", 1, "O_FB_cor").freedom == std::vector<double>{3});
    runs[0].stages.rows[1][runs[0].stages.index("samples")] = "0";
    CHECK(train::stage_sample(runs, "shuffle", 1, "O_FB").freedom == std::vector<double>{1});
    CHECK(train::stage_sample(runs, "shuffle", 1, "ratio").freedom.empty());
  }

  TEST_CASE("a stage is in equilibrium within 1 %, out of it beyond that and its error, else as far as is known") {
    CHECK(train::in_equilibrium({0.004, 0.006}) == held);
    CHECK(train::in_equilibrium({-0.01, 0.01}) == held);
    CHECK(train::in_equilibrium({0.004, 0.011}) == undecided);
    CHECK(train::in_equilibrium({-0.03, 0.04}) == undecided);
    CHECK(train::in_equilibrium({-0.03, 0.02}) == failed);
    CHECK(train::in_equilibrium({0.011, 0.01}) == failed);
    // A large error comes from the drift itself.
    CHECK(train::in_equilibrium({0.9, 4}) == undecided);
    CHECK(train::in_equilibrium({2.96, 3.6}) == failed);
    CHECK(train::in_equilibrium({0.002, std::nan("")}) == undecided);
    CHECK(train::in_equilibrium({0.02, std::nan("")}) == failed);
    CHECK(train::in_equilibrium({std::nan(""), 0.001}) == failed);
  }

  TEST_CASE("figure 3: claims rest on stages in equilibrium") {
    // Four seeds for which all would hold, one stage of one sampling off by so much and so well known in each.
    const auto claims_with = [](std::string_view branch, std::size_t stage, double ratio, double sd) {
      std::vector<train::FigureRun> runs = landscape(biased, constant, 4, 1e-3);
      for (train::FigureRun& run : runs) {
        if (run.branch->name != branch) continue;
        std::vector<std::string>& row = run.stages.rows[stage];
        row[run.stages.index("ratio")] = io::to_text(ratio);
        row[run.stages.index("ratio_sd")] = io::to_text(sd);
      }
      return train::figure_claims(figure("3a"), runs);
    };
    const std::vector<Outcome> all_held(8, held);
    CHECK(outcomes(claims_with("iid", 1, 1.005, 0.002)) == all_held);
    CHECK(
        claims_with("iid", 1, 1.005, 0.002)[1].sentence ==
        "Equilibrium, iid: in every stage abs(O_L/O_R - 1) is below 1 %, and known to 1 % by the runs' own errors; "
        "O_L/O_R - 1 in % is 0 +- 0.098 at 0.05, 0.5 +- 0.2 at 0.02, 0 +- 0.098 at 0.01, "
        "0 +- 0.098 at 0.005, 0 +- 0.098 at 0.003 (4 seeds): HELD");
    // Far off, but no more than one would be by chance.
    CHECK(outcomes(claims_with("iid", 1, 1.04, 0.05)) ==
          std::vector{held, undecided, held, held, held, held, held, held});
    // Off by 4 +- 1.96 %: in the middle of the chain only what uses all stages of the sampling is touched.
    const std::vector<train::Claim> middle = claims_with("iid", 1, 1.04, 0.02);
    CHECK(outcomes(middle) == std::vector{held, failed, held, held, held, held, undecided, undecided});
    CHECK(middle[1].sentence.find(" 4 +- 2 at 0.02 (out), ") != std::string::npos);
    CHECK(middle[6].sentence.ends_with("; iid at 0.02 is out of equilibrium by 4 +- 2 %: UNDECIDED"));
    // At the smallest eta the difference of the samplings rests on it as well; those of shuffle alone do not.
    CHECK(outcomes(claims_with("iid", 4, 0.96, 0.02)) ==
          std::vector{held, failed, held, undecided, held, held, undecided, undecided});
    CHECK(outcomes(claims_with("shuffle", 0, 0.96, 0.02)) ==
          std::vector{failed, held, undecided, held, held, held, undecided, undecided});
    const std::vector<train::Claim> smallest = claims_with("shuffle", 4, 1.5, 0.02);
    CHECK(outcomes(smallest) ==
          std::vector{failed, held, undecided, undecided, undecided, undecided, undecided, undecided});
    CHECK(smallest[4].sentence.ends_with("; shuffle at 0.003 is out of equilibrium by 50 +- 2 %: UNDECIDED"));
  }

  TEST_CASE("figure 3: two panels, the straight line through the smallest eta, what is not there left out") {
    std::vector<train::FigureRun> runs = landscape(biased, constant, 2, 0.01);
    const std::vector<train::Chart> charts = train::figure_charts(figure("3a"), runs, ", a note");
    REQUIRE(charts.size() == 2);
    CHECK(charts[0].title == "Figure 3a: O_FB, MLP on MNIST, a note");
    CHECK_FALSE(charts[0].x.logarithmic);
    CHECK(charts[1].x.logarithmic);
    REQUIRE(charts[0].series.size() == 7);
    const train::Series &line = charts[0].series[0], &shuffle = charts[0].series[1];
    CHECK(line.x == std::vector<double>{0, 0.05});
    CHECK(line.y[0] == 0);
    CHECK(line.y[1] * 0.003 / 0.05 == doctest::Approx(shuffle.y[4]));
    CHECK(shuffle.name == "shuffle, eq. 18");
    CHECK(shuffle.dots);
    CHECK(shuffle.high[0] > shuffle.y[0]);
    const train::Series& level = charts[1].series[0];
    CHECK(level.y[0] == level.y[1]);
    CHECK(level.y[0] == doctest::Approx(charts[1].series[1].y[4]));
    runs.erase(runs.begin() + 2, runs.end());
    runs.erase(runs.begin());
    const std::vector<train::Chart> iid = train::figure_charts(figure("3a"), runs, "");
    REQUIRE(iid[0].series.size() == 4);
    CHECK(iid[0].series[2].name == "iid, corrected");
    CHECK(iid[0].series[3].name == "iid, telescoped");
  }

  TEST_CASE("figure 2: a curve for each side and stage, from where the stage began") {
    const std::vector<train::FigureRun> runs = {
        chain(figure("2a").branches[0], [](double eta) { return StageEnd{.o_r = eta, .ratio = 2}; })};
    const std::vector<train::Chart> charts = train::figure_charts(figure("2a"), runs, "");
    REQUIRE(charts.size() == 1);
    CHECK(charts[0].y.logarithmic);
    REQUIRE(charts[0].series.size() == 10);
    const train::Series &left = charts[0].series[2], &right = charts[0].series[3];
    CHECK(left.name == "eta 0.02");
    CHECK(left.x == std::vector<double>{1, 2});
    CHECK(left.y == std::vector<double>{0.04, 0.04});
    CHECK(right.name.empty());
    CHECK(right.y == std::vector<double>{0.02, 0.02});
    CHECK(right.line == train::Series::Line::dotted);
    CHECK(left.colour == right.colour);
    CHECK(left.colour != charts[0].series[0].colour);
  }

  TEST_CASE("figure 2 of several seeds: claims of their means, curves of the first over faint ones of the others") {
    std::vector<train::FigureRun> runs;
    for (const double level : {1.0, 1.3, 0.9}) {
      runs.push_back(chain(figure("2a").branches[0], [&](double eta) {
        return StageEnd{.o_r = level * eta, .ratio = 1 + (level - 1) / 100};
      }));
    }
    const std::vector<train::Claim> claims = train::figure_claims(figure("2a"), runs);
    // 0, 0.3 and -0.1 %: 0.067 +- 4.3027 * 0.208 / sqrt(3).
    CHECK(claims[0].outcome == held);
    CHECK(claims[0].sentence.find("O_L/O_R - 1 in % is 0.0667 +- 0.52 at 0.05, ") != std::string::npos);
    CHECK(claims[1].sentence.find("O_R is 0.0533 at 0.05, ") != std::string::npos);
    for (const train::Claim& claim : claims) CHECK(claim.sentence.find(" (3 seeds): ") != std::string::npos);
    const std::vector<train::FigureRun> one(runs.begin(), runs.begin() + 1);
    for (const train::Claim& claim : train::figure_claims(figure("2a"), one))
      CHECK(claim.sentence.find("seed") == std::string::npos);

    const std::vector<train::Series> series = train::figure_charts(figure("2a"), runs, "")[0].series;
    REQUIRE(series.size() == 30);
    for (std::size_t i = 0; i < 20; ++i) {
      CHECK(series[i].line == train::Series::Line::faint);
      CHECK(series[i].name == (i == 0 ? "other seeds" : ""));
      CHECK(series[i].colour == series[20 + i % 10].colour);
    }
    CHECK(series[0].y[0] == doctest::Approx(0.9 * 0.05 * 0.999));  // the last chain
    CHECK(series[20].name == "eta 0.05");
    CHECK(series[20].y[0] == 0.05);
    CHECK(series[20].line == train::Series::Line::solid);
    CHECK(series[21].line == train::Series::Line::dotted);
    CHECK(io::parse_csv(train::figure_csv(figure("2a"), runs)).rows.size() == 3 * 2 * rates.size());
  }

  TEST_CASE("the data of figures 2 and 3 as tables") {
    const std::vector<train::FigureRun> runs = landscape(biased, constant, 2, 0.01);
    const std::string stages = train::figure_csv(figure("3a"), runs);
    CHECK(io::parse_csv(stages).rows.size() == 2 * 2 * rates.size());
    CHECK(io::parse_csv(stages).columns.size() == 3 + runs[0].stages.columns.size());
    CHECK(cell(stages, 5, "sampling") == "iid");
    CHECK(cell(stages, 5, "lr") == "0.05");
    CHECK(cell(stages, 5, "O_FB") == runs[1].stages.rows[0][runs[1].stages.index("O_FB")]);
    CHECK(cell(stages, 5, "tr_hc_direct").empty());

    const std::string means = train::means_csv(figure("3a"), runs);
    CHECK(cell(means, 0, "quantity") == "O_FB");
    CHECK(cell(means, 0, "n") == "2");
    CHECK(cell(means, 0, "lr") == "0.05");
    CHECK(cell(means, 0, "epochs") == "2");
    const train::Estimate mean = train::stage_sample(runs, "shuffle", 0, "O_FB").mean();
    CHECK(cell(means, 0, "mean") == io::to_text(mean.value));
    CHECK(cell(means, 0, "half_width_95") == io::to_text(mean.error));
    CHECK(cell(means, 0, "own_half_width_95") ==
          io::to_text(train::stage_sample(runs, "shuffle", 0, "O_FB").mean_by_own_errors().error));
    const io::CsvContents table = io::parse_csv(means);
    for (const std::vector<std::string>& row : table.rows) {
      INFO(row[table.index("quantity")]);
      CHECK_FALSE(row[table.index("mean")].empty());
    }
    const std::size_t per_stage = table.rows.size() / (2 * rates.size());
    CHECK(cell(means, per_stage - 1, "quantity") == "ratio_minus_1");
    CHECK(cell(means, per_stage - 1, "mean") == "0");
    CHECK(std::stod(cell(means, per_stage - 1, "own_half_width_95")) ==
          doctest::Approx(1.96 * 0.001 / std::sqrt(2)).epsilon(1e-3));

    const std::vector<train::FigureRun> one = {
        chain(figure("2a").branches[0], [](double eta) { return StageEnd{.o_r = eta}; })};
    const std::string epochs = train::figure_csv(figure("2a"), one);
    CHECK(io::parse_csv(epochs).rows.size() == 2 * rates.size());
    CHECK(cell(epochs, 3, "epoch") == "4");
    CHECK(cell(epochs, 3, "stage") == "2");
    CHECK(cell(epochs, 3, "stage_epoch") == "2");
    CHECK(cell(epochs, 3, "O_R") == "0.02");
  }
}
