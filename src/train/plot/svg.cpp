#include "train/plot/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "io/json.h"
#include "io/numbers.h"
#include "io/text.h"
#include "train/plot/scale.h"

namespace quench::train {
namespace {

using io::joined;
using io::to_text;

// In units of the drawing.
constexpr double drawing_width = 520;
constexpr double left = 66, right = drawing_width - 14;
constexpr double title_height = 26, legend_line = 19, plot_height = 200, below = 46;
constexpr double letter = 7.1;  // width of one, about
constexpr double title_size = 14, title_letter = 8;
constexpr double sample = 22;  // of a line in the legend
constexpr std::size_t most_points = 2000;

struct Colour {
  const char* light;
  const char* dark;
};
constexpr std::array<Colour, 11> palette = {{{"#0b62b8", "#6cb4ff"},
                                             {"#c2410c", "#ff9d5c"},
                                             {"#137a3f", "#58cf8b"},
                                             {"#7a3fb5", "#c39bff"},
                                             {"#b01455", "#ff85b6"},
                                             {"#5f6b00", "#cfd84a"},
                                             {"#00707a", "#4fd3de"},
                                             {"#6b4a2f", "#d9b48f"},
                                             {"#a16207", "#f2c14e"},
                                             {"#d6409f", "#ff9ae0"},
                                             {"#475569", "#aebfd4"}}};  // as many as figure 2b has stages

/// "3", or "t", the colour of text.
std::string colour_name(int colour) {
  return colour < 0 ? "t" : to_text(static_cast<std::size_t>(colour) % palette.size());
}

std::string pixel(double value) {
  std::string text = io::fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string attribute(std::string_view name, double value) {
  return joined({" ", name, "=\"", pixel(value), "\""});
}

std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
  return joined({"<line", attribute("x1", x1), attribute("y1", y1), attribute("x2", x2), attribute("y2", y2),
                 " class=\"", style, "\"/>\n"});
}

std::string text(double x, double y, std::string_view style, std::string_view words, std::string_view more = {}) {
  return joined({"<text", attribute("x", x), attribute("y", y), " class=\"", style, "\"", more, ">", escaped(words),
                 "</text>\n"});
}

std::string dot(double x, double y, std::string_view style) {
  return joined({"<circle", attribute("cx", x), attribute("cy", y), " r=\"3\" class=\"", style, "\"/>\n"});
}

/// Full, but of a dashed or dotted curve, where they are rings.
std::string dot_style(const Series& series) {
  const bool ring = series.line == Series::Line::dashed || series.line == Series::Line::dotted;
  return (ring ? "l" : "p") + colour_name(series.colour) + (ring ? " op" : "");
}

const char* line_style(Series::Line kind) {
  switch (kind) {
    case Series::Line::solid:
      return "";
    case Series::Line::dashed:
      return " da";
    case Series::Line::dotted:
      return " do";
    case Series::Line::faint:
      return " fa";
    case Series::Line::none:
      break;
  }
  return " no";
}

/// Which points are drawn: all, or every so many and the last.
std::vector<std::size_t> chosen_points(std::size_t count) {
  std::vector<std::size_t> result;
  const std::size_t every = (count + most_points - 1) / most_points;
  for (std::size_t i = 0; i < count; i += std::max<std::size_t>(every, 1)) result.push_back(i);
  if (count > 0 && result.back() != count - 1) result.push_back(count - 1);
  return result;
}

struct LegendItem {
  const Series* series;
  double x;
  int row;
};

/// One chart of a drawing: where its parts are.
struct Panel {
  const Chart& chart;
  double top;  // of the whole panel
  std::vector<LegendItem> legend{};
  int legend_rows = 0;

  Panel(const Chart& shown, double at) : chart(shown), top(at) {
    double x = left;
    for (const Series& series : chart.series) {
      if (series.name.empty()) continue;
      const double wide = sample + 6 + letter * static_cast<double>(series.name.size()) + 16;
      if (legend_rows == 0 || (x + wide > right && x > left)) {
        x = left;
        ++legend_rows;
      }
      legend.push_back({&series, x, legend_rows - 1});
      x += wide;
    }
  }

