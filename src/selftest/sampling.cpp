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

/// An epoch for each chain. Chains, epochs and cases are told apart by the number of the epoch.
void ChainBatches::draw() {
  std::uint16_t* to = drawn_.data();
  for (std::size_t chain = 0; chain < chains_; ++chain) {
    const std::uint64_t number = (options_.number << 40) + static_cast<std::uint64_t>(epoch_) * chains_ + chain;
    const EpochOptions epoch{
        .batch = options_.batch, .seed = options_.seed, .epoch = static_cast<std::int64_t>(number)};
    for (const Batch& drawn : options_.shuffled ? images_.shuffled(epoch) : images_.iid(epoch)) {
      for (const std::uint32_t example : drawn.indices) *to++ = static_cast<std::uint16_t>(example);
    }
  }
  ++epoch_;
}

}  // namespace quench::selftest
