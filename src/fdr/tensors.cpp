#include <limits>
#include <string>

#include "core/float_environment.h"
#include "fdr/compensated_sum.h"
#include "fdr/half_window.h"
#include "fdr/sides.h"
#include "quench/error.h"
#include "quench/fdr.h"
#include "quench/fdr_tensors.h"

namespace quench {

struct FdrTensors::State {
  struct Sums {
    fdr::CompensatedSum o_l, o_r;
  };
  struct Stored {
    double o_l = 0, o_r = 0;
  };
  std::vector<Sums> sums;      // of each tensor, since the restart
  std::vector<Stored> stored;  // sums at the beginnings of windows: one a tensor, beginning by beginning
  std::vector<std::int64_t> beginnings;
  std::size_t next = 0;  // the first beginning that a later end may ask for
  fdr::HalfWindows windows;
  bool lagged_velocity;

  State(std::size_t tensors, std::int64_t steps_per_epoch, bool lagged)
      : sums(tensors), windows(steps_per_epoch), lagged_velocity(lagged) {}

  void store() {
    if (!windows.at_beginning()) return;
    beginnings.push_back(windows.steps());
    for (const Sums& s : sums) stored.push_back({s.o_l.value(), s.o_r.value()});
  }
  void reserve() {
    beginnings.reserve(beginnings.size() + 4);
    stored.reserve(stored.size() + 4 * sums.size());
  }
};

FdrTensors::FdrTensors(std::size_t tensors, std::int64_t steps_per_epoch, bool lagged_velocity) {
  if (steps_per_epoch < 1)
    throw Error("an epoch of " + std::to_string(steps_per_epoch) + " steps, expected at least 1");
  state_ = std::make_unique<State>(tensors, steps_per_epoch, lagged_velocity);
  restart();
}
FdrTensors::~FdrTensors() = default;
FdrTensors::FdrTensors(FdrTensors&&) noexcept = default;
FdrTensors& FdrTensors::operator=(FdrTensors&&) noexcept = default;

void FdrTensors::observe(std::span<const Observables> per_tensor) {
  const FloatEnvironment environment;
  State& s = *state_;
  if (per_tensor.size() != s.sums.size()) {
    throw Error("observables of " + std::to_string(per_tensor.size()) + " tensors, expected " +
                std::to_string(s.sums.size()));
  }
  for (std::size_t i = 0; i < per_tensor.size(); ++i) {
    const FdrSides sides = fdr::sides_of(per_tensor[i], s.lagged_velocity);
    s.sums[i].o_l.add(sides.o_l);
    s.sums[i].o_r.add(sides.o_r);
  }
  s.windows.step();
  s.store();
}

std::vector<TensorSides> FdrTensors::half_running() {
  const FloatEnvironment environment;
  State& s = *state_;
  if (!s.windows.at_end()) {
    throw Error("averages of tensors after " + std::to_string(s.windows.steps()) +
                " steps, expected the end of an epoch");
  }
  const std::int64_t first = s.windows.steps() / 2;
  while (s.next < s.beginnings.size() && s.beginnings[s.next] < first) ++s.next;
  if (s.next == s.beginnings.size() || s.beginnings[s.next] != first)
    throw Error("averages of tensors: no sums were stored after " + std::to_string(first) + " steps");
  const auto n = static_cast<double>(s.windows.steps() - first);
  std::vector<TensorSides> result;
  for (std::size_t i = 0; i < s.sums.size(); ++i) {
    const State::Stored& start = s.stored[s.next * s.sums.size() + i];
    TensorSides sides{(s.sums[i].o_l.value() - start.o_l) / n, (s.sums[i].o_r.value() - start.o_r) / n,
                      std::numeric_limits<double>::quiet_NaN()};
    if (sides.o_r > 0) sides.ratio = sides.o_l / sides.o_r;
    result.push_back(sides);
  }
  s.reserve();
  return result;
}

void FdrTensors::archive(Archive& archive) {
  State& s = *state_;
  for (std::size_t i = 0; i < s.sums.size(); ++i) {
    const Archive::Group group(archive, std::to_string(i));
    s.sums[i].o_l.archive(archive, "o_l");
    s.sums[i].o_r.archive(archive, "o_r");
  }
  std::vector<double> numbers;
  for (const State::Stored& stored : s.stored) numbers.insert(numbers.end(), {stored.o_l, stored.o_r});
  archive.values("stored", numbers);
  archive.values("beginnings", s.beginnings);
  archive.value("next", s.next);
  s.windows.archive(archive);
  if (!archive.reading()) return;
  if (numbers.size() != 2 * s.sums.size() * s.beginnings.size() || s.next > s.beginnings.size())
    throw Error("the sums of tensors in the archive are of different lengths");
  s.stored.clear();
  for (std::size_t i = 0; i < numbers.size(); i += 2) s.stored.push_back({numbers[i], numbers[i + 1]});
  s.reserve();
}

void FdrTensors::restart(std::int64_t phase) {
  State& s = *state_;
  s.sums.assign(s.sums.size(), {});
  s.stored.clear();
  s.beginnings.clear();
  s.next = 0;
  s.windows.restart(phase);
  s.reserve();
  s.store();
}

}  // namespace quench
