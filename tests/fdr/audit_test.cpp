#include "quench/audit.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "instrumented.h"
#include "quench/quench.h"
#include "random_images.h"
#include "traces.h"

using namespace quench;
using test::Quadratic;

namespace {

struct Rule {
  float momentum, dampening;
};
constexpr Rule rules[] = {{0, 0}, {0.9F, 0}, {0.9F, 0.9F}, {0.5F, 0.25F}};

/// A network in training with its audit, and what can go wrong in it.
class Run {
 public:
  /// The gradients that the optimiser is about to use, to be spoilt.
  std::function<void(int step)> before_update, after_update;
  /// What the averages are told, to be falsified.
  std::function<void(int step, Observables&)> falsify;
  double worst = 0, worst_drift = 0;  // residuals as parts of their bounds, over all checks
  double residual = 0, bound = 0;     // of the last check
  bool lost_to_rounding = false;
  Run(bool convolutional, const Rule& rule, float lr = 0.05F, std::int64_t parts = 1)
      : images_(quench_test::random_images(steps_per_epoch * batch, 8, 8, 10)), parts_(parts) {
    const Tensor x = graph_.input({1, 8, 8});
    const std::int64_t hidden[] = {12};
    const Tensor logits = convolutional ? cnn(x) : mlp(x, hidden, 10);
    model_ =
        std::make_unique<Model>(graph_, softmax_cross_entropy(logits), ModelOptions{.batch = batch, .seed = 3});
    sgd_ = std::make_unique<Sgd>(
        model_->parameters(),
        SgdOptions{.lr = lr, .momentum = rule.momentum, .dampening = rule.dampening, .weight_decay = 0.01F});
  }

  void train(int epochs) {
    FdrAverages averages;
    Audit audit(steps_per_epoch);
    audit.restart(sgd_->norms());
    int step = 0;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      sgd_->watch(epoch % parts_, parts_);
      audit.watch(sgd_->norms());
      for (const Batch& b : images_.shuffled({.batch = batch, .seed = 1, .epoch = epoch})) {
        ++step;
        model_->forward_backward(b);
        if (before_update) before_update(step);
        Observables o = sgd_->step();
        if (after_update) after_update(step);
        if (falsify) falsify(step, o);
        averages.observe(0, o);
        audit.observe(o);
        if (audit.wants_norms()) audit.mark(sgd_->norms());
      }
      const AuditResult r = audit.check(averages, sgd_->observables(), sgd_->norms());
      residual = r.residual;
      bound = r.bound;
      lost_to_rounding = r.lost_to_rounding();
      REQUIRE(std::isfinite(r.residual));
      REQUIRE(std::isfinite(r.drift_residual));
      worst = std::max(worst, std::abs(r.residual / r.bound));
      worst_drift = std::max(worst_drift, std::abs(r.drift_residual / r.drift_bound));
      CHECK(r.first == step / 2);
      CHECK(r.last == step);
      CHECK(r.passed() == (std::abs(r.residual) <= r.bound && std::abs(r.drift_residual) <= r.drift_bound));
    }
  }

  Sgd& sgd() { return *sgd_; }
  std::span<Parameter> tensors() { return model_->parameters().tensors; }

  static constexpr int batch = 20, steps_per_epoch = 9;

 private:
  Graph graph_;
  ImageSet images_;
  std::int64_t parts_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Sgd> sgd_;
};

void check_step_identities(bool convolutional, const Rule& rule) {
  Run run(convolutional, rule);
  Observables last;
  Norms last_norms = run.sgd().norms();
  run.after_update = [&](int step) {
    const Observables o = run.sgd().observables();
    const Norms now = run.sgd().norms();
    const double mu = o.momentum, a = 1 - o.dampening;
    const double tolerance = 1e-5 * (o.v_v + o.g_g);
    // 26 and 27, traces: |v'|^2 and theta' . v' from what was measured before the update.
    CHECK(std::abs(now.v_v - (mu * mu * o.v_v + a * a * o.g_g - 2 * a * mu * o.v_g)) <= tolerance);
    const double theta_v = mu * o.theta_v - a * o.theta_g + o.lr * now.v_v;
    CHECK(std::abs(now.theta_v - theta_v) <= 1e-5 * (std::abs(o.theta_v) + std::abs(o.theta_g) + o.lr * now.v_v));
    // 24, squared: |theta'|^2 = |theta|^2 + 2 eta theta . v' + eta^2 |v'|^2.
    const double theta_v_next = mu * o.theta_v - a * o.theta_g;  // theta . v', by 23
    const double grown = 2 * o.lr * theta_v_next + o.lr * o.lr * now.v_v;
    CHECK(std::abs(now.theta_theta - last_norms.theta_theta - grown) <= 1e-6 * now.theta_theta);
    if (step > 1) CHECK(o.theta_theta == doctest::Approx(last_norms.theta_theta).epsilon(1e-6));
    last_norms = now;
    last = o;
  };
  run.train(3);
  CHECK(last.theta_theta > 0);
}

}  // namespace

