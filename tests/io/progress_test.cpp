#include "io/progress.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace quench::io;

namespace {

struct Screen {
  std::string text;
  Progress::Sink sink() {
    return [this](std::string_view more) { text += more; };
  }
  std::string take() {
    std::string taken;
    taken.swap(text);
    return taken;
  }
};

constexpr Progress::Job job{.epochs = 10, .steps_per_epoch = 600, .images_per_step = 100};

}  // namespace

TEST_CASE("a live line says epoch, step, loss, rate and time left") {
  Screen screen;
  Progress progress(Progress::Style::live, job, screen.sink());
  progress.begin_epoch(1, 100);
  progress.step(300, 0.34567, 101);  // 300 steps in 1 s: 5700 left take 19 s
  CHECK(screen.take() == "\repoch 1/10  step 300/600  loss 0.3457  30,000 images/s  ETA 0:19");
}

TEST_CASE("a live line is redrawn at most every tenth of a second") {
  Screen screen;
  Progress progress(Progress::Style::live, job, screen.sink());
  progress.begin_epoch(1, 0);
  progress.step(1, 1, 0.05);
  CHECK(screen.take().empty());
  progress.step(2, 1, 0.11);
  CHECK_FALSE(screen.take().empty());
  progress.step(3, 1, 0.15);
  progress.step(4, 1, 0.2);
  CHECK(screen.take().empty());
  progress.step(5, 1, 0.22);
  CHECK_FALSE(screen.take().empty());
}

TEST_CASE("a shorter live line wipes the end of a longer one, and clear wipes it all") {
  Screen screen;
  Progress progress(Progress::Style::live, job, screen.sink());
  progress.begin_epoch(1, 0);
  progress.step(100, 1000.5, 1);
  const std::size_t longer = screen.take().size();
  progress.step(100, 1.5, 2);
  const std::string shorter = screen.take();
  CHECK(shorter.size() == longer);
  CHECK(shorter.back() == ' ');
  progress.clear();
  const std::string wiped = screen.take();
  CHECK(wiped.front() == '\r');
  CHECK(wiped.back() == '\r');
  CHECK(wiped.find_first_not_of("\r ") == std::string::npos);
  progress.clear();
  CHECK(screen.take().empty());
}

TEST_CASE("a live line is cut to the width of the terminal") {
  Screen screen;
  Progress progress(Progress::Style::live, job, screen.sink(), 20);
  progress.begin_epoch(1, 0);
  progress.step(300, 0.5, 1);
  CHECK(screen.take() == "\repoch 1/10  step 30");
}

TEST_CASE("plain lines come at the end of the first epoch and then every five seconds") {
  Screen screen;
  Progress progress(Progress::Style::plain, job, screen.sink());
  progress.begin_epoch(1, 0);
  progress.step(599, 0.5, 0.9);
  CHECK(screen.take().empty());
  progress.step(600, 0.5, 1);
  CHECK(screen.take() == "epoch 1/10  step 600/600  loss 0.5000  60,000 images/s  ETA 0:09\n");
  progress.begin_epoch(2, 1);
  progress.step(600, 0.4, 2);
  CHECK(screen.take().empty());
  progress.begin_epoch(3, 2);
  progress.step(300, 0.3, 6.5);
  CHECK(screen.take().starts_with("epoch 3/10  step 300/600  loss 0.3000"));
  progress.clear();
  CHECK(screen.take().empty());
}

TEST_CASE("a long first epoch speaks before its end") {
  Screen screen;
  Progress progress(Progress::Style::plain, job, screen.sink());
  progress.begin_epoch(1, 0);
  progress.step(10, 0.5, 5);
  CHECK(screen.take() == "epoch 1/10  step 10/600  loss 0.5000  200 images/s  ETA 49:55\n");
}

TEST_CASE("no progress says nothing") {
  Screen screen;
  Progress progress(Progress::Style::none, job, screen.sink());
  progress.begin_epoch(1, 0);
  progress.step(600, 0.5, 1000);
  progress.clear();
  CHECK(screen.take().empty());
}
