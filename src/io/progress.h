// How far a training run is, as a line that redraws itself on a terminal or as plain lines elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace quench::io {

/// Formats and paces the messages; the sink prints them. Times are seconds on the caller's clock, so that tests
/// have no clock of their own to wait for.
class Progress {
 public:
  enum class Style {
    none,   ///< says nothing
    live,   ///< one line, redrawn in place at most every 0.1 s
    plain,  ///< whole lines: at the end of the first epoch, then at most every 5 s
  };
  using Sink = std::function<void(std::string_view)>;

  /// What 100 % is.
  struct Job {
    std::int64_t epochs = 1;
    std::int64_t steps_per_epoch = 1;
    std::int64_t images_per_step = 1;
  };

  /// width: columns of the terminal; a live line is cut to width - 1, since a line that wraps cannot be redrawn.
  Progress(Style style, Job job, Sink sink, int width = 80);

  /// epoch counts from 1.
  void begin_epoch(std::int64_t epoch, double now);
  /// `done` steps of the epoch are done, with this mean loss. Costs a comparison unless a message is due.
  void step(std::int64_t done, double mean_loss, double now);
  /// Wipes the live line, so that something else can be printed; the next due step draws it again.
  void clear();

 private:
  std::string message(std::int64_t done, double mean_loss, double now) const;

  Style style_;
  Job job_;
  Sink sink_;
  std::size_t width_;
  std::int64_t epoch_ = 0;
  double run_start_ = 0;
  double epoch_start_ = 0;
  double last_ = 0;          // when the last message was printed
  bool printed_ = false;     // whether any was
  std::size_t on_line_ = 0;  // columns the live line occupies
};

}  // namespace quench::io
