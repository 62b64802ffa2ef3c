// Single kernels on one thread, at the sizes that the MLP gives them, called through the table in use.
#include "bench.h"
#include "buffer.h"
#include "kernels/kernels.h"
#include "kernels/pieces.h"
#include "workload.h"

namespace quench::bench {
namespace {

using kernels::Block;
using kernels::Table;

constexpr std::int64_t features = 784, hidden = 200, classes = 10, examples = batch_size;
constexpr std::int64_t lanes = kernels::padded(examples);
constexpr std::int64_t weights = features * hidden;
constexpr Block hidden_block = {hidden, lanes / kernels::lanes_per_group, lanes};
constexpr Block class_block = {classes, lanes / kernels::lanes_per_group, lanes};
constexpr auto hidden_floats = static_cast<double>(hidden * lanes);
constexpr auto class_floats = static_cast<double>(classes * lanes);
constexpr auto weight_floats = static_cast<double>(weights);

/// Operands, all random but for the labels.
struct Operands {
  Buffer x{features * lanes, 1}, y{features * lanes, 2}, z{features * lanes, 3}, rows{hidden, 4};
  Buffer theta{kernels::padded(weights), 5}, gradient{kernels::padded(weights), 6};
  Buffer velocity{kernels::padded(weights), 7};
  std::vector<std::int32_t> labels;
  double sum = 0;  // takes results, so that they are wanted

  Operands() {
    for (std::int32_t n = 0; n < lanes; ++n) labels.push_back(n % static_cast<std::int32_t>(classes));
  }

