#include "selftest/sampling.h"

namespace quench::selftest {
namespace {

ImageSet empty_images(int count) {
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  return {1, 1, 1, 1, bytes, bytes};
}

}  // namespace

ChainBatches::ChainBatches(const Options& options, std::size_t chains)
    : options_(options),
      chains_(chains),
      images_(empty_images(options.examples)),
      steps_(options.examples / options.batch),
      drawn_(static_cast<std::size_t>(steps_ * options.batch) * chains) {
  step_ = steps_ - 1;
}

void ChainBatches::next() {
  if (++step_ < steps_) return;
  step_ = 0;
  draw();
}

std::span<const std::uint16_t> ChainBatches::examples() const {
  const std::size_t length = chains_ * static_cast<std::size_t>(options_.batch);
  return std::span(drawn_).subspan(static_cast<std::size_t>(step_) * length, length);
}

/// An epoch for each chain. Chains, epochs and cases are told apart by the number of the epoch.
void ChainBatches::draw() {
  const auto batch = static_cast<std::size_t>(options_.batch);
  for (std::size_t chain = 0; chain < chains_; ++chain) {
    const std::uint64_t number = (options_.number << 40) + static_cast<std::uint64_t>(epoch_) * chains_ + chain;
    const EpochOptions epoch{
        .batch = options_.batch, .seed = options_.seed, .epoch = static_cast<std::int64_t>(number)};
    std::uint16_t* to = drawn_.data() + chain * batch;
    for (const Batch& drawn : options_.shuffled ? images_.shuffled(epoch) : images_.iid(epoch)) {
      for (std::size_t b = 0; b < batch; ++b) to[b] = static_cast<std::uint16_t>(drawn.indices[b]);
      to += chains_ * batch;
    }
  }
  ++epoch_;
}

}  // namespace quench::selftest