  double plot_top() const { return top + title_height + legend_line * legend_rows + 6; }
  double plot_bottom() const { return plot_top() + plot_height; }
  double bottom() const { return plot_bottom() + below; }

  Scale x_scale() const {
    std::vector<double> values;
    for (const Series& series : chart.series) values.insert(values.end(), series.x.begin(), series.x.end());
    return {chart.x, values, left, right, false};
  }
  Scale y_scale() const {
    std::vector<double> values = chart.rules;
    for (const Series& series : chart.series) {
      values.insert(values.end(), series.y.begin(), series.y.end());
      values.insert(values.end(), series.low.begin(), series.low.end());
      values.insert(values.end(), series.high.begin(), series.high.end());
    }
    return {chart.y, values, plot_bottom(), plot_top(), true};
  }
};

std::vector<Panel> arrange(std::span<const Chart> charts) {
  std::vector<Panel> panels;
  double top = 0;
  for (const Chart& chart : charts) top = panels.emplace_back(chart, top).bottom();
  return panels;
}

/// A smaller size for a title that would be too long; nothing for others.
std::string title_fit(std::string_view title) {
  const double share = (right - left) / (title_letter * static_cast<double>(title.size()));
  return share >= 1 ? std::string() : joined({" style=\"font-size:", pixel(title_size * share), "px\""});
}

std::string draw_frame(const Panel& panel, const Scale& x, const Scale& y) {
  const Chart& chart = panel.chart;
  std::string out = text(left, panel.top + 18, "ti", chart.title, title_fit(chart.title));
  for (const LegendItem& item : panel.legend) {
    const double at = panel.top + title_height + legend_line * item.row + 12;
    const std::string colour = colour_name(item.series->colour);
    if (item.series->dots) {
      out += dot(item.x + sample / 2, at - 4, dot_style(*item.series));
    } else if (!item.series->low.empty()) {
      out += joined({"<rect", attribute("x", item.x), attribute("y", at - 10), attribute("width", sample),
                     attribute("height", 12), " class=\"b", colour, "\"/>\n"});
    }
    if (item.series->line != Series::Line::none) {
      out += line(item.x, at - 4, item.x + sample, at - 4, joined({"l", colour, line_style(item.series->line)}));
    }
    out += text(item.x + sample + 6, at, "la", item.series->name);
  }
  for (const auto& [value, words] : y.ticks()) {
    const double at = y.place(value);
    out += line(left, at, right, at, "gr") + text(left - 7, at + 4, "la en", words);
  }
  for (const auto& [value, words] : x.ticks()) {
    const double at = x.place(value);
    out += line(at, panel.plot_bottom(), at, panel.plot_bottom() + 4, "ax") +
           text(at, panel.plot_bottom() + 18, "la mi", words);
  }
  out += line(left, panel.plot_bottom(), right, panel.plot_bottom(), "ax");
  out += text((left + right) / 2, panel.plot_bottom() + 36, "la mi", chart.x.label);
  const double middle = (panel.plot_top() + panel.plot_bottom()) / 2;
  out += text(14, middle, "la mi", chart.y.label, joined({" transform=\"rotate(-90 14 ", pixel(middle), ")\""}));
  return out;
}

std::string draw_band(const Series& series, const Scale& x, const Scale& y) {
  std::string there, back;
  const auto close = [&] {
    std::string path = there.empty() ? std::string() : joined({"M", there.substr(1), back, "Z"});
    there.clear();
    back.clear();
    return path;
  };
  std::string path;
  for (const std::size_t i : chosen_points(series.low.size())) {
    if (!x.shows(series.x[i]) || !std::isfinite(series.low[i]) || !y.shows(series.high[i])) {
      path += close();
      continue;
    }
    const std::string at = pixel(x.place(series.x[i])) + ' ';
    there += joined({"L", at, pixel(y.place(series.high[i]))});
    // A band that reaches below what a logarithmic axis has goes to its lower end.
    back = joined({"L", at, pixel(y.place(y.shows(series.low[i]) ? series.low[i] : y.low())), back});
  }
  path += close();
  return path.empty() ? path : joined({"<path class=\"b", colour_name(series.colour), "\" d=\"", path, "\"/>\n"});
}

std::string draw_curve(const Series& series, const Scale& x, const Scale& y) {
  std::string path, dots, stretch;
  std::size_t points = 0;  // of the stretch
  double first_x = 0, first_y = 0, last = 0;
  const auto close = [&] {
    if (points == 1) {  // a path of one point is invisible
      if (!series.dots) dots += dot(first_x, first_y, "p" + colour_name(series.colour));
    } else {
      path += stretch;
    }
    stretch.clear();
    points = 0;
  };
  for (const std::size_t i : chosen_points(series.x.size())) {
    if (!x.shows(series.x[i]) || !y.shows(series.y[i])) {
      close();
      continue;
    }
    const double px = x.place(series.x[i]), py = y.place(series.y[i]);
    if (points == 0) {
      first_x = px;
      first_y = py;
    }
    if (points > 0 && series.stairs) stretch += joined({"L", pixel(px), " ", pixel(last)});
    stretch += joined({points > 0 ? "L" : "M", pixel(px), " ", pixel(py)});
    last = py;
    ++points;
  }
  close();
  if (path.empty()) return dots;
  return joined(
      {"<path class=\"l", colour_name(series.colour), line_style(series.line), "\" d=\"", path, "\"/>\n", dots});
}

std::string draw_dots(const Series& series, const Scale& x, const Scale& y) {
  std::string out;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!x.shows(series.x[i]) || !y.shows(series.y[i])) continue;
    const double px = x.place(series.x[i]) + series.shift;
    if (!series.low.empty() && y.shows(series.low[i]) && y.shows(series.high[i]))
      out += line(px, y.place(series.low[i]), px, y.place(series.high[i]), "l" + colour_name(series.colour));
    out += dot(px, y.place(series.y[i]), dot_style(series));
  }
  return out;
}

