#include "bench.h"

#include <filesystem>
#include <tuple>

#include "io/numbers.h"
#include "kernels/kernels.h"
#include "peak.h"
#include "quench/error.h"

namespace quench::bench {

const Loops& Bench::loops() const { return loops_for(kernels::table().name); }

const Dataset& Bench::data() {
  if (data_) return *data_;
  const std::filesystem::path given(options_.data);
  const std::filesystem::path folder = mnist_state(given) != DataState::absent ? given : given / "mnist";
  if (mnist_state(folder) != DataState::absent || options_.data_given) {
    data_ = load_mnist(folder);
  } else {
    data_ = generated_digits();
  }
  const auto images = [](const ImageSet& set) { return io::grouped(static_cast<std::uint64_t>(set.size())); };
  report_.set_data((data_->generated ? "GENERATED images, not mnist" : "mnist from " + folder.string()) + ", " +
                   images(data_->train) + " to train, " + images(data_->test) + " to test");
  return *data_;
}

const std::pair<std::string, double>& Bench::level_of(double bytes, int threads) {
  for (const Level& level : memory_levels(threads)) {
    if (bytes > level.capacity) continue;
    const auto [found, fresh] = levels_.try_emplace({threads, level.capacity});
    if (fresh) found->second = {level.name, read_bandwidth(loops(), level, threads, 3).median};
    return found->second;
  }
  throw Error("no level of memory holds " + io::to_text(bytes) + " bytes");
}

void Bench::add(const std::string& name, int threads, const Timing& timing, const Work& work) {
  Row row{.name = name, .threads = threads, .value = scaled(timing.seconds, 1e6)};
  row.flops = work.flops;
  row.inside = work.inside;
  row.bytes = work.bytes;
  row.peak = timing.peak;
  row.share = work.share;
  row.images = work.images;
  const double footprint = work.footprint > 0 ? work.footprint : work.bytes;
  if (footprint > 0) std::tie(row.level, row.bandwidth) = level_of(footprint, threads);
  report_.add(std::move(row));
}

void Bench::add_figure(const std::string& name, int threads, const std::string& unit, const Statistics& value) {
  report_.add({.name = name, .threads = threads, .unit = unit, .value = value});
}

}  // namespace quench::bench
