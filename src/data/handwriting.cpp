#include "data/handwriting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/math.h"
#include "data/digit_strokes.h"

namespace quench {
namespace {

constexpr int steps = 5;  // straight segments that a curve between two knots is drawn with
constexpr std::size_t most_segments = std::size_t{most_knots} * steps;

/// How this writer's hand differs from the printed glyph, in units of the glyph's height.
struct Hand {
  float wobble;                  // every knot goes astray on its own by this much
  float bend_x[2], bend_y[2];    // amplitudes of smooth distortions: waves over the height and over the width
  float phase_x[2], phase_y[2];  // where these waves begin, in radians
  float waist, sag;              // upper against lower half: width and height
  float xx, xy, yx, yy;          // aspect, slant and rotation as a matrix
  float radius;                  // of the pen, in pixels
  float pressure;                // how much the radius varies along a stroke, relative
  float softness;                // of the edges, in pixels
  float ink;                     // 1 or, with a dry pen, less
  float grain;                   // roughness of the ink
  float corners;                 // fraction of the corners that become round
};

float normal(Random& random, float deviation) { return static_cast<float>(random.normal()) * deviation; }

/// exp of a normal number: 1 give or take a relative deviation.
float around_one(Random& random, float deviation) {
  return static_cast<float>(exponential(random.normal() * static_cast<double>(deviation)));
}

float wave(float angle) { return static_cast<float>(sine(static_cast<double>(angle))); }

Hand choose_hand(float freedom, Random& random) {
  Hand hand{};
  const float sloppiness = freedom * around_one(random, 0.32F);  // a neat or a hasty writer
  hand.wobble = 0.022F * sloppiness;
  for (int i = 0; i < 2; ++i) {
    hand.bend_x[i] = normal(random, 0.060F * sloppiness);
    hand.bend_y[i] = normal(random, 0.045F * sloppiness);
    hand.phase_x[i] = random.uniform(-3.15F, 3.15F);
    hand.phase_y[i] = random.uniform(-3.15F, 3.15F);
  }
  hand.waist = normal(random, 0.16F);
  hand.sag = normal(random, 0.20F);
  const float aspect = around_one(random, 0.17F), slant = 0.12F + normal(random, 0.22F);
  const double angle = random.normal() * 0.10;
  const float c = static_cast<float>(cosine(angle)), s = static_cast<float>(sine(angle));
  // Rotation after slant after aspect; y points down, so the minus makes a positive slant lean to the right.
  hand.xx = c * aspect;
  hand.xy = -c * slant - s;
  hand.yx = s * aspect;
  hand.yy = c - s * slant;
  hand.radius = std::clamp(1.3F * around_one(random, 0.27F), 0.75F, 2.6F);
  hand.pressure = random.uniform(0.02F, 0.18F);
  hand.softness = random.uniform(0.6F, 1.1F);
  const float dry = random.uniform();
  hand.ink = dry < 0.1F ? 0.7F + 3 * dry : 1.0F;
  hand.grain = random.uniform(0.0F, 0.35F);
  hand.corners = random.uniform();
  return hand;
}

/// Where this hand puts a glyph's point; each call draws a wobble of its own.
Point distort(const Hand& hand, Random& random, Point p) {
  float x = p.x - 0.33F, y = p.y - 0.5F;
  for (int i = 0; i < 2; ++i) {
    const float frequency = 3.2F * static_cast<float>(i + 1);  // in radians: half a wave over the digit, and one
    x += hand.bend_x[i] * wave(frequency * p.y + hand.phase_x[i]);
    y += hand.bend_y[i] * wave(frequency * p.x + hand.phase_y[i]);
  }
  x += normal(random, hand.wobble);
  y += normal(random, hand.wobble);
  x *= 1 + hand.waist * y * 2;
  y += hand.sag * (0.25F - y * y);
  return {hand.xx * x + hand.xy * y, hand.yx * x + hand.yy * y};
}

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(float s, Point a) { return {s * a.x, s * a.y}; }
float length(Point a) { return std::sqrt(a.x * a.x + a.y * a.y); }

/// A knot where the hand put it.
struct Place {
  Knot::Kind kind;
  Point at;
  float radius;
};

/// The unit-speed velocity at a smooth knot between two neighbours: that of the parabola through the three.
Point velocity(Point before, Point at, Point after) {
  constexpr float tiny = 1e-6F;
  const Point in = at - before, out = after - at;
  const float in_length = length(in) + tiny, out_length = length(out) + tiny;
  return (1 / (in_length + out_length)) * ((out_length / in_length) * in + (in_length / out_length) * out);
}

/// The strokes as straight segments, in units of the glyph.
class Path {
 public:
  /// Joins knots by cubic curves that pass smoothly through those of kind bend.
  void trace(std::span<const Place> places) {
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (places[i].kind == Knot::Kind::start) continue;
      const Point a = places[i - 1].at, b = places[i].at;
      const float chord = length(b - a);
      const bool smooth_a = places[i - 1].kind == Knot::Kind::bend;
      const bool smooth_b =
          places[i].kind == Knot::Kind::bend && i + 1 < places.size() && places[i + 1].kind != Knot::Kind::start;
      Point va{}, vb{};
      if (smooth_a) va = chord * velocity(places[i - 2].at, a, b);
      if (smooth_b) vb = chord * velocity(a, b, places[i + 1].at);
      // At an end or a corner nothing prescribes the velocity: the one that makes the curve a parabola.
      if (!smooth_a) va = smooth_b ? 2.0F * (b - a) - vb : b - a;
      if (!smooth_b) vb = smooth_a ? 2.0F * (b - a) - va : b - a;
      curve(a, va, b, vb, places[i - 1].radius, places[i].radius);
    }
  }

