#include "core/random.h"

#include <cmath>

#include "core/math.h"

namespace quench {
namespace {

constexpr int rounds = 10;
constexpr std::uint32_t multiplier_0 = 0xD2511F53U, multiplier_1 = 0xCD9E8D57U;  // of the paper's table 2
constexpr std::uint32_t weyl_0 = 0x9E3779B9U;  // added to the key between rounds: the golden ratio
constexpr std::uint32_t weyl_1 = 0xBB67AE85U;  // and sqrt(3) - 1

struct Words {
  std::uint32_t w0, w1, w2, w3;
};

inline Words philox_round(Words c, std::uint32_t key_0, std::uint32_t key_1) {
  const std::uint64_t product_0 = std::uint64_t{multiplier_0} * c.w0;
  const std::uint64_t product_1 = std::uint64_t{multiplier_1} * c.w2;
  return {static_cast<std::uint32_t>(product_1 >> 32) ^ c.w1 ^ key_0, static_cast<std::uint32_t>(product_1),
          static_cast<std::uint32_t>(product_0 >> 32) ^ c.w3 ^ key_1, static_cast<std::uint32_t>(product_0)};
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  Words c{counter[0], counter[1], counter[2], counter[3]};
  for (int round = 0; round < rounds; ++round) {
    c = philox_round(c, key[0], key[1]);
    key[0] += weyl_0;
    key[1] += weyl_1;
  }
  return {c.w0, c.w1, c.w2, c.w3};
}

Random::Random(std::uint64_t seed, Stream stream, std::uint64_t index)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(index),
               static_cast<std::uint32_t>(index >> 32)},
      buffer_{} {}

void Random::refill() {
  Words c[blocks];
  for (std::uint32_t b = 0; b < blocks; ++b) c[b] = {counter_[0] + b, counter_[1], counter_[2], counter_[3]};
  std::uint32_t key_0 = key_[0], key_1 = key_[1];
  for (int round = 0; round < rounds; ++round) {
    for (Words& words : c) words = philox_round(words, key_0, key_1);
    key_0 += weyl_0;
    key_1 += weyl_1;
  }
  for (std::size_t b = 0; b < blocks; ++b) {
    buffer_[4 * b] = c[b].w0;
    buffer_[4 * b + 1] = c[b].w1;
    buffer_[4 * b + 2] = c[b].w2;
    buffer_[4 * b + 3] = c[b].w3;
  }
  counter_[0] += blocks;
  used_ = 0;
}

float Random::uniform() { return static_cast<float>(next() >> 8) * 0x1p-24F; }

float Random::uniform(float lo, float hi) {
  const float span = hi - lo;
  const float offset = span * uniform();
  return lo + offset;
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  constexpr double pi = 3.14159265358979323846;
  const double u = (next() + 0.5) * 0x1p-32;  // never 0, so the logarithm is finite
  const double angle = 2 * pi * (next() * 0x1p-32);
  const double radius = std::sqrt(-2 * logarithm(u));
  spare_ = radius * sine(angle);
  has_spare_ = true;
  return radius * cosine(angle);
}

}  // namespace quench
