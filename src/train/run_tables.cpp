#include "train/run_tables.h"

#include "train/epoch_row.h"
#include "train/landscape.h"
#include "train/schedule.h"

namespace quench::train {

bool has_stages_table(const Settings& settings) { return !settings.stages.empty() || has_fdr2_table(settings); }

bool has_fdr2_table(const Settings& settings) { return settings.fdr2_every > 0; }

std::vector<TableKind> tables_of(const Settings& settings) {
  std::vector<TableKind> tables = {
      {"log.csv", log_columns()}, {"decisions.csv", decision_columns()}, {"layers.csv", layer_columns()}};
  if (has_stages_table(settings)) tables.push_back({"stages.csv", stage_columns()});
  if (has_fdr2_table(settings)) tables.push_back({"fdr2.csv", fdr2_columns()});
  return tables;
}

}  // namespace quench::train
