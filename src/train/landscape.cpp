#include "train/landscape.h"

#include <cmath>

#include "core/random.h"
#include "io/numbers.h"
#include "quench/error.h"
#include "quench/sgd.h"

namespace quench::train {
namespace {

using io::csv_cell;
using io::to_text;

}  // namespace

std::vector<std::string> fdr2_columns() {
  return {"epoch",       "step",
          "stage",       "lr",
          "gradient_sq", "f",
          "random_step", "random_gradient_sq",
          "o_fb_tel",    "corrected_pull",
          "O_FB",        "O_FB_error",
          "O_FB_tel",    "O_FB_tel_error",
          "O_FB_cor",    "O_FB_cor_error"};
}

std::vector<std::string> stage_columns() {
  return {"stage",
          "lr",
          "epochs",
          "first_epoch",
          "last_epoch",
          "O_L",
          "O_R",
          "ratio",
          "ratio_sd",
          "v_sq",
          "v_g",
          "gradient_sq",
          "samples",
          "O_FB",
          "O_FB_error",
          "O_FB_tel",
          "O_FB_tel_error",
          "O_FB_cor",
          "O_FB_cor_error",
          "h_eff",
          "h_eff_tel",
          "h_eff_cor",
          "tr_hc",
          "tr_hc_tel",
          "tr_hc_cor",
          "tr_hc_direct",
          "tr_hc_direct_error",
          "h_eff_error",
          "h_eff_tel_error",
          "h_eff_cor_error",
          "tr_hc_error",
          "tr_hc_tel_error",
          "tr_hc_cor_error"};
}

Landscape::Landscape(const Parts& parts, const Settings& settings, std::int64_t steps_per_epoch)
    : parts_(parts), settings_(settings), steps_per_epoch_(steps_per_epoch), stages_(stages_of(settings)) {
  if (settings.fdr2_every == 0) return;
  gradient_.emplace(parts.model);
  if (settings.sampling == "shuffle") rest_.emplace(parts.model);
}

bool Landscape::is_due() const {
  if (settings_.fdr2_every == 0) return false;
  const std::int64_t of_stage = epoch_ - stage().first_epoch + 1;
  if (settings_.fdr2_half && of_stage <= stage().epochs() / 2) return false;
  return of_stage % settings_.fdr2_every == 0 || epoch_ == stage().last_epoch;
}

void Landscape::begin_epoch(std::int64_t epoch) {
  epoch_ = epoch;
  while (stage().last_epoch < epoch) ++stage_;
  if (epoch == stage().first_epoch) averages_.restart();
  averages_.reserve(steps_per_epoch_);
  sampled_ = -1;
  if (!is_due()) return;
  Random random(settings_.data_seed, Stream::landscape, static_cast<std::uint64_t>(epoch));
  sampled_ = random.below(static_cast<std::uint32_t>(steps_per_epoch_));
}

double Landscape::step(const Batches& epoch, std::int64_t step_of_epoch) {
  const double loss =
      step_of_epoch == sampled_ ? sampled_step(epoch) : parts_.optimizer.step(parts_.model, epoch[step_of_epoch]);
  if (std::isfinite(loss)) averages_.observe(parts_.optimizer.observables());
  return loss;
}

double Landscape::sampled_step(const Batches& epoch) {
  if (rest_) {
    gradient_->measure(epoch.before(sampled_), epoch.from(sampled_), settings_.weight_decay, *rest_);
  } else {
    gradient_->measure(parts_.images, settings_.weight_decay);
  }
  // In two calls, which have the same bits as one: in between the gradient is in memory.
  const double loss = parts_.model.forward_backward(epoch[sampled_]);
  if (!std::isfinite(loss)) return loss;
  Sgd& sgd = dynamic_cast<Sgd&>(parts_.optimizer);
  sample_ = {.gradient_sq = gradient_->squared_norm(),
             .telescoped = telescoped(*gradient_, sgd, parts_.model.parameters()),
             .corrected = corrected(*gradient_, rest_ ? *rest_ : *gradient_, sgd)};
  averages_.add_telescoped(averages_.steps() + 1, sample_.telescoped);
  averages_.add_corrected(averages_.steps() + 1, sample_.corrected);
  parts_.optimizer.step();
  return loss;
}

void Landscape::end_epoch() {
  if (is_due()) {
    const std::int64_t of_stage = epoch_ - stage().first_epoch + 1;
    const double f = gradient_->measure(parts_.images, settings_.weight_decay);
    averages_.add_epoch(of_stage, gradient_->squared_norm());
    write_epoch(f, averages_.half_running(of_stage));
  }
  stage_is_due_ = epoch_ == stage().last_epoch;
}

bool Landscape::end_stage(const FdrWindow& sides, const std::function<bool()>& stop) {
  if (!stage_is_due_) return true;
  const std::optional<Level> direct = tr_hc_directly(stop);
  if (!direct) return false;
  write_stage(sides, *direct, averages_.half_running(stage().epochs()));
  stage_is_due_ = false;
  return true;
}

void Landscape::write_epoch(double f, const Fdr2Window& window) {
  // Before a stage's end --fdr2-half has samples of later epochs only than v . g.
  const bool of_one_window = !settings_.fdr2_half || settings_.momentum == 0 || epoch_ == stage().last_epoch;
  const Level o_fb = of_one_window ? window.o_fb : Level{}, o_fb_cor = of_one_window ? window.o_fb_cor : Level{};
  parts_.fdr2->add(std::vector<std::string>{
      to_text(epoch_), to_text(epoch_ * steps_per_epoch_), to_text(stage_ + 1), to_text(parts_.optimizer.lr),
      csv_cell(gradient_->squared_norm()), csv_cell(f), to_text((epoch_ - 1) * steps_per_epoch_ + sampled_ + 1),
      csv_cell(sample_.gradient_sq), csv_cell(sample_.telescoped), csv_cell(sample_.corrected), csv_cell(o_fb.mean),
      csv_cell(o_fb.error), csv_cell(window.o_fb_tel.mean), csv_cell(window.o_fb_tel.error),
      csv_cell(o_fb_cor.mean), csv_cell(o_fb_cor.error)});
}

std::optional<Level> Landscape::tr_hc_directly(const std::function<bool()>& stop) {
  if (settings_.fdr2_products == 0) return Level{};
  if (stop()) return std::nullopt;
  Hessian hessian(parts_.model, parts_.images, {.weight_decay = settings_.weight_decay});
  // Each stage draws mini-batches of its own.
  const NoiseTraces traces = hessian.traces({.batch = static_cast<int>(settings_.batch),
                                             .products = settings_.fdr2_products,
                                             .seed = settings_.data_seed << 16 ^ stage_,
                                             .stop = stop});
  if (traces.products < settings_.fdr2_products) return std::nullopt;
  return traces.tr_hc;
}

void Landscape::write_stage(const FdrWindow& sides, const Level& direct, const Fdr2Window& window) {
  parts_.stages.add(std::vector<std::string>{to_text(stage_ + 1),
                                             to_text(stage().lr),
                                             to_text(stage().epochs()),
                                             to_text(stage().first_epoch),
                                             to_text(stage().last_epoch),
                                             csv_cell(sides.o_l),
                                             csv_cell(sides.o_r),
                                             csv_cell(sides.ratio),
                                             csv_cell(sides.ratio_sd),
                                             csv_cell(window.v_v.mean),
                                             csv_cell(window.v_g.mean),
                                             csv_cell(window.gradient_sq.mean),
                                             to_text(window.samples),
                                             csv_cell(window.o_fb.mean),
                                             csv_cell(window.o_fb.error),
                                             csv_cell(window.o_fb_tel.mean),
                                             csv_cell(window.o_fb_tel.error),
                                             csv_cell(window.o_fb_cor.mean),
                                             csv_cell(window.o_fb_cor.error),
                                             csv_cell(window.h_eff.mean),
                                             csv_cell(window.h_eff_tel.mean),
                                             csv_cell(window.h_eff_cor.mean),
                                             csv_cell(window.tr_hc.mean),
                                             csv_cell(window.tr_hc_tel.mean),
                                             csv_cell(window.tr_hc_cor.mean),
                                             csv_cell(direct.mean),
                                             csv_cell(direct.error),
                                             csv_cell(window.h_eff.error),
                                             csv_cell(window.h_eff_tel.error),
                                             csv_cell(window.h_eff_cor.error),
                                             csv_cell(window.tr_hc.error),
                                             csv_cell(window.tr_hc_tel.error),
                                             csv_cell(window.tr_hc_cor.error)});
}

void Landscape::archive(Archive& archive) {
  const Archive::Group group(archive, "landscape");
  averages_.archive(archive);
  archive.value("stage", stage_);
  archive.count("epoch", epoch_);
  archive.value("sampled", sampled_);
  archive.value("sample_gradient_sq", sample_.gradient_sq);
  archive.value("sample_telescoped", sample_.telescoped);
  archive.value("sample_corrected", sample_.corrected);
  // Only where products were interrupted.
  if (archive.reading() ? archive.has("stage_is_due") : stage_is_due_) archive.value("stage_is_due", stage_is_due_);
  if (stage_ >= stages_.size()) {
    throw Error("state landscape.stage: found " + to_text(stage_) + ", expected below " + to_text(stages_.size()));
  }
  if (sampled_ < -1 || sampled_ >= steps_per_epoch_) {
    throw Error("state landscape.sampled: found step " + to_text(sampled_) + ", expected -1 or below " +
                to_text(steps_per_epoch_));
  }
}

}  // namespace quench::train