TEST_CASE(
    "an honest run of the MLP and of the CNN passes, at four pairs of momentum and dampening and three rates") {
  for (const bool convolutional : {false, true}) {
    for (const Rule& rule : rules) {
      for (const float lr : {0.1F, 0.01F, 0.001F}) {
        Run run(convolutional, rule, lr, 3);
        run.train(quench_test::instrumented ? 4 : 20);
        INFO((convolutional ? "cnn" : "mlp") << " momentum " << rule.momentum << " dampening " << rule.dampening
                                             << " lr " << lr << " residual " << run.residual);
        CHECK(run.worst <= 1);
        CHECK(run.worst_drift <= 1);
        // A bound that passes everything would pass too. It grows with 1 / lr, and O_R falls with lr.
        const auto eta = static_cast<double>(lr);
        CHECK(run.bound < 1e-6 / (eta * eta));
      }
    }
  }
}

TEST_CASE("equations 23, 24, 26 and 27 hold at every step of the shipped optimiser, on the MLP and on the CNN") {
  for (const bool convolutional : {false, true}) {
    for (const Rule& rule : rules) check_step_identities(convolutional, rule);
  }
}

TEST_CASE(
    "in double the identity holds to 1e-10 of O_R, for a loss that is not quadratic and noise without limits") {
  for (const bool lagged : {false, true}) {
    for (const Rule& rule : rules) {
      Quadratic q(40, 31);
      q.momentum = static_cast<double>(rule.momentum);
      q.dampening = static_cast<double>(rule.dampening);
      q.lr = 0.05;
      Random heavy(37, Stream::weights);
      FdrAverages averages(lagged);
      std::vector<Norms> norms{q.norms()};
      for (int t = 1; t <= 3000; ++t) {
        for (std::size_t i = 0; i < q.g.size(); ++i) {
          // f = theta^4 / (1 + theta^2) and Student's t of 3 degrees of freedom.
          const double x = q.theta[i], n = 1 + x * x;
          const double chi = heavy.normal() * heavy.normal() + 0.3;
          q.g[i] = (4 * x * x * x * n - 2 * x * x * x * x * x) / (n * n) + heavy.normal() / std::sqrt(chi * chi);
        }
        averages.observe(0, q.measured());
        q.move();
        norms.push_back(q.norms());
        if (t % 100 != 0) continue;
        const auto first = static_cast<std::size_t>(t / 2);
        const WindowResidual r =
            audit_window(averages.half_running(), q.measured(), norms[first], norms.back(), lagged);
        REQUIRE(std::abs(r.residual) < 1e-10);
      }
    }
  }
}

TEST_CASE("the audit trips on L2 that only the observables know of, or only the update") {
  for (const Rule& rule : rules) {
    Run run(false, rule);
    run.falsify = [](int, Observables& o) { o.theta_g -= 0.01 * o.theta_theta; };
    run.train(2);
    CHECK(run.worst > 1);
  }
}

TEST_CASE("the audit trips on dampening that only one side knows of") {
  for (const Rule& rule : {Rule{0.9F, 0.9F}, Rule{0.5F, 0.25F}, Rule{0, 0.5F}}) {
    Run run(false, rule);
    run.falsify = [](int, Observables& o) { o.dampening = 0; };
    run.train(2);
    CHECK(run.worst > 1);
  }
}

TEST_CASE("the audit trips on an O_R of the velocity after the step") {
  Run run(false, {0.9F, 0});
  run.falsify = [](int, Observables& o) {
    o.v_v = o.momentum * o.momentum * o.v_v + o.g_g - 2 * o.momentum * o.v_g;
  };
  run.train(4);
  CHECK(run.worst > 1);
}

