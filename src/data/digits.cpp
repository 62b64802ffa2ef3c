// The images that stand in when MNIST is absent.
#include "data/drawing.h"
#include "data/handwriting.h"

namespace quench {
namespace {

constexpr std::int64_t train_size = 60000, test_size = 10000;
constexpr Drawing handwritten{.channels = 1, .side = Canvas::side, .classes = 10, .draw = write_digit};

}  // namespace

Dataset generated_digits(std::uint64_t seed, Executor* executor) {
  Executor& threads = executor != nullptr ? *executor : default_executor();
  Dataset digits{"mnist", true, draw_images(handwritten, seed, 0, train_size, threads),
                 draw_images(handwritten, seed, train_size, test_size, threads)};
  const Normalization normalization = digits.train.zero_mean_unit_variance();
  digits.train.set_normalization(normalization);
  digits.test.set_normalization(normalization);
  return digits;
}

}  // namespace quench
