#include "selftest/selftest.h"

#include <cmath>

namespace quench::selftest {
namespace {

constexpr Group all[] = {
    {"a quadratic loss with additive noise, one parameter", quadratic},
    {"two parameters, noise that does not commute with the Hessian", correlated},
    {"ridge regression on four examples, mini-batches of B", ridge},
    {"a walk between walls, in exact arithmetic", walk},
    {"beyond second moments", moments},
    {"epochs of the shipped shuffler, in units of independent draws", shuffling},
    {"relations of a loss that is not harmonic, both sides measured", relations},
};

}  // namespace

double Check::deviation() const { return sigma == 0 && measured == expected ? 0 : (measured - expected) / sigma; }

bool passes(const Check& check) { return std::abs(check.deviation()) <= bound; }

std::span<const Group> groups() { return all; }

std::vector<Check> selftest(const SelftestOptions& options) {
  std::vector<Check> checks;
  for (const Group& group : groups()) {
    for (Check& check : group.run(options)) checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace quench::selftest
