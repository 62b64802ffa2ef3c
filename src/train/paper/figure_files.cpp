#include "train/paper/figure_files.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "io/csv.h"
#include "io/files.h"
#include "io/numbers.h"
#include "io/text.h"
#include "quench/error.h"
#include "train/paper/claim_words.h"
#include "train/paper/figure_charts.h"
#include "train/paper/stage_samples.h"
#include "train/plot/page.h"
#include "train/plot/svg.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;
using io::joined;
using io::to_text;

constexpr std::string_view epoch_columns[] = {
    "epoch",         "lr",  "f_batch", "f_batch_bar", "f",       "train_accuracy",
    "test_accuracy", "O_L", "O_R",     "ratio",       "ratio_sd"};
// Of stages.csv, those that are measured.
constexpr std::string_view quantities[] = {"O_FB",      "O_FB_tel", "O_FB_cor",  "h_eff",     "h_eff_tel",
                                           "h_eff_cor", "tr_hc",    "tr_hc_tel", "tr_hc_cor", "gradient_sq",
                                           "v_sq",      "v_g",      "O_L",       "O_R",       "ratio"};

void write(const fs::path& file, const std::string& text) {
  if (const std::error_code error = io::disk().replace(file, text))
    throw Error(file.string() + " cannot be written: " + error.message());
}

std::string figure_note(const Figure& figure, std::span<const FigureRun> runs, const PaperOptions& options) {
  std::string note;
  if (options.epochs_scale != 1) note += ", epochs x " + to_text(options.epochs_scale);
  if (figure.is_chain() && options.lr_max > 0 && options.lr_max < figure.stages.front().lr)
    note += ", eta <= " + rate_text(options.lr_max);
  if (figure.is_chain() && options.lr_min > figure.stages.back().lr)
    note += ", eta >= " + rate_text(options.lr_min);
  if (figure.kind == Figure::Kind::stages && options.sampling == "iid") note += ", iid sampling";
  if (figure.kind == Figure::Kind::landscape || (figure.kind == Figure::Kind::stages && options.seeds > 1))
    note += joined({", ", to_text(options.seeds), options.seeds == 1 ? " seed" : " seeds"});
  if (runs.front().curves.fact("data", "kind") == "generated") note += ", GENERATED images";
  return note;
}

void add(std::vector<std::string>& cells, std::initializer_list<std::string_view> more) {
  for (const std::string_view cell : more) cells.emplace_back(cell);
}

std::string number_or_nothing(double value) { return std::isfinite(value) ? to_text(value) : std::string(); }

std::string epochs_csv(const Figure& figure, std::span<const FigureRun> runs) {
  std::vector<std::string> cells;
  add(cells, {"branch", "run"});
  // Of a chain: when its stage began.
  if (figure.is_chain()) add(cells, {"stage", "stage_epoch"});
  for (const std::string_view column : epoch_columns) add(cells, {column});
  std::string text = io::csv_line(cells);
  for (const FigureRun& run : runs) {
    const std::vector<double> last = figure.is_chain() ? run.stages.numbers("last_epoch") : std::vector<double>();
    std::size_t stage = 0, epoch = 0, before = 0;
    for (const std::vector<std::string>& row : run.curves.log.rows) {
      cells.clear();
      add(cells, {run.branch->name, run.curves.name});
      ++epoch;
      if (figure.is_chain()) {
        while (stage < last.size() && static_cast<double>(epoch) > last[stage])
          before = static_cast<std::size_t>(last[stage++]);
        add(cells, {to_text(stage + 1), to_text(epoch - before)});
      }
      for (const std::string_view column : epoch_columns) add(cells, {row[run.curves.log.index(column)]});
      text += io::csv_line(cells);
    }
  }
  return text;
}

