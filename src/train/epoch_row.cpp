#include "train/epoch_row.h"

#include <string_view>

#include "io/numbers.h"

namespace quench::train {
namespace {

using io::fixed;
using io::to_text;

struct Column {
  std::string_view title;
  std::size_t width;
};
constexpr std::string_view test_title = "test acc";
constexpr Column table_columns[] = {{"epoch", 5},      {"lr", 8},        {"f_batch", 9}, {"f", 9},
                                    {"train acc", 11}, {test_title, 19}, {"seconds", 9}, {"images/s", 10}};

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
          "theta_squared",
          "evaluation_seconds",
          "test_images",
          "test_accuracy_error"};
}

std::vector<std::string> log_cells(const EpochRow& row) {
  const auto measured = [&](double Measurement::*member) {
    return row.ended ? to_text((*row.ended).*member) : std::string();
  };
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
          to_text(row.theta_squared),
          measured(&Measurement::seconds),
          row.ended ? to_text(row.ended->test_images) : std::string(),
          measured(&Measurement::test_accuracy_error)};
}

std::string test_accuracy_text(const Measurement& measurement) {
  return fixed(measurement.test_accuracy, 4) + " +- " + fixed(measurement.test_accuracy_error, 4);
}

std::string table_header(std::int64_t test_images) {
  std::vector<std::string> titles;
  for (const Column& column : table_columns) {
    titles.emplace_back(column.title);
    if (column.title == test_title)
      titles.back() += " (" + io::grouped(static_cast<std::uint64_t>(test_images)) + ")";
  }
  return table_row(titles);
}

std::string table_line(const EpochRow& row) {
  const auto measured = [&](double Measurement::*member) {
    return row.ended ? fixed((*row.ended).*member, 4) : std::string("-");
  };
  return table_row({to_text(row.epoch), to_text(row.lr), fixed(row.f_batch, 4), measured(&Measurement::f),
                    measured(&Measurement::train_accuracy),
                    row.ended ? test_accuracy_text(*row.ended) : std::string("-"), fixed(row.seconds, 2),
                    io::grouped(static_cast<std::uint64_t>(row.images_per_second))});
}

}  // namespace quench::train
