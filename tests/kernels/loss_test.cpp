#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/oracle.h"

using namespace quench;
using kernels::Block;
using kernels::Table;
using oracle::Buffer;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// The functions' formulas once more, one float at a time.

float scale_by_power_of_two(float y, std::int32_t n) {
  const std::int32_t half = n >> 1;
  return y * std::bit_cast<float>((half + 127) << 23) * std::bit_cast<float>((n - half + 127) << 23);
}

float naive_exp(float x) {
  if (std::isnan(x)) return x;
  if (x > 88.722839F) return infinity;
  if (x < -87.33654F) return 0.0F;
  const float shifted = oracle::fma(x, 1.4426950216293335F, 12582912.0F), n = shifted - 12582912.0F;
  const float r = oracle::fma(n, -1.428606765330187e-06F, oracle::fma(n, -0.693145751953125F, x));
  float q = oracle::fma(0.0013926213141530752F, r, 0.008363203145563602F);
  q = oracle::fma(q, r, 0.041666556149721146F);
  q = oracle::fma(q, r, 0.16666576266288757F);
  q = oracle::fma(q, r, 0.5F);
  const float square = r * r;
  return scale_by_power_of_two(1.0F + oracle::fma(q, square, r), static_cast<std::int32_t>(n));
}

float naive_log(float x) {
  if (std::isnan(x) || x < 0.0F) return not_a_number;
  if (x == 0.0F) return -infinity;
  if (x == infinity) return x;
  std::int32_t e = 0;
  if (x < 1.17549435e-38F) {
    x *= 8388608.0F;
    e = -23;
  }
  const std::int32_t shifted = std::bit_cast<std::int32_t>(x) - 0x3F3504F3;
  e += shifted >> 23;
  const float f = std::bit_cast<float>((shifted & 0x007FFFFF) + 0x3F3504F3) - 1.0F;
  const float s = f / (2.0F + f), z = s * s;
  float r = oracle::fma(0.2958202362060547F, z, 0.399887353181839F);
  r = z * oracle::fma(r, z, 0.6666668653488159F);
  const float half_square = 0.5F * f * f, exponent = static_cast<float>(e);
  const float low = exponent * 1.428606765330187e-06F;
  const float tail = half_square - oracle::fma(s, half_square + r, low);
  return oracle::fma(exponent, 0.693145751953125F, f - tail);
}

/// All of them interesting: signs, ends of the range, subnormal numbers, then random bit patterns.
Buffer interesting_numbers(std::int64_t n) {
  oracle::Source source(3);
  Buffer x(n);
  const float special[] = {0.0F,         -0.0F,           1.0F,           -1.0F,         infinity,    -infinity,
                           not_a_number, 88.722839F,      88.7229F,       88.8F,         -87.33654F,  -87.3366F,
                           1e-45F,       1.17549435e-38F, 1.1754942e-38F, 3.4028235e38F, 0.70710677F, 0.7071068F,
                           1.4142135F,   1.4142137F,      10.0F};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bits = static_cast<std::uint32_t>(source.below(std::int64_t{1} << 32));
    x[i] = i < 21 ? special[i] : i % 3 == 0 ? std::bit_cast<float>(bits) : source.value() * 40.0F;
  }
  return x;
}

/// Error of a float result in units of the last place of the true value.
double ulps(float result, double truth) {
  const auto nearest = static_cast<float>(truth);
  const double ulp =
      static_cast<double>(std::nextafter(std::fabs(nearest), infinity)) - std::fabs(static_cast<double>(nearest));
  return std::fabs(static_cast<double>(result) - truth) / ulp;
}

float naive_max(float a, float b) { return b > a || std::isnan(b) ? b : a; }

Block random_block(oracle::Source& source) {
  const std::int64_t vectors = source.below(4) + 1;
  return {source.below(12) + 1, vectors, 16 * (vectors + source.below(2))};
}

struct Logits {
  Block b;
  std::int64_t live;
  Buffer z;
  std::vector<std::int32_t> labels;

  explicit Logits(oracle::Source& source)
      : b(random_block(source)),
        live(source.below(b.vectors * 16) + 1),
        z(source.buffer(b.rows * b.stride)),
        labels(static_cast<std::size_t>(b.stride)) {
    for (std::int64_t i = 0; i < b.rows * b.stride; ++i) z[i] *= static_cast<float>(source.below(20));
    for (auto& label : labels) label = static_cast<std::int32_t>(source.below(b.rows));
  }
};

}  // namespace

