#include "bench.h"

#include <filesystem>
#include <tuple>

#include "io/numbers.h"
#include "kernels/kernels.h"
#include "peak.h"
#include "quench/error.h"

namespace quench::bench {
namespace {

/// Where images come from.
struct Source {
  const char* folder;  // below --data
  DataState (*state)(const std::filesystem::path& folder);
  Dataset (*load)(const std::filesystem::path& folder);
  Dataset (*generate)();
};

const Source& source_of(Images images) {
  static constexpr Source mnist = {"mnist", mnist_state, load_mnist, [] { return generated_digits(); }};
  static constexpr Source cifar10 = {"cifar-10-batches-bin", cifar10_state, load_cifar10,
                                     [] { return generated_shapes(); }};
  return images == Images::mnist ? mnist : cifar10;
}

}  // namespace

const Loops& Bench::loops() const { return loops_for(kernels::table().name); }

const Dataset& Bench::data(Images images) {
  const auto [found, fresh] = data_.try_emplace(images);
  Dataset& data = found->second;
  if (!fresh) return data;
  const Source& source = source_of(images);
  const std::filesystem::path given(options_.data);
  const std::filesystem::path folder = source.state(given) != DataState::absent ? given : given / source.folder;
  const bool there = source.state(folder) != DataState::absent || options_.data_given;
  data = there ? source.load(folder) : source.generate();
  const auto size = [](const ImageSet& set) { return io::grouped(static_cast<std::uint64_t>(set.size())); };
  report_.add_data(
      (data.generated ? "GENERATED images, not " + data.name : data.name + " from " + folder.string()) + ", " +
      size(data.train) + " to train, " + size(data.test) + " to test");
  return data;
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