  /// Updates the weights of the first layer piece by piece, as the optimiser does. near: all pieces have the same
  /// gradient, which stays in the nearest cache like one that was just computed.
  void update(const Table& table, bool momentum, bool near) {
    const kernels::SgdStep step{1e-6F, momentum ? 0.9F : 0.0F, 1, 0.01F};
    const kernels::PieceGrid grid = kernels::piece_grid(hidden, features);
    for (std::int64_t i = 0; i < grid.size(); ++i) {
      const std::int64_t band = i / grid.panels, panel = i % grid.panels;
      const std::int64_t columns = grid.column(panel + 1) - grid.column(panel);
      const std::int64_t at = grid.row(band) * features + grid.column(panel);
      sum += table
                 .sgd({.rows = grid.row(band + 1) - grid.row(band),
                       .columns = columns,
                       .theta = theta.data() + at,
                       .v = momentum ? velocity.data() + at : nullptr,
                       .row = features,
                       .g = near ? gradient.data() : gradient.data() + at,
                       .g_row = near ? kernels::padded(columns) : features},
                      step)
                 .g_g;
    }
  }
};

struct Kernel {
  const char* name;
  double flops;
  double floats;     ///< read and written at least
  double footprint;  ///< floats of memory touched; 0: as many
  void (*call)(const Table& table, Operands& o);
};

constexpr Kernel list[] = {
    {"transpose 100x784", 0, 2.0 * examples* features, 0,
     [](const Table& t, Operands& o) {
       t.transpose(o.x.data(), examples, features, features, o.y.data(), lanes, lanes);
     }},
    {"transpose 200x100", 0, 2 * hidden_floats, 0,
     [](const Table& t, Operands& o) { t.transpose(o.x.data(), hidden, examples, lanes, o.y.data(), hidden, 0); }},
    {"copy 200 rows", 0, 2 * hidden_floats, 0,
     [](const Table& t, Operands& o) { t.copy(hidden_block, o.x.data(), o.y.data(), false); }},
    {"add 200 rows", hidden_floats, 3 * hidden_floats, 0,
     [](const Table& t, Operands& o) { t.add(hidden_block, o.x.data(), o.y.data(), o.z.data()); }},
    {"relu 200 rows", 0, 2 * hidden_floats, 0,
     [](const Table& t, Operands& o) { t.relu(hidden_block, o.x.data(), o.y.data()); }},
    {"relu backward 200 rows", 0, 3 * hidden_floats, 0,
     [](const Table& t, Operands& o) { t.relu_backward(hidden_block, o.x.data(), o.y.data(), o.z.data(), false); }},
    {"relu backward, sums 200 rows", hidden_floats, 3 * hidden_floats, 0,
     [](const Table& t, Operands& o) {
       t.relu_backward_sum(hidden_block, examples, o.x.data(), o.y.data(), o.z.data(), o.rows.data(), false);
     }},
    {"row sums 200 rows", hidden_floats, hidden_floats, 0,
     [](const Table& t, Operands& o) { t.row_sums(hidden_block, examples, o.x.data(), o.rows.data(), false); }},
    {"exp 200 rows", 0, 2 * hidden_floats, 0,
     [](const Table& t, Operands& o) { t.exp(o.x.data(), o.y.data(), hidden * lanes); }},
    {"cross-entropy", 0, 2 * class_floats, 0,
     [](const Table& t, Operands& o) {
       o.sum += t.softmax_cross_entropy(class_block, o.x.data(), o.labels.data(), examples, o.y.data());
     }},
    {"cross-entropy backward", 0, 2 * class_floats, 0,
     [](const Table& t, Operands& o) {
       t.softmax_cross_entropy_backward(class_block, o.x.data(), o.labels.data(), examples, 0.01F, o.y.data(),
                                        false);
     }},
    {"count correct", 0, class_floats, 0,
     [](const Table& t, Operands& o) {
       o.sum += static_cast<double>(t.count_correct(class_block, o.x.data(), o.labels.data(), examples));
     }},
    // Multiply-adds count two: g 2, theta' 2, theta.g, |g|^2 and |theta|^2 2 each.
    {"sgd 200x784", 10 * weight_floats, 3 * weight_floats, 2 * weight_floats,
     [](const Table& t, Operands& o) { o.update(t, false, false); }},
    {"sgd 200x784, g in L1", 10 * weight_floats, 2 * weight_floats, weight_floats,
     [](const Table& t, Operands& o) { o.update(t, false, true); }},
    // g 2, v' 2, theta' 2, and six sums.
    {"momentum 200x784", 18 * weight_floats, 5 * weight_floats, 3 * weight_floats,
     [](const Table& t, Operands& o) { o.update(t, true, false); }},
    {"momentum 200x784, g in L1", 18 * weight_floats, 4 * weight_floats, 2 * weight_floats,
     [](const Table& t, Operands& o) { o.update(t, true, true); }},
    // Squares, products and fourth powers, each with its sum.
    {"norms 200x784", 10 * weight_floats, 2 * weight_floats, 0,
     [](const Table& t, Operands& o) { o.sum += t.norms(weights, o.theta.data(), o.velocity.data()).theta_v; }},
};

void measure(Bench& bench, const std::string& name, const Kernel& kernel) {
  Operands operands;
  const Table& table = kernels::table();
  Peak peak = bench.peak(1);
  const Timing timing = time_calls(bench.effort(), peak, [&] { kernel.call(table, operands); });
  bench.add(name, 1, timing,
            {.flops = kernel.flops,
             .bytes = kernel.floats * sizeof(float),
             .footprint = kernel.footprint * sizeof(float)});
}

/// What converts 100 images: new ones, the next batch of an epoch, lie anywhere in memory; the same ones, as a
/// product finds them that is not the first to read them, in a cache.
struct Gather {
  const char* name;
  bool fresh;
  void (*call)(const Table& table, const kernels::Images& images, float* to);
};

constexpr Gather gathers[] = {
    {"gather lanes 100x784", true,
     [](const Table& t, const kernels::Images& x, float* to) { t.gather_lanes(x, 0, features, to, lanes); }},
    {"gather lanes, same 100x784", false,
     [](const Table& t, const kernels::Images& x, float* to) { t.gather_lanes(x, 0, features, to, lanes); }},
    {"prefetch + lanes 100x784", true,
     [](const Table& t, const kernels::Images& x, float* to) {
       t.prefetch_images(x, 0, features);
       t.gather_lanes(x, 0, features, to, lanes);
     }},
    {"gather rows 100x784", true,
     [](const Table& t, const kernels::Images& x, float* to) { t.gather_rows(x, 0, features, to, features); }},
    {"gather rows, same 100x784", false,
     [](const Table& t, const kernels::Images& x, float* to) { t.gather_rows(x, 0, features, to, features); }},
};

void measure_gather(Bench& bench, const std::string& name, const Gather& gather) {
  const ImageSet& images = bench.data(Images::mnist).train;
  BatchStream batches(images);
  Batch batch = batches.next();
  Buffer floats(features * lanes);
  const Table& table = kernels::table();
  Peak peak = bench.peak(1);
  const Timing timing = time_calls(bench.effort(), peak, [&] {
    if (gather.fresh) batch = batches.next();
    gather.call(table,
                {.pixels = images.pixels().data(),
                 .index = batch.indices.data(),
                 .features = features,
                 .count = examples,
                 .scale = images.normalization().scale,
                 .shift = images.normalization().shift},
                floats.data());
  });
  // The zeros of dead lanes are not counted.
  bench.add(name, 1, timing, {.bytes = static_cast<double>(examples * features) * (1 + sizeof(float))});
}

}  // namespace

void add_kernel_cases(Cases& cases) {
  const std::string group = "kernels, one thread";
  for (const Gather& gather : gathers) {
    const std::string name = std::string("kernel ") + gather.name;
    cases.push_back(
        {group, name, Case::Threads::one, [=](Bench& bench, int) { measure_gather(bench, name, gather); }});
  }
  for (const Kernel& kernel : list) {
    const std::string name = std::string("kernel ") + kernel.name;
    cases.push_back({group, name, Case::Threads::one, [=](Bench& bench, int) { measure(bench, name, kernel); }});
  }
}

}  // namespace quench::bench
