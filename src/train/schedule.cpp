#include "train/schedule.h"

#include <cmath>
#include <utility>

#include "io/little_endian.h"
#include "io/numbers.h"
#include "quench/detectors.h"
#include "quench/error.h"

namespace quench::train {
namespace {

using io::csv_cell;
using io::to_text;

/// An epoch watches the true displacements of this part of the parameters, the next epoch another.
constexpr std::int64_t watch_parts = 32;

FdrOptions fdr_options(const Settings& settings) {
  return {.threshold = settings.fdr_threshold,
          .decay = settings.fdr_decay,
          .lagged_velocity = settings.fdr_lagged,
          .demand_equilibrium = settings.fdr_equilibrium};
}

CutOptions cut_options(const Settings& settings) {
  return {.decay = settings.schedule == "fdr" ? settings.fdr_decay : 1.0 - settings.cut_factor,
          .lr_min = settings.lr_min,
          .max_cuts = settings.max_cuts};
}

/// Whether the learning rate is no detector's business.
bool never_cuts(const Settings& settings) {
  return settings.schedule == "constant" || settings.schedule == "stages";
}

std::unique_ptr<Detector> make_active(const Settings& settings, const Parameters& parameters) {
  if (settings.schedule == "fdr" || never_cuts(settings)) return nullptr;
  if (settings.schedule == "preset") {
    return std::make_unique<PresetDetector>(PresetOptions{.epochs = settings.preset_epochs});
  }
  return make_detector(settings.schedule, parameters);
}

std::string yes_or_no(bool value) { return value ? "1" : "0"; }

}  // namespace

std::vector<std::string> decision_columns() {
  return {"epoch", "step", "detector", "active",   "t",  "window_start", "statistic", "limit",  "spent",
          "O_L",   "O_R",  "ratio",    "ratio_sd", "lr", "next_lr",      "cut",       "reason", "outcome"};
}

std::vector<std::string> layer_columns() { return {"epoch", "step", "tensor", "O_L", "O_R", "ratio"}; }

bool wants_velocity(const Settings& settings) {
  return settings.schedule == "pflug" || settings.detectors == "all" || settings.fdr_lagged;
}

Schedule::Schedule(const Parts& parts, const Settings& settings, std::int64_t steps_per_epoch)
    : parts_(parts),
      settings_(settings),
      steps_per_epoch_(steps_per_epoch),
      fdr_(fdr_options(settings)),
      active_(make_active(settings, parts.parameters)),
      cutter_(cut_options(settings)),
      tensors_(parts.parameters.tensors.size(), steps_per_epoch, settings.fdr_lagged),
      audit_(steps_per_epoch) {
  if (settings.theta_c) shift_.emplace(dynamic_cast<Sgd&>(parts.optimizer), parts.parameters, steps_per_epoch);
  if (settings.detectors != "none") {
    for (const std::string_view name : detector_names()) {
      const bool dear = name == "pflug";  // wants the velocity of a run without momentum stored
      const bool of_velocity = dear || name == "sasa";
      if (name == "preset" || name == settings.schedule || (dear && settings.detectors != "all")) continue;
      if (of_velocity && settings.optimizer != "sgd") continue;
      watchers_.push_back({make_detector(name, parts.parameters)});
    }
  }
  for (const Parameter& tensor : parts.parameters.tensors) tensor_names_.push_back(tensor.name);
}

void Schedule::begin() {
  audit_.restart(parts_.optimizer.norms());
  for (Watcher& watcher : watchers_) watcher.detector->restart();
  active().restart();
}

void Schedule::begin_epoch(std::int64_t epoch) {
  epoch_ = epoch;
  cut_in_epoch_ = false;
  prepare_epoch();
  audit_.watch(parts_.optimizer.norms());
}

void Schedule::continue_epoch() { prepare_epoch(); }

void Schedule::prepare_epoch() {
  steps_.reserve(static_cast<std::size_t>(3 * steps_per_epoch_));
  fdr_.reserve(steps_per_epoch_);
  if (active_) active_->reserve(steps_per_epoch_);
  for (Watcher& watcher : watchers_) watcher.detector->reserve(steps_per_epoch_);
  parts_.optimizer.watch((epoch_ - 1) % watch_parts, watch_parts);
}

void Schedule::step(double loss) {
  ++step_;
  const Observables& sums = parts_.optimizer.observables();
  const FdrSides sides = fdr_sides(sums, settings_.fdr_lagged);
  steps_.insert(steps_.end(), {loss, sides.o_l, sides.o_r});
  fdr_.observe(loss, sums);
  if (active_) active_->observe(loss, sums);
  for (Watcher& watcher : watchers_) watcher.detector->observe(loss, sums);
  tensors_.observe(parts_.optimizer.per_tensor());
  audit_.observe(sums);
  if (audit_.wants_norms()) audit_.mark(parts_.optimizer.norms());
  // The end of an epoch has its own test.
  if (tests_steps() && fdr_.averages().steps() % settings_.fdr_every == 0 && step_ % steps_per_epoch_ != 0)
    decide();
}

FdrRow Schedule::end_epoch() {
  const Norms now = parts_.optimizer.norms();
  const Observables& last = parts_.optimizer.observables();
  FdrRow row;
  row.theta_squared = now.theta_theta;
  row.v_squared = now.v_v;
  if (std::isnan(now.v_v) && settings_.optimizer == "sgd") {  // not stored: v' = -a g
    const double a = 1.0 - last.dampening;
    row.v_squared = a * a * last.g_g;
  }
  row.verdict = fdr_verdict(fdr_.averages(), {.threshold = settings_.fdr_threshold,
                                              .steps_per_epoch = steps_per_epoch_,
                                              .weight_decay = settings_.weight_decay,
                                              // Or where a stage began.
                                              .after_cut = fdr_.averages().steps() < step_});
  if (const FdrWindow& w = row.verdict.whole; w.steps() >= 4)
    row.levels = fdr_.averages().level_errors(w.first, w.last);
  row.audit = audit_.check(fdr_.averages(), last, now);
  if (shift_) row.shifted = shift_->end_of_period(fdr_.averages());
  write_layers();
  write_steps();
  watch_others();
  if (!tests_steps() || fdr_.averages().steps() % settings_.fdr_every == 0) decide();
  row.cut = cut_in_epoch_;
  row.next_lr = parts_.optimizer.lr;
  return row;
}

bool Schedule::tests_steps() const {
  return settings_.fdr_every > 0 && !never_cuts(settings_) && settings_.schedule != "preset";
}

bool Schedule::decide() {
  if (never_cuts(settings_)) return false;
  Detector& detector = active();
  const Decision decision = cutter_.decide(detector.test(), parts_.optimizer.lr);
  write_decision(detector, true, decision);
  if (!decision.cut) return false;
  parts_.optimizer.lr = decision.next_lr;
  cut_in_epoch_ = true;
  restart();
  return true;
}

void Schedule::watch_others() {
  const float lr = parts_.optimizer.lr;
  for (Watcher& watcher : watchers_) {
    const Finding finding = watcher.detector->test();
    if (!finding.spent) continue;
    write_decision(*watcher.detector, false, {.finding = finding, .lr = lr, .next_lr = lr, .outcome = "would cut"});
    watcher.detector->restart();
  }
  if (settings_.schedule == "fdr" || settings_.optimizer != "sgd" || settings_.detectors == "none") return;
  // Its averages are those of the log and go on: said once for as long as it holds.
  const Finding finding = fdr_.test();
  if (finding.spent && !fdr_was_spent_) {
    write_decision(fdr_, false, {.finding = finding, .lr = lr, .next_lr = lr, .outcome = "would cut"});
  }
  fdr_was_spent_ = finding.spent;
}

void Schedule::restart() {
  const std::int64_t phase = step_ % steps_per_epoch_;
  fdr_.restart();
  fdr_was_spent_ = false;
  if (active_) active_->restart();
  for (Watcher& watcher : watchers_) watcher.detector->restart();
  tensors_.restart(phase);
  if (shift_) shift_->restart();
  audit_.restart(parts_.optimizer.norms(), phase);
}

void Schedule::write_decision(const Detector& detector, bool is_active, const Decision& decision) {
  const FdrWindow w = fdr_.averages().half_running();
  parts_.decisions.add(std::vector<std::string>{
      to_text(epoch_), to_text(step_), std::string(detector.name()), yes_or_no(is_active), to_text(w.last),
      to_text(w.first), csv_cell(decision.finding.statistic), csv_cell(decision.finding.limit),
      yes_or_no(decision.finding.spent), csv_cell(w.o_l), csv_cell(w.o_r), csv_cell(w.ratio), csv_cell(w.ratio_sd),
      to_text(decision.lr), to_text(decision.next_lr), yes_or_no(decision.cut), decision.finding.reason,
      decision.outcome});
}

void Schedule::write_layers() {
  const std::vector<TensorSides> tensors = tensors_.half_running();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    parts_.layers.add(std::vector<std::string>{to_text(epoch_), to_text(step_), tensor_names_[i],
                                               csv_cell(tensors[i].o_l), csv_cell(tensors[i].o_r),
                                               csv_cell(tensors[i].ratio)});
  }
}

