// One HTML file with everything in it: no network, no other files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/plot/chart.h"

namespace quench::train {

struct Table {
  std::string title;
  std::vector<std::vector<std::string>> rows;  ///< the first has the headings
};

struct Page {
  std::string title;
  std::vector<std::string> paragraphs{};
  std::vector<Table> tables{};
  std::vector<std::vector<Chart>> figures{};  ///< each of charts that stand below each other
  std::vector<Table> details{};               ///< tables below the figures
};

/// Readable in light and dark, from 320 pixels of width on; the values under the pointer are shown.
std::string html(const Page& page);

}  // namespace quench::train
