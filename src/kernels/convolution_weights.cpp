// The weight and bias gradients of a convolution.
//
// A job owns the weights between some channels of dy and some of x, and takes all examples and positions by itself:
// group of lanes after group of lanes, some rows at a time. Of these it copies dy to where it lies dense, in the
// nearest cache, as it is behind ReLU and pooling; x is read where it is, unless rows lie flat, its positions would
// crowd a few sets of the cache, or some lanes hold no example: those of x may hold anything, NaN too.
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
constexpr int64_t most_inputs = 32;         // channels of x of a job
constexpr int64_t most_chunks = 32;         // of jobs, each with memory of its own
constexpr int64_t block_floats = 4 * 1024;  // of dy, 16 KiB: stays in the nearest cache for all channels of x

/// How rows of a group of lanes lie. Flat rows of x have room for what taps read beyond the image, and do not use;
/// those and rows of dy end in whole vectors.
struct Layout {
  int64_t per_position;
  int64_t before = 0;  // positions in front of the first of a row of x
  bool copies_x;
  int64_t x_column, x_row, dy_row;
  int64_t rows;   // of outputs at a time
  int64_t lines;  // of inputs that these read

  /// full: all lanes of the group hold examples.
  Layout(const Convolution& c, int64_t lanes_of_position, bool full) : per_position(lanes_of_position) {
    const bool flat = per_position < group;
    // Vectors a multiple of 256 bytes apart share a quarter of the sets of a cache, or fewer.
    copies_x = flat || !full || (c.lanes > group && c.lanes % (4 * group) == 0);
    x_column = flat ? per_position : copies_x ? group : c.lanes;
    x_row = c.in_columns * x_column;
    if (flat) {
      before = c.padding;
      const int64_t behind = std::max<int64_t>(0, c.out_columns() + c.kernel - 1 - c.padding - c.in_columns);
      x_row = round_up(x_row + (before + behind) * per_position, group) + group;
    }
    dy_row = round_up(c.out_columns() * per_position, group);
    rows = std::clamp<int64_t>(block_floats / (channels_of_tile * dy_row), 1, c.out_rows());
    lines = std::min(c.in_rows, (rows - 1) * c.stride + c.kernel);
  }
  int64_t dy_floats() const { return channels_of_tile * rows * dy_row; }
  int64_t floats() const { return dy_floats() + (copies_x ? lines * x_row : 0); }
};

struct Problem {
  const Convolution& c;
  const OutputGradient& gradient;
  const float* x;
};

/// A group of 16 lanes of the batch.
struct Group {
  int64_t vector;
  const Layout& layout;
};

/// Lines first .. last of a channel of x, one row behind the other, to memory.
void copy_input(const Table& t, const Problem& p, const Group& g, int64_t channel, int64_t first, int64_t last,
                float* to) {
  const Convolution& c = p.c;
  const Layout& l = g.layout;
  PositionCopy copy{};
  copy.channels = copy.vectors = copy.window = 1;
  copy.first_row = first;
  copy.last_row = last;
  copy.columns = c.in_columns;
  copy.from_lanes = group;
  copy.to_lanes = l.per_position;
  copy.live = c.live - g.vector * group;
  copy.src = p.x + channel * c.in_rows * c.in_columns * c.lanes + g.vector * group;
  copy.src_row = c.in_columns * c.lanes;
  copy.src_column = c.lanes;
  copy.dst = to + l.before * l.per_position;
  copy.dst_row = l.x_row;
  copy.dst_column = l.per_position;
  t.copy_positions(copy);
}

/// Rows first .. last of some channels of dy, [channels][last - first][dy_row].
void copy_gradient(const Table& t, const Problem& p, const Group& group_of, int64_t channel, int64_t channels,
                   int64_t first, int64_t last, float* to) {
  const Convolution& c = p.c;
  const OutputGradient& g = p.gradient;
  const Layout& l = group_of.layout;
  const int64_t rows = c.out_rows() / g.window, columns = c.out_columns() / g.window;
  const int64_t at = channel * rows * columns * c.lanes + group_of.vector * group;
  if (l.per_position < group) std::fill_n(to, channels * (last - first) * l.dy_row, 0.0F);
  PositionCopy copy{};
  copy.channels = channels;
  copy.vectors = 1;
  copy.first_row = first;
  copy.last_row = last;
  copy.columns = c.out_columns();
  copy.from_lanes = group;
  copy.to_lanes = l.per_position;
  copy.live = c.live - group_of.vector * group;
  copy.src = g.dy + at;
  copy.y = g.y == nullptr ? nullptr : g.y + at;
  copy.index = g.index == nullptr ? nullptr : g.index + at;
  copy.src_channel = rows * columns * c.lanes;
  copy.src_row = columns * c.lanes;
  copy.src_column = c.lanes;
  copy.window = g.window;
  copy.pooled_rows = rows;
  copy.pooled_columns = columns;
  copy.dst = to;
  copy.dst_channel = (last - first) * l.dy_row;
  copy.dst_row = l.dy_row;
  copy.dst_column = l.per_position;
  t.copy_positions(copy);
}