TEST_CASE("the audit trips on a window that is off by one") {
  for (const Rule& rule : rules) {
    Run run(false, rule);
    FdrAverages averages;
    std::vector<Norms> norms{run.sgd().norms()};
    run.falsify = [&](int, Observables& o) {
      averages.observe(0, o);
      norms.push_back(run.sgd().norms());
    };
    run.train(4);
    const std::int64_t t = averages.steps();
    const Observables& rule_of = run.sgd().observables();
    const auto residual = [&](std::int64_t first, std::int64_t last) {
      const WindowResidual r =
          audit_window(averages.window(first, last), rule_of, norms[static_cast<std::size_t>(t / 2)], norms.back());
      return std::abs(r.residual) / r.bound;
    };
    CHECK(residual(t / 2, t) <= 1);
    CHECK(residual(t / 2 + 1, t) > 1);
    CHECK(residual(t / 2 - 1, t) > 1);
    CHECK(residual(t / 2 - 1, t - 1) > 1);
  }
}

TEST_CASE("the audit trips on a learning rate that changes inside the window") {
  for (const Rule& rule : rules) {
    Run run(false, rule);
    run.after_update = [&](int step) {
      if (step == 14) run.sgd().lr *= 0.9F;
    };
    run.train(2);
    CHECK(run.worst > 1);
  }
}

TEST_CASE("the audit trips on a lost update, both forms of it") {
  for (const Rule& rule : rules) {
    Run run(false, rule);
    std::vector<std::vector<float>> kept;
    run.before_update = [&](int step) {
      if (step != 14) return;
      for (const Parameter& p : run.tensors()) kept.emplace_back(p.value.begin(), p.value.end());
    };
    run.after_update = [&](int step) {
      if (step != 14) return;
      for (std::size_t i = 0; i < kept.size(); ++i)
        std::copy(kept[i].begin(), kept[i].end(), run.tensors()[i].value.begin());
    };
    run.train(2);
    CHECK(run.worst > 1);
    CHECK(run.worst_drift > 1);
  }
}

TEST_CASE("the audit's exact form trips when one weight is touched by a part in a million") {
  Run run(false, {0, 0});
  run.after_update = [&](int step) {
    if (step == 5) run.tensors()[0].value[7] *= 1.000001F;
  };
  run.train(1);
  CHECK(run.worst_drift > 1);
}

TEST_CASE("each of 32 parts of the CNN has elements that are watched, and together they are all of them") {
  Graph graph;
  Model model(graph, softmax_cross_entropy(cnn(graph.input({3, 32, 32}))), {.batch = 4});
  Sgd sgd(model.parameters());
  double all = 0, least = INFINITY;
  for (int part = 0; part < 32; ++part) {
    sgd.watch(part, 32);
    const double watched = sgd.norms().watched;
    REQUIRE(watched > 0);
    least = std::min(least, watched);
    all += watched;
  }
  // Here the largest piece goes into all elements eight times: the parts come round four times.
  const double norm = sgd.norms().theta_theta;
  CHECK(all == doctest::Approx(4 * norm).epsilon(1e-12));
  CHECK(least > norm / 50);
}

TEST_CASE("an audit that watches nothing does not pass") {
  Quadratic q(5, 43);
  Audit audit(10);
  const auto unwatched = [&] {
    Norms n = q.norms();
    n.watched = std::nan("");
    return n;
  };
  audit.restart(unwatched());
  FdrAverages averages;
  for (int t = 1; t <= 10; ++t) {
    const Observables o = q.step();
    averages.observe(0, o);
    audit.observe(o);
    if (audit.wants_norms()) audit.mark(unwatched());
  }
  const AuditResult r = audit.check(averages, q.measured(), unwatched());
  CHECK(std::abs(r.residual) < 1e-10);
  CHECK(std::isnan(r.drift_residual));
  CHECK_FALSE(r.passed());

  Graph graph;
  Model model(graph, softmax_cross_entropy(mlp(graph.input({1, 8, 8}))), {.batch = 4});
  CHECK(std::isnan(Sgd(model.parameters()).norms().watched));
}

TEST_CASE("watched parameters that are all 0 and stay so pass") {
  Quadratic q(5, 47);
  q.lr = 0.1;
  q.noise = 0;
  Audit audit(10);
  audit.restart(q.norms());
  FdrAverages averages;
  for (int t = 1; t <= 10; ++t) {
    const Observables o = q.step();
    averages.observe(0, o);
    audit.observe(o);
    if (audit.wants_norms()) audit.mark(q.norms());
  }
  const AuditResult r = audit.check(averages, q.measured(), q.norms());
  CHECK(r.drift_residual == 0);
  CHECK(r.passed());
}

