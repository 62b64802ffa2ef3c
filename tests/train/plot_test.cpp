// Scales and drawings.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "io/json_value.h"
#include "train/plot/page.h"
#include "train/plot/scale.h"
#include "train/plot/svg.h"

namespace {

using namespace quench;
using train::Chart;
using train::Scale;
using train::Series;

std::vector<double> tick_values(const Scale& scale) {
  std::vector<double> values;
  for (const auto& tick : scale.ticks()) values.push_back(tick.first);
  return values;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++found;
  return found;
}

Chart chart_of(std::vector<double> x, std::vector<double> y, bool logarithmic = false) {
  return {.name = "c",
          .title = "<&\"title\">",
          .x = {.label = "x"},
          .y = {.label = "y", .logarithmic = logarithmic},
          .series = {{.name = "s</script>", .x = std::move(x), .y = std::move(y)}}};
}

TEST_SUITE("plots") {
  TEST_CASE("a linear axis has round ticks within its limits") {
    const Scale scale({.low = 0.0, .high = 100.0}, {}, 0, 200, true);
    CHECK(tick_values(scale) == std::vector<double>{0, 20, 40, 60, 80, 100});
    CHECK(scale.place(50) == 100);
    CHECK(scale.ticks()[1].second == "20");
    const Scale around({.low = -0.3, .high = 0.3}, {}, 0, 1, true);
    CHECK(around.ticks()[3].second == "0");
  }

  TEST_CASE("a logarithmic axis has powers of ten, a narrow one what is between") {
    const Scale wide({.logarithmic = true}, {1e-4, 0.2}, 0, 1, false);
    CHECK(tick_values(wide).size() == 4);
    CHECK(tick_values(wide)[0] == doctest::Approx(1e-4));
    const Scale narrow({.logarithmic = true}, {0.03, 0.1}, 0, 1, false);
    CHECK(tick_values(narrow).size() == 2);
    CHECK(narrow.ticks()[0].second == "0.05");
    CHECK_FALSE(wide.shows(0));
    CHECK_FALSE(wide.shows(-1));
    CHECK(wide.place(std::sqrt(1e-4 * 0.2)) == doctest::Approx(0.5));
  }

  TEST_CASE("an axis without points, and one with a single value, still have a length") {
    for (const std::vector<double>& values : {std::vector<double>{}, {NAN, INFINITY}, {3}, {0}, {-2, -2}}) {
      for (const bool logarithmic : {false, true}) {
        const Scale scale({.logarithmic = logarithmic}, values, 0, 100, true);
        CHECK(scale.low() < scale.high());
        CHECK(std::isfinite(scale.place(scale.high())));
        CHECK(scale.ticks().size() < 20);
      }
    }
  }

  TEST_CASE("text is escaped, everywhere") {
    const std::vector<Chart> charts = {chart_of({1, 2}, {3, 4})};
    const std::string drawing = train::svg_file(charts);
    CHECK(drawing.find("&lt;&amp;&quot;title&quot;&gt;") != std::string::npos);
    CHECK(drawing.find("s</script>") == std::string::npos);
    const std::string page = train::html({.title = "<b>", .tables = {{"t", {{"<i>"}}}}, .figures = {charts}});
    CHECK(page.find("<b>") == std::string::npos);
    CHECK(page.find("<i>") == std::string::npos);
    CHECK(count(page, "</script>") == 2);  // of the data, of the program
    CHECK(count(page, "http") == 2);       // the name space of SVG, twice
  }

  TEST_CASE("gaps where a point cannot be shown, a dot for one alone") {
    const auto curve = [](const Chart& chart) {
      const std::string drawing = train::svg(std::vector<Chart>{chart}, "i");
      const std::size_t start = drawing.find("<path class=\"l0\"");
      return start == std::string::npos ? std::string() : drawing.substr(start, drawing.find("/>", start) - start);
    };
    CHECK(count(curve(chart_of({1, 2, 3, 4}, {1, 2, 3, 4})), "M") == 1);
    CHECK(count(curve(chart_of({1, 2, 3, 4, 5}, {1, 2, NAN, 4, 5})), "M") == 2);
    CHECK(count(curve(chart_of({1, 2, 3, 4, 5}, {1, 2, -3, 4, 5}, true)), "M") == 2);
    const Chart isolated = chart_of({1, 2, 3, 4, 5}, {1, 2, NAN, 4, NAN});
    CHECK(count(curve(isolated), "M") == 1);
    CHECK(count(train::svg(std::vector<Chart>{isolated}, "i"), "<circle") == 1);
    CHECK(count(train::svg(std::vector<Chart>{chart_of({1, 2, 3, 4, 5}, {1, NAN, 3, NAN, 5})}, "i"), "<circle") ==
          3);
    CHECK(curve(chart_of({1, 2}, {1, NAN})).empty());
    CHECK(train::svg(std::vector<Chart>{chart_of({1, 2}, {1, NAN})}, "i").find("<circle") != std::string::npos);
    CHECK(curve(chart_of({}, {})).empty());
  }

  TEST_CASE("long curves are thinned, their ends kept") {
    std::vector<double> x(100001), y(100001);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = y[i] = static_cast<double>(i);
    const std::string data = train::hover_data(std::vector<Chart>{chart_of(x, y)});
    CHECK(data.size() < 60000);
    const io::JsonValue parsed = io::parse_json(data);
    CHECK(parsed.items[0].find("s")->items[0].find("x")->items.back().number() == 100000);
    CHECK(parsed.items[0].find("s")->items[0].find("n")->text == "s</script>");
  }

  TEST_CASE("a title that would be too long is smaller, others are left alone") {
    Chart chart = chart_of({1}, {1});
    chart.title = std::string(50, 'x');
    CHECK(count(train::svg({&chart, 1}, "a"), "font-size") == 0);
    chart.title += chart.title;
    CHECK(count(train::svg({&chart, 1}, "a"), "style=\"font-size:7.7px\"") == 1);
  }

  TEST_CASE("dots have bars where their interval is known, beside the curve, and are rings on a dashed one") {
    Chart chart = chart_of({1, 2, 3}, {1, 2, std::nan("")});
    Series& series = chart.series[0];
    series.dots = true;
    series.low = {0.5, std::nan(""), 0};
    series.high = {1.5, std::nan(""), 1};
    std::string drawing = train::svg({&chart, 1}, "a");
    CHECK(count(drawing, "<circle") == 2 + 1);  // and in the legend
    CHECK(count(drawing, "class=\"p0\"") == 3);
    CHECK(count(drawing, "class=\"l0\"/>") == 1 + 1);
    CHECK(count(drawing, "class=\"b0\"") == 0);
    series.shift = 5;
    CHECK(train::svg({&chart, 1}, "a") != drawing);
    series.line = Series::Line::dashed;
    drawing = train::svg({&chart, 1}, "a");
    CHECK(count(drawing, "class=\"l0 op\"") == 3);
    series.line = Series::Line::none;
    CHECK(count(train::svg({&chart, 1}, "a"), "<circle") == 2 + 1);
    series.line = Series::Line::solid;
    series.y[1] = std::nan("");
    CHECK(count(train::svg({&chart, 1}, "a"), "<circle") == 1 + 1);
  }
}

}  // namespace
