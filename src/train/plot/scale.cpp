#include "train/plot/scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/numbers.h"

namespace quench::train {
namespace {

constexpr double margin = 0.04;  // of the axis, on either side
constexpr double most_ticks = 6;

/// 1, 2 or 5 times a power of ten, at least `value`.
double round_step(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= value * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Scale::Scale(const Axis& axis, const std::vector<double>& values, double first, double last, bool with_margin)
    : logarithmic_(axis.logarithmic),
      low_(std::numeric_limits<double>::infinity()),
      high_(-low_),
      first_(first),
      last_(last) {
  for (const double value : values) {
    if (!shows(value)) continue;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  if (!(low_ <= high_)) low_ = high_ = 1;  // there is nothing to show
  if (low_ == high_) {
    const double half = low_ == 0 ? 1 : std::abs(low_) / 2;
    low_ -= half;
    high_ += half;
  } else if (with_margin && logarithmic_) {
    const double factor = std::pow(high_ / low_, margin);
    low_ /= factor;
    high_ *= factor;
  } else if (with_margin) {
    const double more = (high_ - low_) * margin;
    low_ -= more;
    high_ += more;
  }
  low_ = axis.low.value_or(low_);
  high_ = axis.high.value_or(high_);
  if (!(low_ < high_)) high_ = logarithmic_ ? low_ * 10 : low_ + 1;
}

bool Scale::shows(double value) const { return std::isfinite(value) && (!logarithmic_ || value > 0); }

double Scale::place(double value) const {
  const double share =
      logarithmic_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
  return first_ + std::clamp(share, -20.0, 20.0) * (last_ - first_);
}

std::vector<std::pair<double, std::string>> Scale::ticks() const {
  std::vector<std::pair<double, std::string>> result;
  const auto add = [&](double value) {
    // A multiple of the step that is zero but for its rounding.
    if (std::abs(value) < (high_ - low_) * 1e-9 && !logarithmic_) value = 0;
    if (value >= low_ * (1 - 1e-9) - (logarithmic_ ? 0 : (high_ - low_) * 1e-9) &&
        value <= high_ + (high_ - low_) * 1e-9)
      result.emplace_back(value, io::significant(value, 6));
  };
  if (!logarithmic_) {
    const double step = round_step((high_ - low_) / most_ticks);
    for (double i = std::ceil(low_ / step - 1e-9); i * step <= high_ + step * 1e-9; ++i) add(i * step);
    return result;
  }
  const double first = std::floor(std::log10(low_)), last = std::ceil(std::log10(high_));
  const double every = std::max(1.0, std::ceil((last - first) / (most_ticks + 1)));
  for (double power = first; power <= last; power += every) {
    // A narrow axis has ticks between the powers as well.
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor == 1 || high_ < 100 * low_) add(factor * std::pow(10, power));
    }
  }
  return result;
}

}  // namespace quench::train