TEST_CASE("an honest run at a tiny rate fails, and the audit says that updates are lost to rounding") {
  Run tiny(false, {0, 0}, 1e-7F);
  tiny.train(40);
  CHECK(tiny.worst > 1);
  CHECK(tiny.worst_drift <= 1);
  CHECK(tiny.lost_to_rounding);

  Run honest(false, {0, 0}, 0.01F);
  honest.train(4);
  CHECK_FALSE(honest.lost_to_rounding);

  Run wrong(false, {0, 0}, 0.01F);  // at a rate that is large enough it is something else
  wrong.falsify = [](int, Observables& o) { o.theta_g -= 0.01 * o.theta_theta; };
  wrong.train(4);
  CHECK(wrong.worst > 1);
  CHECK_FALSE(wrong.lost_to_rounding);

  Run touched(false, {0, 0}, 1e-7F);  // and where the parameters did something else, it is that
  touched.after_update = [&](int step) {
    if (step == 358) touched.tensors()[0].value[7] *= 1.01F;
  };
  touched.train(40);
  CHECK_FALSE(touched.lost_to_rounding);
}

TEST_CASE("a wrong gradient passes: the identity holds for any") {
  Run run(false, {0.9F, 0});
  run.before_update = [&](int) {
    for (const Parameter& p : run.tensors()) {
      for (float& g : p.gradient) g = -2 * g + 0.001F;
    }
  };
  run.train(2);
  CHECK(run.worst <= 1);
  CHECK(run.worst_drift <= 1);
}

TEST_CASE("after a restart in the middle of an epoch the windows that end with epochs are checked") {
  Quadratic q(5, 41);
  Audit audit(10);
  audit.restart(q.norms(), 4);
  FdrAverages averages;
  int checks = 0;
  for (int t = 1; t <= 46; ++t) {
    const Observables o = q.step();
    averages.observe(0, o);
    audit.observe(o);
    if (audit.wants_norms()) audit.mark(q.norms());
    if ((t + 4) % 10 != 0) continue;
    const AuditResult r = audit.check(averages, o, q.norms());
    CHECK(std::abs(r.residual) < 1e-10);
    CHECK(std::abs(r.drift_residual) < 1e-12);
    audit.watch(q.norms());
    ++checks;
  }
  CHECK(checks == 5);
}

TEST_CASE("O_L from a nearby point is what summing (theta - theta_c) . g gives") {
  for (const Rule& rule : rules) {
    Run run(false, rule);
    FdrShift shift(run.sgd(), {run.tensors(), nullptr}, Run::steps_per_epoch);
    FdrAverages averages;
    std::vector<std::vector<float>> centre;
    const auto snapshot = [&] {
      centre.clear();
      for (const Parameter& p : run.tensors()) centre.emplace_back(p.value.begin(), p.value.end());
    };
    snapshot();
    double sum = 0;
    int counted = 0;
    run.before_update = [&](int) {
      for (std::size_t t = 0; t < centre.size(); ++t) {
        const Parameter& p = run.tensors()[t];
        for (std::size_t i = 0; i < centre[t].size(); ++i) {
          const double theta = static_cast<double>(p.value[i]);
          const double g = static_cast<double>(p.gradient[i]) + static_cast<double>(0.01F) * theta;
          sum += (theta - static_cast<double>(centre[t][i])) * g;
        }
      }
      ++counted;
    };
    run.falsify = [&](int step, Observables& o) {
      averages.observe(0, o);
      if (step % Run::steps_per_epoch != 0) return;
      const FdrWindow w = shift.end_of_period(averages);
      const int epoch = step / Run::steps_per_epoch;
      CHECK(w.steps() == counted);
      CHECK(std::abs(w.o_l - sum / counted) < 2e-3 * w.o_r);
      // It begins anew after 1, 2, 4, ... epochs.
      if ((epoch & (epoch - 1)) == 0) {
        snapshot();
        sum = 0;
        counted = 0;
        CHECK(w.first == step / 2 - (epoch == 1 ? step / 2 : 0));
      }
    };
    run.train(8);
  }
}
