// From values to places on an axis, and the values that it names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "train/plot/chart.h"

namespace quench::train {

class Scale {
 public:
  /// The axis from pixel `first` (its lower end) to `last`. values: what it must hold as far as the axis has no
  /// limits of its own; those that it cannot show are left out.
  Scale(const Axis& axis, const std::vector<double>& values, double first, double last, bool with_margin);

  /// Whether the axis has a place for the value, be it outside the limits.
  bool shows(double value) const;
  /// The pixel of a value that the axis shows.
  double place(double value) const;
  double low() const { return low_; }
  double high() const { return high_; }
  bool logarithmic() const { return logarithmic_; }
  /// Round values within the limits, with their texts.
  std::vector<std::pair<double, std::string>> ticks() const;

 private:
  bool logarithmic_;
  double low_, high_, first_, last_;
};

}  // namespace quench::train