/// Some channels of dy, and of x unless only the bias is asked for, and its partial sums.
struct Job {
  int64_t out, outs, in, ins;
  bool bias;
  float* acc;       // [outs][ins][kernel][kernel][16]
  float* bias_acc;  // [outs][16]
};

/// Adds what rows y .. last_y of the outputs contribute. memory: layout.floats().
void add_rows(const Table& t, const Problem& p, const Group& g, const Job& job, int64_t y, int64_t last_y,
              float* memory) {
  const Convolution& c = p.c;
  const Layout& l = g.layout;
  copy_gradient(t, p, g, job.out, job.outs, y, last_y, memory);
  TapSums sums{};
  sums.channels = job.outs;
  sums.outputs = c.out_columns();
  sums.inputs = c.in_columns;
  sums.first = -c.padding;
  sums.stride = c.stride;
  sums.taps = c.kernel;
  sums.per_position = l.per_position;
  sums.dy_row = l.dy_row;
  sums.dy_channel = (last_y - y) * l.dy_row;
  if (job.bias) {
    sums.rows = last_y - y;
    sums.dy = memory;
    sums.acc = job.bias_acc;
    sums.acc_channel = group;
    t.sum_positions(sums);
  }
  sums.x_column = l.x_column;
  sums.x_row = c.stride * l.x_row;
  sums.acc_channel = job.ins * c.taps() * group;
  const int64_t first_line = std::clamp<int64_t>(y * c.stride - c.padding, 0, c.in_rows);
  const int64_t last_line = std::clamp((last_y - 1) * c.stride + c.kernel - c.padding, first_line, c.in_rows);
  for (int64_t in = job.in; in < job.in + job.ins; ++in) {
    // Line first_line of the channel.
    const float* x = p.x + (in * c.in_rows + first_line) * c.in_columns * c.lanes + g.vector * group;
    if (l.copies_x) {
      float* copy = memory + l.dy_floats();
      copy_input(t, p, g, in, first_line, last_line, copy);
      x = copy + l.before * l.per_position;
    }
    for (int64_t k = 0; k < c.kernel; ++k) {
      // Rows whose tap k is inside.
      const int64_t above = c.padding - k, below = c.in_rows - 1 + c.padding - k;
      const int64_t first = std::max(y, above <= 0 ? 0 : ceil_div(above, c.stride));
      const int64_t last = std::min(last_y, below < 0 ? 0 : below / c.stride + 1);
      if (first >= last) continue;
      sums.rows = last - first;
      sums.dy = memory + (first - y) * l.dy_row;
      sums.x = x + (first * c.stride + k - c.padding - first_line) * l.x_row;
      sums.acc = job.acc + ((in - job.in) * c.kernel + k) * c.kernel * group;
      t.sum_taps(sums);
    }
  }
}

/// How many parts the channels of x are cut into, beside `tiles` parts of the channels of dy: the fewest that leave
/// no thread much longer at work than the others.
int64_t input_parts(int64_t in_channels, int64_t tiles, int64_t threads) {
  const int64_t least = ceil_div(in_channels, most_inputs);
  int64_t best = least, best_turns = 0, best_jobs = 1;  // turns of all threads for so many jobs
  for (int64_t parts = least; parts <= in_channels; ++parts) {
    const int64_t jobs = tiles * parts, turns = ceil_div(jobs, threads);
    if (best_turns == 0 || turns * best_jobs < best_turns * jobs) {
      best = parts;
      best_turns = turns;
      best_jobs = jobs;
    }
    if (10 * turns * threads <= 11 * jobs) break;
  }
  return best;
}

