// Diagrams as SVG: for a page, and as files of their own.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "train/plot/chart.h"

namespace quench::train {

/// The text with what markup would take for its own replaced: & < > and quotes; control bytes become blanks.
std::string escaped(std::string_view text);

/// Colours and lines of the drawings, for light and for dark surroundings (CSS).
std::string svg_style();

/// The drawing without colours of its own: a page that shows it has svg_style(). Charts stand below each other,
/// those of one figure share the width of `svg_width` units and grow with their place. id: a word that no other
/// drawing of the page has.
std::string svg(std::span<const Chart> charts, std::string_view id);

/// A whole file: the drawing with its colours on a ground of its own.
std::string svg_file(std::span<const Chart> charts);

/// What a page needs to tell the values under the pointer: for each chart the frame in units of the drawing, the
/// limits of x, and the curves' points. JSON without '<'.
std::string hover_data(std::span<const Chart> charts);

}  // namespace quench::train
