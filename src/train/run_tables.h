// The tables that a run writes into its folder.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "train/settings.h"

namespace quench::train {

/// A table of a run: its file's name and its columns.
struct TableKind {
  std::string_view name;
  std::vector<std::string> columns;
};

/// Where tables_of has which.
constexpr std::size_t log_table = 0, decisions_table = 1, layers_table = 2, stages_table = 3, fdr2_table = 4;

/// Whether a run has stages.csv, and whether fdr2.csv as well.
bool has_stages_table(const Settings& settings);
bool has_fdr2_table(const Settings& settings);

/// log.csv, decisions.csv, layers.csv and, if the run has them, stages.csv and fdr2.csv.
std::vector<TableKind> tables_of(const Settings& settings);

}  // namespace quench::train
