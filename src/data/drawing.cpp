#include "data/drawing.h"

#include <utility>
#include <vector>

#include "core/parallel.h"
#include "data/data_file.h"

namespace quench {
namespace {

constexpr std::int64_t chunk = 100;  // images a thread takes at a time

}  // namespace

ImageSet draw_images(const Drawing& drawing, std::uint64_t seed, std::int64_t first, std::int64_t size,
                     Executor& executor) {
  const auto image_bytes = static_cast<std::size_t>(drawing.channels * drawing.side * drawing.side);
  std::vector<std::uint8_t> pixels = image_memory(static_cast<std::uint64_t>(size) * image_bytes);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(size));
  parallel_for(executor, size / chunk, [&](std::int64_t c) {
    for (std::int64_t i = c * chunk; i < (c + 1) * chunk; ++i) {
      const auto at = static_cast<std::size_t>(i);
      Random random(seed, Stream::images, static_cast<std::uint64_t>(first + i));
      labels[at] = static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(drawing.classes)));
      drawing.draw(labels[at], random, std::span(pixels).subspan(at * image_bytes, image_bytes));
    }
  });
  return {drawing.channels, drawing.side, drawing.side, drawing.classes, std::move(pixels), std::move(labels)};
}

}  // namespace quench