/// Memory for copies that a chunk of jobs needs.
int64_t copy_floats(const Convolution& c) {
  // A smaller batch may end in fewer examples, whose rows are shorter but for what taps read beyond the image.
  int64_t most = 0;
  for (const int64_t per_position : {group, group / 2, group / 4, group / 8, group / 16}) {
    if (per_position < group && c.stride != 1) break;  // lies flat at stride 1 alone
    most = std::max(most, Layout(c, per_position, false).floats());
  }
  return round_up(most, group);
}

/// Memory for the partial sums of a job with so many channels of x.
int64_t sum_floats(const Convolution& c, int64_t ins) { return channels_of_tile * (ins * c.taps() + 1) * group; }

}  // namespace

void convolution_weight_gradient(const Convolution& c, const OutputGradient& gradient, const float* x, float* dw,
                                 float* db, bool accumulate_w, bool accumulate_b, void* workspace,
                                 Executor& executor) {
  const Table& t = table();
  const Problem problem{c, gradient, x};
  const int64_t flops = 2 * c.out_channels * c.in_channels * c.taps() * c.out_rows() * c.out_columns() * c.live;
  const int64_t threads = std::clamp<int64_t>(flops / smallest_job_flops, 1, executor.threads());
  const int64_t tiles = ceil_div(c.out_channels, channels_of_tile);
  const int64_t parts = dw == nullptr ? 1 : input_parts(c.in_channels, tiles, threads);
  const int64_t jobs = tiles * parts, chunks = threads == 1 ? 1 : std::min(jobs, most_chunks);
  const int64_t copies = copy_floats(c);
  const int64_t floats = copies + sum_floats(c, dw == nullptr ? 0 : ceil_div(c.in_channels, parts));
  const LaneSplit split = split_lanes(c);
  const int64_t groups = split.whole + (split.few > 0 ? 1 : 0);
  const Layout whole(c, group, true), last(c, split.few > 0 ? split.few : group, false);
  parallel_for(executor, chunks, [&](int64_t chunk) {
    float* const own = static_cast<float*>(workspace) + chunk * floats;
    for (int64_t i = jobs * chunk / chunks; i < jobs * (chunk + 1) / chunks; ++i) {
      const int64_t part = i % parts;
      Job job{};
      job.out = i / parts * channels_of_tile;
      job.outs = std::min(channels_of_tile, c.out_channels - job.out);
      job.in = dw == nullptr ? 0 : c.in_channels * part / parts;
      job.ins = dw == nullptr ? 0 : c.in_channels * (part + 1) / parts - job.in;
      job.bias = db != nullptr && part == 0;
      job.bias_acc = own + copies;
      job.acc = job.bias_acc + channels_of_tile * group;
      const int64_t weights = job.ins * c.taps();  // of a channel of dy
      std::fill_n(job.bias_acc, (channels_of_tile + job.outs * weights) * group, 0.0F);
      for (int64_t vector = 0; vector < groups; ++vector) {
        const Group of{vector, (vector + 1) * group > c.live ? last : whole};
        const int64_t rows = c.out_rows(), blocks = ceil_div(rows, of.layout.rows);
        for (int64_t block = 0; block < blocks; ++block) {
          add_rows(t, problem, of, job, rows * block / blocks, rows * (block + 1) / blocks, own);
        }
      }
      for (int64_t i_out = 0; i_out < job.outs; ++i_out) {
        const int64_t first = ((job.out + i_out) * c.in_channels + job.in) * c.taps();
        if (weights > 0) t.tree_sums(weights, job.acc + i_out * weights * group, dw + first, accumulate_w);
      }
      if (job.bias) t.tree_sums(job.outs, job.bias_acc, db + job.out, accumulate_b);
    }
  });
}

std::uint64_t convolution_weight_gradient_workspace(const Convolution& c) {
  // The number of threads decides into how many parts.
  const int64_t tiles = ceil_div(c.out_channels, channels_of_tile), copies = copy_floats(c);
  int64_t most = 0;
  for (int64_t parts = ceil_div(c.in_channels, most_inputs); parts <= c.in_channels; ++parts) {
    const int64_t floats = copies + sum_floats(c, ceil_div(c.in_channels, parts));
    most = std::max(most, std::min(most_chunks, tiles * parts) * floats);
  }
  return static_cast<std::uint64_t>(most) * sizeof(float);
}

}  // namespace quench::kernels
