// The images that stand in when CIFAR-10 is absent.
#include "data/cifar10.h"
#include "data/drawing.h"
#include "data/scene.h"

namespace quench {
namespace {

constexpr std::int64_t train_size = 50000, test_size = 10000;
constexpr Drawing scenes{
    .channels = cifar10::channels, .side = cifar10::side, .classes = cifar10::classes, .draw = draw_scene};

}  // namespace

Dataset generated_shapes(std::uint64_t seed, Executor* executor) {
  Executor& threads = executor != nullptr ? *executor : default_executor();
  Dataset shapes{"cifar10", true, draw_images(scenes, seed, 0, train_size, threads),
                 draw_images(scenes, seed, train_size, test_size, threads)};
  shapes.train.set_normalization(cifar10::normalization);
  shapes.test.set_normalization(cifar10::normalization);
  return shapes;
}

}  // namespace quench
