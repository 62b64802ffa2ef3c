// What a diagram shows, apart from how it is drawn.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quench::train {

/// A curve, and where it has one, the band around it. Points that are not finite, or not positive on a logarithmic
/// axis, leave a gap.
struct Series {
  enum class Line { solid, dashed, dotted, faint, none };
  std::string name{};
  int colour = 0;  ///< index into the palette; -1 is the colour of text
  Line line = Line::solid;
  std::vector<double> x{}, y{};
  std::vector<double> low{}, high{};  ///< the band; both empty or as long as x
  bool stairs = false;                ///< each value holds until the next
  bool dots = false;                  ///< a dot at each point, with a bar from low to high instead of a band
  double shift = 0;                   ///< of the dots to the right, in units of the drawing: not to cover others
};

struct Axis {
  std::string label{};
  bool logarithmic = false;
  std::optional<double> low{}, high{};  ///< limits; what is not given follows from the points
};

struct Chart {
  std::string name;   ///< of the file, without .svg
  std::string title;  ///< plain text, as all of these
  Axis x, y;
  std::vector<Series> series{};
  std::vector<double> rules{};                          ///< horizontal lines, such as a threshold
  std::vector<std::pair<double, std::string>> marks{};  ///< vertical lines, such as a cut of the learning rate
};

}  // namespace quench::train
