// The weight and bias gradients of a convolution.
//
// Groups of 16 lanes come one after the other. Of each, all threads first copy x and dy to where they lie dense, dy
// as it is behind ReLU and pooling; then each takes some channels of both and adds what the group contributes.
#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "kernels/convolution.h"
#include "kernels/lane_split.h"
#include "kernels/packing.h"

namespace quench::kernels {
namespace {

using std::int64_t;

constexpr int64_t group = lanes_per_group;

// How the work is cut: no bit depends on it, as a sum takes its positions in the same order whatever the blocks.
constexpr int64_t channels_of_tile = 4;     // of dy: as many as a tile has
constexpr int64_t most_inputs = 10;         // channels of x of a job
constexpr int64_t block_floats = 4 * 1024;  // of dy, 16 KiB: stays in the nearest cache for all channels of x

/// Where the copies of a group of lanes lie, [channels][rows][floats of a row] each, and how. Flat rows of x have
/// what taps read beyond the image; all rows of both end in whole vectors.
struct Copies {
  int64_t per_position;
  int64_t before;  // positions in front of the first of a row of x
  int64_t x_row, dy_row;
  float *x, *dy;

  Copies(const Convolution& c, int64_t lanes_of_position, float* memory) : per_position(lanes_of_position) {
    const bool flat = per_position < group;
    before = flat ? c.padding : 0;
    const int64_t behind =
        flat ? std::max<int64_t>(0, c.out_columns() + c.kernel - 1 - c.padding - c.in_columns) : 0;
    x_row = round_up((before + c.in_columns + behind) * per_position, group) + (flat ? group : 0);
    dy_row = round_up(c.out_columns() * per_position, group);
    x = memory;
    dy = memory + c.in_channels * c.in_rows * x_row;
  }
  int64_t floats(const Convolution& c) const {
    return c.in_channels * c.in_rows * x_row + c.out_channels * c.out_rows() * dy_row;
  }
};

struct Problem {
  const Convolution& c;
  const OutputGradient& gradient;
  const float* x;
  float* acc;       // [out_channels][in_channels][kernel][kernel][16]
  float* bias_acc;  // [out_channels][16]
};

void copy_input(const Table& t, const Problem& p, const Copies& copies, int64_t vector, int64_t channel) {
  const Convolution& c = p.c;
  float* to = copies.x + channel * c.in_rows * copies.x_row;
  if (copies.per_position < group) std::fill_n(to, c.in_rows * copies.x_row, 0.0F);
  PositionCopy copy{};
  copy.channels = copy.vectors = copy.window = 1;
  copy.last_row = c.in_rows;
  copy.columns = c.in_columns;
  copy.from_lanes = group;
  copy.to_lanes = copies.per_position;
  copy.live = c.live - vector * group;
  copy.src = p.x + channel * c.in_rows * c.in_columns * c.lanes + vector * group;
  copy.src_row = c.in_columns * c.lanes;
  copy.src_column = c.lanes;
  copy.dst = to + copies.before * copies.per_position;
  copy.dst_row = copies.x_row;
  copy.dst_column = copies.per_position;
  t.copy_positions(copy);
}

void copy_gradient(const Table& t, const Problem& p, const Copies& copies, int64_t vector, int64_t channel) {
  const Convolution& c = p.c;
  const OutputGradient& g = p.gradient;
  const int64_t rows = c.out_rows() / g.window, columns = c.out_columns() / g.window;
  const int64_t at = channel * rows * columns * c.lanes + vector * group;
  float* to = copies.dy + channel * c.out_rows() * copies.dy_row;
  if (copies.per_position < group) std::fill_n(to, c.out_rows() * copies.dy_row, 0.0F);
  PositionCopy copy{};
  copy.channels = copy.vectors = 1;
  copy.last_row = c.out_rows();
  copy.columns = c.out_columns();
  copy.from_lanes = group;
  copy.to_lanes = copies.per_position;
  copy.live = c.live - vector * group;
  copy.src = g.dy + at;
  copy.y = g.y == nullptr ? nullptr : g.y + at;
  copy.index = g.index == nullptr ? nullptr : g.index + at;
  copy.src_row = columns * c.lanes;
  copy.src_column = c.lanes;
  copy.window = g.window;
  copy.pooled_rows = rows;
  copy.pooled_columns = columns;
  copy.dst = to;
  copy.dst_row = copies.dy_row;
  copy.dst_column = copies.per_position;
  t.copy_positions(copy);
}

/// Some channels of dy, and of x unless only the bias is asked for.
struct Job {
  int64_t out, outs, in, ins;
  bool bias;
};

/// Adds what rows y .. last_y of the outputs contribute.
void add_rows(const Table& t, const Problem& p, const Copies& copies, const Job& job, int64_t y, int64_t last_y) {
  const Convolution& c = p.c;
  TapSums sums{};
  sums.channels = job.outs;
  sums.outputs = c.out_columns();
  sums.inputs = c.in_columns;
  sums.first = -c.padding;
  sums.stride = c.stride;
  sums.taps = c.kernel;
  sums.per_position = copies.per_position;
  sums.dy_row = copies.dy_row;
  sums.dy_channel = c.out_rows() * copies.dy_row;
  sums.x_row = c.stride * copies.x_row;
  const float* dy = copies.dy + job.out * sums.dy_channel;
  if (job.bias) {
    sums.rows = last_y - y;
    sums.dy = dy + y * copies.dy_row;
    sums.acc = p.bias_acc + job.out * group;
    sums.acc_channel = group;
    t.sum_positions(sums);
  }
  sums.acc_channel = c.in_channels * c.taps() * group;
  for (int64_t in = job.in; in < job.in + job.ins; ++in) {
    for (int64_t k = 0; k < c.kernel; ++k) {
      // Rows whose tap k is inside.
      const int64_t above = c.padding - k, below = c.in_rows - 1 + c.padding - k;
      const int64_t first = std::max(y, above <= 0 ? 0 : ceil_div(above, c.stride));
      const int64_t last = std::min(last_y, below < 0 ? 0 : below / c.stride + 1);
      if (first >= last) continue;
      sums.rows = last - first;
      sums.dy = dy + first * copies.dy_row;
      sums.x = copies.x + (in * c.in_rows + first * c.stride + k - c.padding) * copies.x_row +
               copies.before * copies.per_position;
      sums.acc = p.acc + ((job.out * c.in_channels + in) * c.kernel + k) * c.kernel * group;
      t.sum_taps(sums);
    }
  }
}

}  // namespace

void convolution_weight_gradient(const Convolution& c, const OutputGradient& gradient, const float* x, float* dw,
                                 float* db, bool accumulate_w, bool accumulate_b, void* workspace,
                                 Executor& executor) {
  const Table& t = table();
  auto* bias_acc = static_cast<float*>(workspace);
  const Problem problem{c, gradient, x, bias_acc + c.out_channels * group, bias_acc};
  float* memory = problem.acc + c.out_channels * c.in_channels * c.taps() * group;
  const int64_t tiles = ceil_div(c.out_channels, channels_of_tile);
  const int64_t parts = dw == nullptr ? 1 : ceil_div(c.in_channels, most_inputs);
  const int64_t flops = 2 * c.out_channels * c.in_channels * c.taps() * c.out_rows() * c.out_columns() * c.live;
  const bool alone = std::min<int64_t>(executor.threads(), flops / smallest_job_flops) <= 1;
  const auto for_each = [&](int64_t count, const auto& body) {
    parallel_for(executor, alone ? 1 : count, [&](int64_t chunk) {
      for (int64_t i = chunk; i < (alone ? count : chunk + 1); ++i) body(i);
    });
  };
  const auto job_of = [&](int64_t i) {
    const int64_t tile = i / parts, part = i % parts;
    Job job{};
    job.out = tile * channels_of_tile;
    job.outs = std::min(channels_of_tile, c.out_channels - job.out);
    job.in = dw == nullptr ? 0 : c.in_channels * part / parts;
    job.ins = dw == nullptr ? 0 : c.in_channels * (part + 1) / parts - job.in;
    job.bias = db != nullptr && part == 0;
    return job;
  };
  const auto first_weight = [&](const Job& job, int64_t out) { return (out * c.in_channels + job.in) * c.taps(); };

  const LaneSplit split = split_lanes(c);
  const int64_t groups = split.whole + (split.few > 0 ? 1 : 0);
  for (int64_t vector = 0; vector < groups; ++vector) {
    const Copies copies(c, vector == split.whole ? split.few : group, memory);
    for_each(c.in_channels + c.out_channels, [&](int64_t i) {
      if (i >= c.in_channels) {
        copy_gradient(t, problem, copies, vector, i - c.in_channels);
      } else if (dw != nullptr) {
        copy_input(t, problem, copies, vector, i);
      }
    });
    const int64_t rows = c.out_rows();
    const int64_t of_block = std::clamp<int64_t>(block_floats / (channels_of_tile * copies.dy_row), 1, rows);
    const int64_t blocks = ceil_div(rows, of_block);
    for_each(tiles * parts, [&](int64_t i) {
      const Job job = job_of(i);
      if (vector == 0) {
        for (int64_t out = job.out; out < job.out + job.outs; ++out) {
          std::fill_n(problem.acc + first_weight(job, out) * group, job.ins * c.taps() * group, 0.0F);
          if (job.bias) std::fill_n(bias_acc + out * group, group, 0.0F);
        }
      }
      for (int64_t block = 0; block < blocks; ++block) {
        add_rows(t, problem, copies, job, rows * block / blocks, rows * (block + 1) / blocks);
      }
      if (vector + 1 < groups) return;
      for (int64_t out = job.out; out < job.out + job.outs; ++out) {
        const int64_t first = first_weight(job, out);
        if (job.ins > 0) t.tree_sums(job.ins * c.taps(), problem.acc + first * group, dw + first, accumulate_w);
        if (job.bias) t.tree_sums(1, bias_acc + out * group, db + out, accumulate_b);
      }
    });
  }
}

std::uint64_t convolution_weight_gradient_workspace(const Convolution& c) {
  // A smaller batch may end in few examples, whose rows are shorter but for what taps read beyond the image.
  int64_t copies = 0;
  for (const int64_t per_position : {group, group / 2, group / 4, group / 8, group / 16}) {
    copies = std::max(copies, Copies(c, per_position, nullptr).floats(c));
  }
  return static_cast<std::uint64_t>(c.out_channels * (c.in_channels * c.taps() + 1) * group + copies) *
         sizeof(float);
}

}  // namespace quench::kernels