std::string stages_csv(std::span<const FigureRun> runs) {
  std::vector<std::string> cells;
  const std::vector<std::string>& columns = runs.front().stages.columns;
  add(cells, {"sampling", "run", "data_seed"});
  for (const std::string& column : columns) add(cells, {column});
  std::string text = io::csv_line(cells);
  for (const FigureRun& run : runs) {
    for (std::size_t i = 0; i < run.stages.rows.size(); ++i) {
      cells.clear();
      add(cells, {run.branch->name, run.curves.name, run.curves.setting("data-seed")});
      for (const std::string& column : columns) add(cells, {run.stages.rows[i][run.stages.index(column)]});
      text += io::csv_line(cells);
    }
  }
  return text;
}

/// "0.0123 +- 0.0004" of each sampling and estimator, a row a stage.
Table slopes(const Figure& figure, std::span<const FigureRun> runs) {
  const std::vector<double> rates = stage_rates(runs);
  Table table{.title = "O_FB / eta with half its 95 % interval", .rows = {}};
  table.rows.resize(1 + rates.size());
  add(table.rows[0], {"eta"});
  for (std::size_t i = 0; i < rates.size(); ++i) add(table.rows[i + 1], {rate_text(rates[i])});
  for (const std::string_view branch : branches_with_runs(figure, runs)) {
    for (const Estimator& estimator : estimators) {
      add(table.rows[0], {joined({branch, ", ", estimator.name})});
      for (std::size_t i = 0; i < rates.size(); ++i) {
        const StageSample sample = stage_sample(runs, branch, i, estimator.column);
        add(table.rows[i + 1], {shown(sample.times(1 / rates[i]).mean(), 1, 4)});
      }
    }
  }
  return table;
}

}  // namespace

std::string figure_csv(const Figure& figure, std::span<const FigureRun> runs) {
  return figure.kind == Figure::Kind::landscape ? stages_csv(runs) : epochs_csv(figure, runs);
}

std::string means_csv(const Figure& figure, std::span<const FigureRun> runs) {
  std::vector<std::string> cells;
  add(cells, {"sampling", "stage", "lr", "epochs", "quantity", "mean", "half_width_95", "n", "own_half_width_95"});
  std::string text = io::csv_line(cells);
  const io::CsvContents& first = runs.front().stages;
  for (const std::string_view branch : branches_with_runs(figure, runs)) {
    for (std::size_t i = 0; i < stage_rates(runs).size(); ++i) {
      const auto add_row = [&](std::string_view quantity, const StageSample& sample) {
        const Estimate mean = sample.mean();
        cells.clear();
        add(cells, {branch, to_text(i + 1), first.rows[i][first.index("lr")], first.rows[i][first.index("epochs")],
                    quantity, number_or_nothing(mean.value), number_or_nothing(mean.error),
                    to_text(sample.values.size()), number_or_nothing(sample.mean_by_own_errors().error)});
        text += io::csv_line(cells);
      };
      for (const std::string_view quantity : quantities) add_row(quantity, stage_sample(runs, branch, i, quantity));
      add_row("ratio_minus_1", imbalance(runs, branch, i));
    }
  }
  return text;
}

void draw_figure(const Figure& figure, std::span<const FigureRun> runs, const PaperOptions& options,
                 const fs::path& folder, Console& console) {
  const bool landscape = figure.kind == Figure::Kind::landscape;
  const std::string note = figure_note(figure, runs, options);
  const std::vector<Claim> claims = figure_claims(figure, runs);
  Page page;
  page.title = joined({"Figure ", figure.name, " of the paper: ", figure.title, note});
  for (const Claim& claim : claims) page.paragraphs.push_back(claim.sentence);
  page.figures.push_back(figure_charts(figure, runs, note));
  if (landscape) page.details.push_back(slopes(figure, runs));
  const std::string name(figure.name);
  const std::string base = (folder / name).string();
  write(base + ".svg", svg_file(page.figures.front()));
  write(base + ".csv", figure_csv(figure, runs));
  if (landscape) write(base + "-means.csv", means_csv(figure, runs));
  write(base + ".html", html(page));
  console.always(joined({"figure ", name, note, "\n"}));
  for (const Claim& claim : claims) console.always(joined({"  ", claim.sentence, "\n"}));
  console.always(joined({"  ", base, ".svg, .html, .csv", landscape ? ", -means.csv" : "", "\n"}));
}

}  // namespace quench::train
