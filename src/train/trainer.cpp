#include "train/trainer.h"

#include <cmath>
#include <string>
#include <string_view>

#include "io/files.h"
#include "io/numbers.h"
#include "nn/parameter_file.h"
#include "quench/error.h"
#include "train/model_file.h"
#include "train/state_file.h"

namespace quench::train {
namespace {

Batches sample_epoch(const Settings& settings, const ImageSet& images, std::int64_t epoch) {
  const EpochOptions options{
      .batch = static_cast<int>(settings.batch), .seed = settings.data_seed, .epoch = epoch - 1};
  return settings.sampling == "iid" ? images.iid(options) : images.shuffled(options);
}

}  // namespace

Trainer::Trainer(const Parts& parts, RunRecord& record)
    : parts_(parts),
      record_(record),
      progress_(
          parts.console.progress_style(),
          {.epochs = record.settings.epochs,
           .steps_per_epoch = record.steps_per_epoch,
           .images_per_step = record.settings.batch},
          [console = &parts.console](std::string_view text) { console->note(text); }, parts.console.width()),
      stages_(stages_of(record.settings)),
      checkpoints_(io::disk(), parts.folder.path()),
      interval_(parse_checkpoint_interval(record.settings.checkpoint_every)) {}

bool Trainer::run() {
  const auto end = [this] {
    record_.seconds = elapsed_before_ + seconds();
    progress_.clear();
  };
  bool done = false;
  try {
    done = train();
  } catch (...) {
    end();
    throw;
  }
  end();
  return done;
}

bool Trainer::train() {
  const Settings& settings = record_.settings;
  parts_.console.result(table_header(parts_.data.test.size(), settings.optimizer == "sgd"));
  if (!resumed_) parts_.schedule.begin();
  checkpoint_step_ = resumed_ ? record_.steps_done : -1;
  checkpoint_time_ = seconds();
  // The products at the end of a stage may be what it was interrupted in.
  bool stage_is_whole = end_stage();
  while (stage_is_whole && position_.epoch <= settings.epochs && parts_.interrupt.signal() == 0) {
    EpochRow row;
    row.epoch = position_.epoch;
    if (!train_epoch(row)) break;
    const std::int64_t every = settings.eval_every;
    const bool last = row.epoch > settings.epochs - settings.eval_last;
    if (every > 0 && (row.epoch % every == 0 || last)) measure(row);
    report(row);
    position_ = {.epoch = row.epoch + 1};
    stage_is_whole = end_stage();
    if (stage_is_whole && checkpoint_is_due()) write_checkpoint();
  }
  if (record_.steps_done != checkpoint_step_) write_checkpoint();
  return stage_is_whole && position_.epoch > settings.epochs;
}

bool Trainer::end_stage() {
  if (!parts_.landscape || !record_.last_row) return true;
  return parts_.landscape->end_stage(record_.last_row->fdr.verdict.whole,
                                     [this] { return parts_.interrupt.signal() != 0; });
}

void Trainer::begin_epoch() {
  const std::int64_t epoch = position_.epoch;
  for (const Stage& stage : stages_) {
    if (stage.first_epoch != epoch || epoch == 1) continue;
    parts_.optimizer.lr = static_cast<float>(stage.lr);
    parts_.optimizer.restart();
    parts_.schedule.begin_stage();
  }
  position_.lr = parts_.optimizer.lr;
  parts_.schedule.begin_epoch(epoch);
  if (parts_.landscape) parts_.landscape->begin_epoch(epoch);
}

bool Trainer::train_epoch(EpochRow& row) {
  const std::int64_t epoch = position_.epoch;
  if (position_.step == 0) {
    begin_epoch();
  } else {
    parts_.schedule.continue_epoch();
  }
  const double start = seconds() - position_.seconds;
  progress_.begin_epoch(epoch, start);
  const Batches batches = sample_epoch(record_.settings, parts_.data.train, epoch);
  while (position_.step < batches.size()) {
    if (parts_.interrupt.signal() != 0) return false;
    position_.loss_sum += step(batches, epoch, position_.step + 1);
    ++position_.step;
    ++record_.steps_done;
    position_.seconds = seconds() - start;
    progress_.step(position_.step, position_.loss_sum / static_cast<double>(position_.step), seconds());
    if (position_.step < batches.size() && checkpoint_is_due()) write_checkpoint();
  }
  row.lr = position_.lr;
  row.step = record_.steps_done;
  row.f_batch = position_.loss_sum / static_cast<double>(batches.size());
  row.seconds = seconds() - start;
  const auto images = static_cast<double>(batches.size() * record_.settings.batch);
  row.images_per_second = row.seconds > 0 ? images / row.seconds : 0;
  parts_.optimizer.flush_tiny();
  row.fdr = parts_.schedule.end_epoch();
  // The last update of the epoch has no step after it that would notice.
  const double theta_squared = row.fdr.theta_squared;
  if (!std::isfinite(theta_squared))
    diverged("squared norm of the parameters", theta_squared, epoch, batches.size());
  if (parts_.landscape) parts_.landscape->end_epoch();
  return true;
}

double Trainer::step(const Batches& batches, std::int64_t epoch, std::int64_t step_of_epoch) {
  const double cross_entropy = parts_.landscape ? parts_.landscape->step(batches, step_of_epoch - 1)
                                                : parts_.optimizer.step(parts_.model, batches[step_of_epoch - 1]);
  if (!std::isfinite(cross_entropy)) diverged("loss", cross_entropy, epoch, step_of_epoch);
  const double loss = cross_entropy + l2(parts_.optimizer.observables().theta_theta);
  if (!std::isfinite(loss)) diverged("loss with weight decay", loss, epoch, step_of_epoch);
  last_finite_loss_ = loss;
  any_finite_loss_ = true;
  parts_.schedule.step(loss);
  return loss;
}

void Trainer::measure(EpochRow& row) {
  const double start = seconds();
  const Evaluation train = parts_.model.evaluate(parts_.data.train);
  const Evaluation test = parts_.model.evaluate(parts_.data.test);
  if (!std::isfinite(train.loss))
    diverged("loss over the training set", train.loss, row.epoch, record_.steps_per_epoch);
  if (!std::isfinite(test.loss)) diverged("loss over the test set", test.loss, row.epoch, record_.steps_per_epoch);
  const double f = train.loss + l2(row.fdr.theta_squared);
  if (!std::isfinite(f))
    diverged("loss over the training set with weight decay", f, row.epoch, record_.steps_per_epoch);
  row.ended = Measurement{.f = f,
                          .cross_entropy = train.loss,
                          .train_accuracy = train.accuracy,
                          .test_cross_entropy = test.loss,
                          .test_accuracy = test.accuracy,
                          .test_accuracy_error = test.accuracy_error,
                          .test_images = test.examples,
                          .seconds = seconds() - start};
}

void Trainer::report(const EpochRow& row) {
  parts_.folder.table(0).add(log_cells(row));
  record_.epochs_done = row.epoch;
  record_.training_seconds += row.seconds;
  record_.last_row = row;
  record_.cuts = parts_.schedule.cuts();
  if (row.ended) {
    record_.last_measurement = row.ended;
    record_.measured_epoch = row.epoch;
  }

  progress_.clear();
  parts_.console.result(table_line(row));
  check_files();
  const AuditResult& audit = row.fdr.audit;
  if (!audit.passed() && !audit_failed_) {
    parts_.console.warning(
        "the audit of epoch " + io::to_text(row.epoch) + " failed: residual " + io::to_text(audit.residual) +
        " of O_R, bound " + io::to_text(audit.bound) + "; drift " + io::to_text(audit.drift_residual) +
        " of |theta|^2, bound " + io::to_text(audit.drift_bound) + ": " +
        (audit.lost_to_rounding()
             ? "updates are " + io::significant(audit.spacings, 2) +
                   " times the spacing of floats at the parameters, and many are lost to rounding; "
                   "the learning rate is too small for them"
             : std::string("O_L, O_R and what the parameters did disagree")));
    audit_failed_ = true;
  }
}

void Trainer::check_files() {
  const std::span<io::CsvTable> tables = parts_.folder.tables();
  file_failed_.resize(tables.size() + 1);
  const auto check = [this](std::size_t i, const std::error_code& error, const std::string& file) {
    if (error && !file_failed_[i]) {
      parts_.console.warning(file + " cannot be written: " + error.message() +
                             "; training goes on, rows are kept and tried again after each epoch");
    } else if (!error && file_failed_[i]) {
      parts_.console.warning(file + " is written again, no row is lost");
    }
    file_failed_[i] = static_cast<bool>(error);
  };
  for (std::size_t i = 0; i < tables.size(); ++i) check(i, tables[i].flush(), tables[i].file().string());
  check(tables.size(), parts_.folder.steps().flush(), parts_.folder.steps().path().string());
}

double Trainer::l2(double theta_squared) const {
  // The update computes with the float nearest to lambda; so does the loss.
  return 0.5 * static_cast<double>(static_cast<float>(record_.settings.weight_decay)) * theta_squared;
}

void Trainer::diverged(const char* what, double value, std::int64_t epoch, std::int64_t step_of_epoch) {
  const std::int64_t step = (epoch - 1) * record_.steps_per_epoch + step_of_epoch;
  std::string message = std::string("the ") + what + " became " + io::to_text(value) + " at step " +
                        io::to_text(step) + " (epoch " + io::to_text(epoch) + ", its step " +
                        io::to_text(step_of_epoch) + " of " + io::to_text(record_.steps_per_epoch) + "), ";
  message += any_finite_loss_ ? "the last finite loss was " + io::to_text(last_finite_loss_)
                              : "no loss before it was finite";
  throw Error(message + "; try a lower --lr than " + io::to_text(record_.settings.lr));
}

double Trainer::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

bool Trainer::checkpoint_is_due() const {
  const std::int64_t steps = record_.steps_done;
  if (steps == checkpoint_step_) return false;
  if (interval_.seconds > 0) return seconds() - checkpoint_time_ >= interval_.seconds;
  if (interval_.steps > 0) return steps % interval_.steps == 0;
  return interval_.epochs > 0 && position_.step == 0 && record_.epochs_done % interval_.epochs == 0;
}

void Trainer::write_checkpoint() {
  std::string failure;
  if (const std::error_code error = parts_.folder.sync()) {
    failure = "the tables cannot be synced: " + error.message();
  } else {
    record_.seconds = elapsed_before_ + seconds();
    Archive state;
    parts_.folder.archive(state);
    archive(state);
    failure = checkpoints_.write(
        record_.steps_done, {.model = parameter_file(parts_.model.parameters(),
                                                     model_metadata(record_, parts_.data.train.normalization())),
                             .state = state_bytes(state),
                             .record = to_json(record_)});
  }
  // Also after a failure: the next try comes as late as the next checkpoint would.
  checkpoint_time_ = seconds();
  checkpoint_step_ = record_.steps_done;
  if (!failure.empty() && !checkpoint_failed_) {
    progress_.clear();
    parts_.console.warning("no checkpoint: " + failure +
                           "; training goes on, and the last one that was written stays");
  } else if (failure.empty() && checkpoint_failed_) {
    parts_.console.warning("checkpoints are written again");
  }
  checkpoint_failed_ = !failure.empty();
}

void Trainer::resume(Archive& archive) {
  this->archive(archive);
  archive.require_all_read();
  const std::int64_t steps = record_.steps_done, per_epoch = record_.steps_per_epoch;
  if (position_.epoch != steps / per_epoch + 1 || position_.step != steps % per_epoch ||
      parts_.schedule.steps() != steps) {
    throw Error("state run: found epoch " + io::to_text(position_.epoch) + " and its step " +
                io::to_text(position_.step) + ", and " + io::to_text(parts_.schedule.steps()) +
                " steps of the schedule, expected those of step " + io::to_text(steps));
  }
  elapsed_before_ = record_.seconds;
  resumed_ = true;
}

void Trainer::archive(Archive& archive) {
  {
    const Archive::Group group(archive, "optimizer");
    parts_.optimizer.archive(archive);
  }
  parts_.schedule.archive(archive);
  if (parts_.landscape) parts_.landscape->archive(archive);
  const Archive::Group group(archive, "run");
  archive.count("epoch", position_.epoch);
  archive.count("step", position_.step);
  archive.value("lr", position_.lr);
  archive.value("loss_sum", position_.loss_sum);
  archive.value("seconds", position_.seconds);
  archive.value("last_finite_loss", last_finite_loss_);
  archive.value("any_finite_loss", any_finite_loss_);
  archive.value("audit_failed", audit_failed_);
  train::archive(archive, record_);
}

}  // namespace quench::train
