#include "io/progress.h"

#include <algorithm>
#include <utility>

#include "io/numbers.h"

namespace quench::io {
namespace {

constexpr double live_interval = 0.1;
constexpr double plain_interval = 5.0;

}  // namespace

Progress::Progress(Style style, Job job, Sink sink, int width)
    : style_(style), job_(job), sink_(std::move(sink)), width_(static_cast<std::size_t>(std::max(width, 2))) {}

void Progress::begin_epoch(std::int64_t epoch, double now) {
  if (epoch_ == 0) run_start_ = last_ = now;
  epoch_ = epoch;
  epoch_start_ = now;
}

void Progress::step(std::int64_t done, double mean_loss, double now) {
  if (style_ == Style::none) return;
  const bool first_epoch_ends = style_ == Style::plain && !printed_ && done == job_.steps_per_epoch;
  const double interval = style_ == Style::live ? live_interval : plain_interval;
  if (now - last_ < interval && !first_epoch_ends) return;
  last_ = now;
  printed_ = true;

  std::string text = message(done, mean_loss, now);
  if (style_ == Style::plain) {
    sink_(text + '\n');
    return;
  }
  if (text.size() > width_ - 1) text.resize(width_ - 1);
  const std::size_t length = text.size();
  // Blanks over what a longer line before left; no escape sequence is needed, so that every terminal is served.
  if (on_line_ > length) text.append(on_line_ - length, ' ');
  on_line_ = length;
  sink_('\r' + text);
}

void Progress::clear() {
  if (on_line_ == 0) return;
  sink_('\r' + std::string(on_line_, ' ') + '\r');
  on_line_ = 0;
}

std::string Progress::message(std::int64_t done, double mean_loss, double now) const {
  const double in_epoch = now - epoch_start_;
  const double images = static_cast<double>(done * job_.images_per_step);
  const double total_done = static_cast<double>((epoch_ - 1) * job_.steps_per_epoch + done);
  const double total = static_cast<double>(job_.epochs * job_.steps_per_epoch);
  const double remaining = total_done > 0 ? (now - run_start_) / total_done * (total - total_done) : -1;
  std::string text = "epoch " + to_text(epoch_) + "/" + to_text(job_.epochs);
  text += "  step " + to_text(done) + "/" + to_text(job_.steps_per_epoch);
  text += "  loss " + fixed(mean_loss, 4);
  if (in_epoch > 0) text += "  " + grouped(static_cast<std::uint64_t>(images / in_epoch)) + " images/s";
  return text + "  ETA " + clock_time(remaining);
}

}  // namespace quench::io