std::string draw(const Panel& panel, const std::string& clip) {
  const Scale x = panel.x_scale(), y = panel.y_scale();
  const double top = panel.plot_top(), bottom = panel.plot_bottom();
  std::string out = draw_frame(panel, x, y);
  out += joined({"<clipPath id=\"", clip, "\"><rect", attribute("x", left), attribute("y", top - 2),
                 attribute("width", right - left), attribute("height", plot_height + 4),
                 "/></clipPath>\n<g clip-path=\"url(#", clip, ")\">\n"});
  for (const Series& series : panel.chart.series) {
    if (!series.dots) out += draw_band(series, x, y);
  }
  for (const double rule : panel.chart.rules) {
    if (y.shows(rule)) out += line(left, y.place(rule), right, y.place(rule), "ru");
  }
  for (const auto& [at, words] : panel.chart.marks) {
    if (!x.shows(at)) continue;
    out += joined(
        {"<g><title>", escaped(words), "</title>", line(x.place(at), top, x.place(at), bottom, "ma"), "</g>\n"});
  }
  for (const Series& series : panel.chart.series) {
    if (series.line != Series::Line::none) out += draw_curve(series, x, y);
    if (series.dots) out += draw_dots(series, x, y);
  }
  return out + "</g>\n";
}

std::string body(std::span<const Chart> charts, std::string_view id) {
  std::string out;
  for (const Panel& panel : arrange(charts)) {
    out += draw(panel, std::string(id) + "-" + to_text(static_cast<int>(panel.top)));
  }
  return out;
}

std::string opening(std::span<const Chart> charts, std::string_view more) {
  std::string titles;
  for (const Chart& chart : charts) titles += (titles.empty() ? "" : "; ") + chart.title;
  return joined({"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", pixel(drawing_width), " ",
                 pixel(arrange(charts).back().bottom()), "\" role=\"img\" aria-label=\"", escaped(titles), "\"",
                 more, ">\n"});
}