void Schedule::write_steps() {
  std::string bytes;
  bytes.reserve(8 * steps_.size());
  for (const double value : steps_) io::append_little_endian(bytes, value);
  steps_.clear();
  parts_.steps.add(std::move(bytes));
}

void Schedule::archive(Archive& archive) {
  const Archive::Group group(archive, "schedule");
  const auto part = [&](std::string_view name, auto& object) {
    const Archive::Group own(archive, name);
    object.archive(archive);
  };
  part("fdr", fdr_);
  if (active_) part("active", *active_);
  part("cutter", cutter_);
  for (const Watcher& watcher : watchers_) part(watcher.detector->name(), *watcher.detector);
  part("tensors", tensors_);
  if (shift_) part("shift", *shift_);
  part("audit", audit_);
  archive.values("steps", steps_);
  archive.count("epoch", epoch_);
  archive.count("step", step_);
  archive.value("fdr_was_spent", fdr_was_spent_);
  archive.value("cut_in_epoch", cut_in_epoch_);
  const std::int64_t into_epoch = step_ % steps_per_epoch_, ended = step_ / steps_per_epoch_;
  const bool between = into_epoch == 0 && epoch_ == ended;  // two epochs, or before the first
  if ((epoch_ != ended + 1 && !between) || steps_.size() != static_cast<std::size_t>(3 * into_epoch)) {
    throw Error("state schedule: found " + to_text(steps_.size()) + " numbers of the steps of epoch " +
                to_text(epoch_) + ", expected 3 for each of " + to_text(into_epoch) + " up to step " +
                to_text(step_));
  }
}

}  // namespace quench::train
