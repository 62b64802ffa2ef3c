// The vector types themselves, as this compiler's baseline has them; other instruction sets are tested through
// their kernels.
#include "kernels/simd.h"

#include <doctest/doctest.h>

#include "kernels/oracle.h"

namespace {

namespace k = quench::kernels;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// What f gives for each lane of some awkward numbers, checked one by one.
template <typename Vectors, typename Scalars>
void check_lanes(Vectors vectors, Scalars scalars) {
  const float a[16] = {0.0F,  -0.0F,  1.0F, -1.5F, 2.5F,     1e-40F,    3e9F,         -3e9F,
                       1e30F, -1e30F, 0.1F, 7.0F,  infinity, -infinity, not_a_number, 16777217.0F};
  const float b[16] = {-0.0F, 0.0F,  not_a_number, 2.0F, 2.5F,     1.0F, -3.0F, 4.0F,
                       1.0F,  -2.0F, 0.2F,         0.0F, infinity, 1.0F, 1.0F,  3.0F};
  float result[16];
  k::store(result, vectors(k::load(a), k::load(b)));
  for (int i = 0; i < 16; ++i) {
    INFO("lane " << i << ": " << a[i] << " and " << b[i]);
    CHECK(oracle::same(result[i], scalars(a[i], b[i])));
  }
}

}  // namespace

TEST_CASE("arithmetic on vectors is arithmetic on lanes") {
  check_lanes([](auto a, auto b) { return a + b; }, [](float a, float b) { return a + b; });
  check_lanes([](auto a, auto b) { return a - b; }, [](float a, float b) { return a - b; });
  check_lanes([](auto a, auto b) { return a * b; }, [](float a, float b) { return a * b; });
  check_lanes([](auto a, auto b) { return a / b; }, [](float a, float b) { return a / b; });
  check_lanes([](auto a, auto) { return -a; }, [](float a, float) { return -a; });
  check_lanes([](auto a, auto) { return k::sqrt(a); }, [](float a, float) { return std::sqrt(a); });
  check_lanes([](auto a, auto) { return a + k::splat(-0.0F); }, [](float a, float) { return a; });
}

TEST_CASE("max keeps NaN and prefers its first operand, relu keeps NaN") {
  check_lanes([](auto a, auto b) { return k::max(a, b); },
              [](float a, float b) { return std::isnan(a) || std::isnan(b) ? not_a_number
                                            : b > a                        ? b
                                                                           : a; });
  check_lanes([](auto a, auto) { return k::relu(a); }, [](float a, float) { return a <= 0.0F ? 0.0F : a; });
}

TEST_CASE("conversion to integers truncates, clamps what does not fit, and makes NaN 0") {
  check_lanes([](auto a, auto) { return k::to_float(k::to_int(a)); },
              [](float a, float) {
                if (std::isnan(a)) return 0.0F;
                return static_cast<float>(
                    static_cast<std::int32_t>(std::fmin(std::fmax(a, -2147483520.0F), 2147483520.0F)));
              });
}

TEST_CASE("live_lanes counts from the first lane and never beyond a group") {
  for (const std::int64_t live : {-5, 0, 1, 15, 16, 17, 1000}) {
    float result[16];
    k::store(result, k::select(k::live_lanes(3, live), k::splat(1.0F), k::zero()));
    for (int i = 0; i < 16; ++i) CHECK(result[i] == (3 + i < live ? 1.0F : 0.0F));
  }
}
