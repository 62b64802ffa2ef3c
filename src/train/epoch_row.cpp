#include "train/epoch_row.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "io/numbers.h"

namespace quench::train {
namespace {

using io::fixed;
using io::to_text;

struct Column {
  std::string_view title;
  std::size_t width;
  std::string_view of_drift{};  // the title where it is not of the relation
};
constexpr std::string_view test_title = "test acc";
constexpr Column table_columns[] = {{"epoch", 5},
                                    {"lr", 11},
                                    {"f_batch", 9},
                                    {"f", 8},
                                    {"train acc", 11},
                                    {test_title, 19},
                                    {"O_L", 10, "-th.d/eta"},
                                    {"O_R", 10, "d^2/2eta"},
                                    {"O_L/O_R", 18, "drift of the norm"},
                                    {"seconds", 9},
                                    {"images/s", 10},
                                    {"verdict", 0}};

std::string table_row(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t width = table_columns[i].width;
    // A cell that is too wide still stands apart from the one before.
    line.append(cells[i].size() < width ? width - cells[i].size() : (i > 0 ? 1 : 0), ' ');
    line += cells[i];
  }
  return line += '\n';
}

}  // namespace

std::vector<std::string> log_columns() {
  return {"epoch",
          "step",
          "lr",
          "f_batch",
          "f",
          "cross_entropy",
          "train_accuracy",
          "test_accuracy",
          "seconds",
          "images_per_second",
          "test_cross_entropy",
          "evaluation_seconds",
          "test_images",
          "test_accuracy_error",
          "f_batch_bar",
          "O_L",
          "O_R",
          "ratio",
          "ratio_sd",
          "audit_residual",
          "audit_bound",
          "drift_residual",
          "drift_bound",
          "theta_sq",
          "v_sq",
          "cut",
          "verdict",
          "epochs_to_go",
          "O_L_c",
          "O_R_c",
          "ratio_c",
          "f_batch_bar_sd",
          "O_L_sd",
          "O_R_sd"};
}

std::vector<std::string> log_cells(const EpochRow& row) {
  const auto measured = [&](double Measurement::*member) {
    return row.ended ? to_text((*row.ended).*member) : std::string();
  };
  const auto known = [](double value) { return std::isfinite(value) ? to_text(value) : std::string(); };
  const FdrWindow& window = row.fdr.verdict.whole;
  const AuditResult& audit = row.fdr.audit;
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  return {to_text(row.epoch),
          to_text(row.step),
          to_text(row.lr),
          to_text(row.f_batch),
          measured(&Measurement::f),
          measured(&Measurement::cross_entropy),
          measured(&Measurement::train_accuracy),
          measured(&Measurement::test_accuracy),
          to_text(row.seconds),
          to_text(row.images_per_second),
          measured(&Measurement::test_cross_entropy),
          measured(&Measurement::seconds),
          row.ended ? to_text(row.ended->test_images) : std::string(),
          measured(&Measurement::test_accuracy_error),
          known(window.loss),
          known(window.o_l),
          known(window.o_r),
          known(window.ratio),
          known(window.ratio_sd),
          known(audit.residual),
          known(audit.bound),
          known(audit.drift_residual),
          known(audit.drift_bound),
          to_text(row.fdr.theta_squared),
          known(row.fdr.v_squared),
          row.fdr.cut ? "1" : "0",
          std::string(verdict_name(row.fdr.verdict.verdict)),
          known(row.fdr.verdict.epochs_to_go),
          known(row.fdr.shifted ? row.fdr.shifted->o_l : unknown),
          known(row.fdr.shifted ? row.fdr.shifted->o_r : unknown),
          known(row.fdr.shifted ? row.fdr.shifted->ratio : unknown),
          known(row.fdr.levels ? row.fdr.levels->loss : unknown),
          known(row.fdr.levels ? row.fdr.levels->o_l : unknown),
          known(row.fdr.levels ? row.fdr.levels->o_r : unknown)};
}

std::string test_accuracy_text(const Measurement& measurement) {
  return fixed(measurement.test_accuracy, 4) + " +- " + fixed(measurement.test_accuracy_error, 4);
}

std::string ratio_text(const FdrWindow& window) {
  if (!std::isfinite(window.ratio)) return "-";
  return fixed(window.ratio, 4) + " +- " + fixed(window.ratio_sd, 4);
}

std::string table_header(std::int64_t test_images, bool relation) {
  std::vector<std::string> titles;
  for (const Column& column : table_columns) {
    titles.emplace_back(relation || column.of_drift.empty() ? column.title : column.of_drift);
    if (column.title == test_title)
      titles.back() += " (" + io::grouped(static_cast<std::uint64_t>(test_images)) + ")";
  }
  return table_row(titles);
}

std::string table_line(const EpochRow& row) {
  const auto measured = [&](double Measurement::*member) {
    return row.ended ? fixed((*row.ended).*member, 4) : std::string("-");
  };
  const FdrWindow& window = row.fdr.verdict.whole;
  std::string verdict = " " + std::string(verdict_name(row.fdr.verdict.verdict));
  std::replace(verdict.begin(), verdict.end(), '_', ' ');
  if (row.fdr.cut) verdict += ", rate cut to " + io::significant(static_cast<double>(row.fdr.next_lr), 5);
  return table_row({to_text(row.epoch), io::significant(static_cast<double>(row.lr), 5), fixed(row.f_batch, 4),
                    measured(&Measurement::f), measured(&Measurement::train_accuracy),
                    row.ended ? test_accuracy_text(*row.ended) : std::string("-"), fixed(window.o_l, 6),
                    fixed(window.o_r, 6), ratio_text(window), fixed(row.seconds, 2),
                    io::grouped(static_cast<std::uint64_t>(row.images_per_second)), verdict});
}

}  // namespace quench::train