  std::span<Segment> segments() { return std::span(segments_).first(count_); }

 private:
  /// Hermite's cubic from a to b with velocities va and vb.
  void curve(Point a, Point va, Point b, Point vb, float radius_a, float radius_b) {
    Point last = a;
    for (int step = 1; step <= steps; ++step) {
      const float t = static_cast<float>(step) / steps, u = 1 - t;
      const Point next = u * u * (1 + 2 * t) * a + t * u * u * va + t * t * (1 + 2 * u) * b - t * t * u * vb;
      segments_[count_++] = {last, next, u * radius_a + t * radius_b};
      last = next;
    }
  }

  std::array<Segment, most_segments> segments_;
  std::size_t count_ = 0;
};

/// Scales the segments to MNIST's box and moves their centre of mass to the middle of the canvas.
void fit(std::span<Segment> segments, float radius) {
  Point low = segments[0].a, high = low, moment{0, 0};
  float mass = 0;
  for (const Segment& s : segments) {
    for (const Point p : {s.a, s.b}) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
    const float weight = length(s.b - s.a) * s.radius;
    moment = moment + 0.5F * weight * (s.a + s.b);
    mass += weight;
  }
  constexpr float box = 20, middle = 0.5F * Canvas::side;
  const float scale = (box - 2 * radius) / std::max(high.x - low.x, high.y - low.y);
  const Point centre = (1 / mass) * moment, offset = Point{middle, middle} - scale * centre;
  for (Segment& s : segments) {
    s.a = scale * s.a + offset;
    s.b = scale * s.b + offset;
  }
}

const Glyph& choose_glyph(int digit, Random& random) {
  const std::span<const Glyph> choices = glyphs(digit);
  int total = 0;
  for (const Glyph& glyph : choices) total += glyph.weight;
  int left = static_cast<int>(random.below(static_cast<std::uint32_t>(total)));
  std::size_t i = 0;
  while (left >= choices[i].weight) left -= choices[i++].weight;
  return choices[i];
}

}  // namespace

void write_digit(int digit, Random& random, std::span<std::uint8_t> image) {
  const Glyph& glyph = choose_glyph(digit, random);
  const Hand hand = choose_hand(glyph.freedom, random);

  std::array<Place, most_knots> places;
  std::size_t count = 0;
  for (const Knot& knot : glyph.knots) {
    const bool rounded = knot.kind == Knot::Kind::corner && random.uniform() < hand.corners;
    places[count++] = {rounded ? Knot::Kind::bend : knot.kind, distort(hand, random, {knot.x, knot.y}),
                       hand.radius * around_one(random, hand.pressure)};
  }
  Path path;
  path.trace(std::span(places).first(count));
  fit(path.segments(), hand.radius);

  Canvas canvas;
  for (const Segment& segment : path.segments()) canvas.draw(segment, hand.softness);
  std::size_t pixel = 0;
  for (const float ink : canvas.pixels()) {
    // Full ink hides the paper's grain, thin ink shows it.
    const float grain = ink > 0 ? hand.grain * (1 - ink) * (random.uniform() - 0.5F) : 0.0F;
    image[pixel++] = grey((ink + grain) * hand.ink);
  }
}

}  // namespace quench