TEST_CASE("exp and log equal their formulas bit for bit and the true values within one unit of the last place") {
  oracle::for_each_table([](const Table& t) {
    constexpr std::int64_t n = 96000;
    const Buffer x = interesting_numbers(n);
    Buffer e(n), l(n);
    t.exp(x.data(), e.data(), n);
    t.log(x.data(), l.data(), n);
    // Rounding every product as well costs the class without fused multiply-adds a little accuracy.
    const double bound = t.numeric_class == std::string("fma") ? 1.0 : 2.0;
    std::int64_t wrong = 0, inaccurate = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (!oracle::same(e[i], naive_exp(x[i])) || !oracle::same(l[i], naive_log(x[i]))) ++wrong;
      const auto value = static_cast<double>(x[i]);
      if (value > -87.3365 && value < 88.7228 && ulps(e[i], std::exp(value)) > bound) ++inaccurate;
      if (value > 0 && std::isfinite(value) && ulps(l[i], std::log(value)) > bound) ++inaccurate;
    }
    INFO(std::string(t.name));
    CHECK(wrong == 0);
    CHECK(inaccurate == 0);
    CHECK(e[6] != e[6]);  // NaN
    CHECK(oracle::same(e[4], infinity));
    CHECK(oracle::same(e[5], 0.0F));
    CHECK(oracle::same(l[0], -infinity));
    CHECK(l[3] != l[3]);  // log of -1
  });
}

TEST_CASE("softmax cross-entropy equals the formula in the order the contract fixes") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(11);
    for (int trial = 0; trial < 100; ++trial) {
      Logits c(source);
      Buffer p(c.b.rows * c.b.stride), dz = source.buffer(c.b.rows * c.b.stride), expected_dz = dz;
      double partial[16] = {};
      const float factor = source.value();
      const bool accumulate = trial % 2 == 1;
      const double loss = t.softmax_cross_entropy(c.b, c.z.data(), c.labels.data(), c.live, p.data());
      bool same = true;
      for (std::int64_t n = 0; n < c.b.vectors * 16; ++n) {
        const auto at = [&](std::int64_t row) { return row * c.b.stride + n; };
        const std::int64_t label = c.labels[static_cast<std::size_t>(n)];
        float m = c.z[at(0)];
        for (std::int64_t r = 1; r < c.b.rows; ++r) m = naive_max(m, c.z[at(r)]);
        float total = naive_exp(c.z[at(0)] - m);
        for (std::int64_t r = 1; r < c.b.rows; ++r) total += naive_exp(c.z[at(r)] - m);
        for (std::int64_t r = 0; r < c.b.rows; ++r) {
          const float probability = naive_exp(c.z[at(r)] - m) / total;
          same = same && oracle::same(p[at(r)], probability);
          const float g = (probability - (r == label ? 1.0F : 0.0F)) * factor;
          if (n < c.live) {
            expected_dz[at(r)] = accumulate ? dz[at(r)] + g : g;
          } else if (!accumulate) {
            expected_dz[at(r)] = 0.0F;
          }
        }
        if (n < c.live) partial[n % 16] += static_cast<double>(naive_log(total) - (c.z[at(label)] - m));
      }
      INFO(std::string(t.name));
      CHECK(same);
      CHECK(oracle::same(loss, oracle::tree(partial)));
      t.softmax_cross_entropy_backward(c.b, p.data(), c.labels.data(), c.live, factor, dz.data(), accumulate);
      CHECK(oracle::first_difference(dz.data(), expected_dz.data(), dz.size()) == -1);
    }
  });
}

TEST_CASE("a NaN or infinite logit makes the loss NaN, whichever class it is in") {
  oracle::for_each_table([](const Table& t) {
    for (const float bad : {not_a_number, infinity}) {
      for (std::int64_t row = 0; row < 3; ++row) {
        Buffer z(3 * 16, 0.5F), p(3 * 16);
        z[row * 16 + 2] = bad;
        const std::vector<std::int32_t> labels(16, 1);
        CHECK(std::isnan(t.softmax_cross_entropy({3, 1, 16}, z.data(), labels.data(), 16, p.data())));
        CHECK_FALSE(std::isnan(t.softmax_cross_entropy({3, 1, 16}, z.data(), labels.data(), 2, p.data())));
      }
    }
  });
}

TEST_CASE("count_correct takes the first of equal logits, live lanes only, and never a lane with a NaN") {
  oracle::for_each_table([](const Table& t) {
    oracle::Source source(13);
    for (int trial = 0; trial < 100; ++trial) {
      Logits c(source);
      for (std::int64_t i = 0; i < c.b.rows * c.b.stride; ++i)
        c.z[i] = static_cast<float>(source.below(3));  // ties
      if (trial % 3 == 0) c.z[source.below(c.b.rows * c.b.stride)] = not_a_number;
      std::int64_t expected = 0;
      for (std::int64_t n = 0; n < c.live; ++n) {
        std::int64_t best = 0;
        bool has_nan = false;
        for (std::int64_t r = 0; r < c.b.rows; ++r) {
          has_nan = has_nan || std::isnan(c.z[r * c.b.stride + n]);
          if (c.z[r * c.b.stride + n] > c.z[best * c.b.stride + n]) best = r;
        }
        if (!has_nan && best == c.labels[static_cast<std::size_t>(n)]) ++expected;
      }
      CHECK(t.count_correct(c.b, c.z.data(), c.labels.data(), c.live) == expected);
    }
  });
}