std::string colours(const char* text, const char* muted, const char* grid, const char* Colour::*which) {
  std::string out = joined({".ti{fill:", text, "}.la{fill:", muted, "}.gr{stroke:", grid, "}.ax{stroke:", muted,
                            "}.ma{stroke:", muted, "}.ru{stroke:", muted, "}.lt{stroke:", text, "}.bt{fill:", text,
                            "}.pt{fill:", text, "}\n"});
  for (std::size_t i = 0; i < palette.size(); ++i) {
    const std::string name = to_text(i), colour = palette[i].*which;
    out += joined({".l", name, "{stroke:", colour, "}.b", name, ",.p", name, "{fill:", colour, "}"});
  }
  return out + "\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string svg_style() {
  std::string out = "svg text{font:13px system-ui,sans-serif}svg .ti{font-weight:600;font-size:14px}";
  out += ".en{text-anchor:end}.mi{text-anchor:middle}\n";
  out += "svg path,svg line{fill:none;stroke-width:1.6}.gr{stroke-width:1}.ax{stroke-width:1}";
  out += ".ma{stroke-width:1;stroke-dasharray:2 3;opacity:.5}.ru{stroke-width:1;stroke-dasharray:6 4}";
  out +=
      ".da{stroke-dasharray:7 4}.do{stroke-dasharray:1.5 "
      "3.5}.fa{opacity:.45;stroke-width:1}.op{fill:none;stroke-width:1.6}";
  out += "[class^=b]{fill-opacity:.2;stroke:none}\n";
  out += colours("#15191e", "#525c68", "#e2e6ea", &Colour::light);
  const std::string dark = colours("#eef1f4", "#a9b4c0", "#333b44", &Colour::dark);
  out += "@media (prefers-color-scheme:dark){\n" + dark + "}\n";
  return out;
}

std::string svg(std::span<const Chart> charts, std::string_view id) {
  return opening(charts, {}) + body(charts, id) + "</svg>\n";
}

std::string svg_file(std::span<const Chart> charts) {
  return opening(charts, " width=\"780\"") + "<style>\n.pa{fill:#fff}\n" + svg_style() +
         "@media (prefers-color-scheme:dark){.pa{fill:#14181d}}\n</style>\n"
         "<rect class=\"pa\" width=\"100%\" height=\"100%\"/>\n" +
         body(charts, "c") + "</svg>\n";
}

std::string hover_data(std::span<const Chart> charts) {
  std::string out = "[";
  for (const Panel& panel : arrange(charts)) {
    const Scale x = panel.x_scale();
    out += joined({out.size() > 1 ? "," : "", "{\"l\":", pixel(left), ",\"r\":", pixel(right), ",\"t\":",
                   pixel(panel.plot_top()), ",\"b\":", pixel(panel.plot_bottom()), ",\"lo\":", to_text(x.low()),
                   ",\"hi\":", to_text(x.high()), ",\"log\":", x.logarithmic() ? "1" : "0",
                   ",\"x\":", io::json_string(panel.chart.x.label), ",\"s\":["});
    bool first = true;
    for (const Series& series : panel.chart.series) {
      if (series.line == Series::Line::none) continue;
      std::string xs, ys;
      for (const std::size_t i : chosen_points(series.x.size())) {
        const bool known = std::isfinite(series.y[i]);
        xs += joined({xs.empty() ? "" : ",", io::significant(series.x[i], 7)});
        ys += joined({ys.empty() ? "" : ",", known ? io::significant(series.y[i], 5) : std::string("null")});
      }
      out += joined({first ? "" : ",", "{\"n\":", io::json_string(series.name), ",\"c\":\"",
                     colour_name(series.colour), "\",\"x\":[", xs, "],\"y\":[", ys, "]}"});
      first = false;
    }
    out += "]}";
  }
  out += "]";
  // Within a page "<" could end the script element.
  for (std::size_t at = 0; (at = out.find('<', at)) != std::string::npos;) out.replace(at, 1, "\\u003c");
  return out;
}

}  // namespace quench::train
