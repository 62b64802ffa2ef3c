#include "kernels/convolution.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "kernels/lane_split.h"
#include "kernels/packing.h"

namespace quench::kernels {
namespace {

using std::int64_t;

constexpr int64_t group = lanes_per_group;

// All sizes below shape the work and the use of caches and stack only: each element of the result is one chain,
// which blocks of channels continue.
constexpr int64_t groups_at_a_time = 3;        // of lanes: as many vectors as the widest tile has
constexpr int64_t pooled_floats = 9 * 1024;    // of outputs that wait to be pooled, 36 KiB
constexpr int64_t flat_in_floats = 10 * 1024;  // of inputs that lie flat, 40 KiB
constexpr int64_t flat_out_floats = 8 * 1024;  // of outputs, 32 KiB
constexpr int64_t rows_at_a_time = 2;          // of outputs of a job

/// Where results of a fused pooling go, [channels][rows / window][columns / window][lanes].
struct Pool {
  int64_t window = 1;  // 1: no pooling
  float* y = nullptr;
  std::uint8_t* index = nullptr;
  int64_t rows = 0, columns = 0;
};

/// A correlation of whole tensors [channels][rows][columns][lanes], in lanes and flat alike.
struct Problem {
  Correlation g;            // in.. and out.. of the first group of lanes; first_.., last_.. not set
  const Convolution& c;     // for lanes and live
  OutputGradient source{};  // with y: what flat rows read in place of g.in
  int64_t in_vector = 0;    // the group of lanes that g.in begins with
  Pool pool{};
};

int64_t flops(const Correlation& g, int64_t live) {
  return 2 * g.rows * g.channels * g.y.taps * g.x.taps * g.y.outputs * g.x.outputs * live;
}

/// Outputs that wait to be pooled, of channels from `channel` on and windows from row y and column x on. Lanes from
/// `live` on, if that is below 16, are not of the batch.
struct Waiting {
  const float* outputs;
  int64_t channel_floats, row_floats, column_floats;  // from one to the next
  int64_t channel, channels, y, rows, x, columns;     // rows, columns: of windows
  int64_t vector, vectors, live;
};

void pool_windows(const Table& t, const Problem& problem, const Waiting& waiting) {
  const Pool& pool = problem.pool;
  const int64_t lanes = problem.c.lanes;
  const int64_t to =
      ((waiting.channel * pool.rows + waiting.y) * pool.columns + waiting.x) * lanes + waiting.vector * group;
  Pooling p{};
  p.channels = waiting.channels;
  p.rows = waiting.rows;
  p.columns = waiting.columns;
  p.vectors = waiting.vectors;
  p.window = p.stride = pool.window;
  p.x_column = waiting.column_floats;
  p.x_row = waiting.row_floats;
  p.x_channel = waiting.channel_floats;
  p.y_column = lanes;
  p.y_row = pool.columns * lanes;
  p.y_channel = pool.rows * p.y_row;
  p.live = waiting.live;
  t.max_pool(p, waiting.outputs, true, pool.y + to, pool.index ? pool.index + to : nullptr);
}

// --- whole groups of lanes -------------------------------------------------------------------

/// Rows first .. last of outputs, or of pooled outputs, and vectors from `vector` on.
void whole_rows(const Table& t, const Problem& problem, int64_t first, int64_t last, int64_t vector,
                int64_t vectors) {
  Correlation g = problem.g;
  g.vectors = vectors;
  g.per_position = group;
  g.in += (vector - problem.in_vector) * group;
  const Pool& pool = problem.pool;
  if (pool.window == 1) {
    g.out += vector * group;
    g.first_y = first;
    g.last_y = last;
    g.first_x = 0;
    g.last_x = g.x.outputs;
    t.correlate(g);
    return;
  }
  alignas(64) float waiting[pooled_floats];
  const int64_t window = pool.window, lanes = vectors * group;
  const int64_t of_channel = window * window * lanes;
  const int64_t channels = std::min(g.rows, pooled_floats / of_channel);
  const int64_t strip = std::min(pool.columns, pooled_floats / (of_channel * channels));
  const Correlation whole = g;
  for (int64_t y = first; y < last; ++y) {
    for (int64_t x = 0; x < pool.columns; x += strip) {
      const int64_t columns = std::min(strip, pool.columns - x);
      for (int64_t row = 0; row < whole.rows; row += channels) {
        g.rows = std::min(channels, whole.rows - row);
        g.w = whole.w + row * g.w_row;
        g.bias = whole.bias + row;
        g.y.first = whole.y.first + g.y.stride * window * y;
        g.x.first = whole.x.first + g.x.stride * window * x;
        g.first_y = g.first_x = 0;
        g.last_y = window;
        g.last_x = window * columns;
        g.out = waiting;
        g.out_column = lanes;
        g.out_row = window * columns * lanes;
        g.out_channel = window * g.out_row;
        t.correlate(g);
        pool_windows(
            t, problem,
            {waiting, g.out_channel, g.out_row, lanes, row, g.rows, y, 1, x, columns, vector, vectors, group});
      }
    }
  }
}

// --- a last group of few examples ------------------------------------------------------------

/// What flat rows of a correlation read along x: inputs first .. last, inside or not.
struct Reach {
  int64_t first, last;
  explicit Reach(const Axis& x) {
    const int64_t span = std::max<int64_t>(x.taps, 1) - 1;
    first = std::min<int64_t>(0, x.step > 0 ? x.first : x.first - span);
    last = std::max(x.inputs, x.first + x.outputs + (x.step > 0 ? span : 0));
  }
  int64_t floats(int64_t per_position) const { return (last - first) * per_position + group; }
};

struct Lines {
  int64_t first, last;
};
/// Inputs along y that the outputs first .. last read.
Lines lines_read(const Axis& y, int64_t first, int64_t last) {
  const int64_t a = y.first + y.stride * first, b = y.first + y.stride * (last - 1);
  const int64_t low = y.step > 0 ? a : a - y.taps + 1, high = y.step > 0 ? b + y.taps : b + 1;
  const int64_t from = std::clamp<int64_t>(low, 0, y.inputs);
  return {from, std::clamp<int64_t>(high, from, y.inputs)};
}

int64_t flat_row(const Correlation& g, int64_t few) { return round_up(g.x.outputs * few, group); }

/// Whether what `rows` rows of outputs need fits the stack: so many channels of inputs, and of outputs with the 16
/// floats that pooling reads at the last position.
bool fits_flat(const Correlation& g, int64_t few, int64_t rows, int64_t channels, int64_t outputs) {
  const int64_t lines = std::min(g.y.inputs, g.y.stride * (rows - 1) + g.y.taps);
  return Reach(g.x).floats(few) * lines * channels <= flat_in_floats &&
         flat_row(g, few) * rows * outputs + group <= flat_out_floats;
}

/// Rows first .. last of the outputs of the last group, of `few` examples.
void flat_rows(const Table& t, const Problem& problem, int64_t first, int64_t last, int64_t vector, int64_t few) {
  alignas(64) float in[flat_in_floats];
  alignas(64) float out[flat_out_floats];
  Correlation g = problem.g;
  const Correlation whole = g;
  const Reach reach(g.x);
  const int64_t in_row = reach.floats(few), out_row = flat_row(g, few), rows = last - first;
  const Lines read = lines_read(g.y, first, last);
  const int64_t lines = read.last - read.first;
  const int64_t in_channels = std::min(g.channels, flat_in_floats / (in_row * std::max<int64_t>(lines, 1)));
  const int64_t out_channels = std::min(g.rows, (flat_out_floats - group) / (out_row * rows));
  // What lies outside the image is read, and not used.
  std::fill_n(in, in_channels * std::max<int64_t>(lines, 1) * in_row, 0.0F);

  g.per_position = few;
  g.y.first += g.y.stride * first - read.first;
  g.y.inputs = lines;
  g.first_y = g.first_x = 0;
  g.last_y = g.y.outputs = rows;
  g.last_x = g.x.outputs;
  g.in = in - reach.first * few;
  g.in_column = few;
  g.in_row = in_row;
  g.in_channel = in_row * lines;
  g.out = out;
  g.out_row = out_row;
  g.out_channel = out_row * rows;
  const int64_t live = problem.c.live - vector * group;

  const auto fetch = [&](int64_t channel, int64_t channels) {
    const OutputGradient& s = problem.source;
    const int64_t pooled_rows = whole.y.inputs / s.window, pooled_columns = whole.x.inputs / s.window;
    const int64_t of_channel = s.y ? pooled_rows * pooled_columns * problem.c.lanes : whole.in_channel;
    const int64_t at = channel * of_channel + vector * group;
    t.copy_positions({.channels = channels,
                      .first_row = read.first,
                      .last_row = read.last,
                      .columns = whole.x.inputs,
                      .vectors = 1,
                      .from_lanes = group,
                      .to_lanes = few,
                      .live = live,
                      .src = s.y ? s.dy + at : whole.in + channel * whole.in_channel + vector * group,
                      .y = s.y ? s.y + at : nullptr,
                      .index = s.index ? s.index + at : nullptr,
                      .src_channel = of_channel,
                      .src_row = s.y ? pooled_columns * problem.c.lanes : whole.in_row,
                      .src_column = problem.c.lanes,
                      .window = s.window,
                      .pooled_rows = pooled_rows,
                      .pooled_columns = pooled_columns,
                      .dst = in - reach.first * few,
                      .dst_channel = g.in_channel,
                      .dst_row = in_row,
                      .dst_column = few});
  };
  // Flat outputs of some channels and columns, to or from lanes; `lanes` says where they are.
  const auto exchange = [&](PositionCopy lanes, int64_t channel, int64_t x, bool from_lanes) {
    float* flat = out + channel * g.out_channel + x * few;
    lanes.last_row = rows;
    lanes.vectors = lanes.window = 1;
    lanes.live = live;
    (from_lanes ? lanes.to_lanes : lanes.from_lanes) = few;
    (from_lanes ? lanes.from_lanes : lanes.to_lanes) = group;
    if (from_lanes) {
      lanes.src = lanes.dst;
      lanes.src_channel = std::exchange(lanes.dst_channel, g.out_channel);
      lanes.src_row = std::exchange(lanes.dst_row, out_row);
      lanes.src_column = std::exchange(lanes.dst_column, few);
      lanes.dst = flat;
    } else {
      lanes.src = flat;
      lanes.src_channel = g.out_channel;
      lanes.src_row = out_row;
      lanes.src_column = few;
    }
    t.copy_positions(lanes);
  };

  const Pool& pool = problem.pool;
  const bool once = in_channels == whole.channels;
  if (once) fetch(0, whole.channels);
  for (int64_t row = 0; row < whole.rows; row += out_channels) {
    g.rows = std::min(out_channels, whole.rows - row);
    g.bias = whole.bias ? whole.bias + row : nullptr;
    PositionCopy outputs{};
    if (pool.window == 1) {
      outputs.channels = g.rows;
      outputs.columns = g.x.outputs;
      outputs.dst = whole.out + row * whole.out_channel + first * whole.out_row + vector * group;
      outputs.dst_channel = whole.out_channel;
      outputs.dst_row = whole.out_row;
      outputs.dst_column = whole.out_column;
    }
    if (whole.start == Start::accumulate) exchange(outputs, 0, 0, true);
    for (int64_t channel = 0; channel < whole.channels; channel += in_channels) {
      g.channels = std::min(in_channels, whole.channels - channel);
      if (!once) fetch(channel, g.channels);
      g.w = whole.w + row * whole.w_row + channel * whole.w_channel;
      g.start = channel == 0 ? whole.start : Start::accumulate;
      g.relu = whole.relu && channel + g.channels == whole.channels;
      t.correlate(g);
    }
    if (pool.window == 1) {
      exchange(outputs, 0, 0, false);
      continue;
    }
    pool_windows(t, problem,
                 {out, g.out_channel, out_row, few, row, g.rows, first / pool.window, rows / pool.window, 0,
                  pool.columns, vector, 1, live});
  }
}

// --- everything ------------------------------------------------------------------------------

/// How a problem is cut: into parts, some groups of lanes each, the last of them flat if `flat`, and bands of rows
/// (of windows, where there is pooling); of flat rows `flat_bands` at a time.
struct Cut {
  LaneSplit split;
  bool flat;
  int64_t whole, whole_parts, parts, rows, bands, flat_bands = 1;

  Cut(const Problem& problem, int threads) : split(split_lanes(problem.c)) {
    const Correlation& g = problem.g;
    const Pool& pool = problem.pool;
    rows = pool.window > 1 ? pool.rows : g.y.outputs;
    bands = pool.window > 1 ? rows : ceil_div(rows, rows_at_a_time);
    const int64_t of_band = pool.window > 1 ? pool.window : rows_at_a_time;  // of outputs
    flat = split.few > 0 && fits_flat(g, split.few, of_band, 1, 1);
    // Neighbouring bands read the same inputs; other threads must find some too.
    const int64_t turns = threads > 1 ? 2 * threads : 1;
    while (flat && flat_bands * turns < bands &&
           fits_flat(g, split.few, of_band * (flat_bands + 1), g.channels, g.rows)) {
      ++flat_bands;
    }
    whole = split.whole + (split.few > 0 && !flat ? 1 : 0);
    whole_parts = ceil_div(whole, groups_at_a_time);
    parts = whole_parts + (flat ? 1 : 0);
  }
  int64_t first_group(int64_t part) const { return whole * part / whole_parts; }
  /// Where a band begins.
  int64_t row(int64_t band) const { return rows * std::min(band, bands) / bands; }
};

/// Parts first_part .. last_part, all rows.
void run(const Problem& problem, const Cut& cut, int64_t first_part, int64_t last_part, Executor& executor) {
  const Table& t = table();
  const int64_t window = problem.pool.window;
  const int64_t whole_parts = std::min(last_part, cut.whole_parts) - first_part,
                flat_parts = last_part - first_part - whole_parts;
  // A thread gets neighbouring rows of all lanes: what it reads in the next layer then lies in its own cache. So
  // jobs are in turns of flat_bands bands of whole groups, then the same rows of the flat one.
  const int64_t of_turn = whole_parts * cut.flat_bands + flat_parts;
  const int64_t jobs = ceil_div(cut.bands, cut.flat_bands) * of_turn;
  if (jobs == 0) return;
  const bool alone =
      std::min<int64_t>(executor.threads(), flops(problem.g, problem.c.live) / smallest_job_flops) <= 1;
  parallel_for(executor, alone ? 1 : jobs, [&](int64_t chunk) {
    for (int64_t job = chunk; job < (alone ? jobs : chunk + 1); ++job) {
      const int64_t turn = job / of_turn * cut.flat_bands, in_turn = job % of_turn;
      if (in_turn == whole_parts * cut.flat_bands) {
        flat_rows(t, problem, cut.row(turn) * window, cut.row(turn + cut.flat_bands) * window, cut.split.whole,
                  cut.split.few);
        continue;
      }
      const int64_t band = turn + in_turn / whole_parts, part = first_part + in_turn % whole_parts;
      if (band >= cut.bands) continue;
      const int64_t vector = cut.first_group(part);
      whole_rows(t, problem, cut.row(band), cut.row(band + 1), vector, cut.first_group(part + 1) - vector);
    }
  });
}

Correlation output_correlation(const Convolution& c, const float* x, const float* w, const float* bias) {
  Correlation g{};
  g.rows = c.out_channels;
  g.channels = c.in_channels;
  g.y = {c.out_rows(), c.kernel, c.in_rows, -c.padding, c.stride, 1};
  g.x = {c.out_columns(), c.kernel, c.in_columns, -c.padding, c.stride, 1};
  g.in = x;
  g.in_column = c.lanes;
  g.in_row = c.in_columns * c.lanes;
  g.in_channel = c.in_rows * g.in_row;
  g.w = w;
  g.w_column = 1;
  g.w_line = c.kernel;
  g.w_channel = c.taps();
  g.w_row = c.in_channels * c.taps();
  g.start = Start::bias;
  g.bias = bias;
  return g;
}

/// The input gradient at every stride-th row from `row` on and every stride-th column from `column` on: of their
/// taps the same are in step with the stride.
Correlation gradient_correlation(const Convolution& c, int64_t row, int64_t column, const float* w, float* dx) {
  const auto axis = [&](int64_t inputs, int64_t outputs, int64_t first) {
    const int64_t tap = (first + c.padding) % c.stride;
    const int64_t taps = tap < c.kernel ? ceil_div(c.kernel - tap, c.stride) : 0;
    return Axis{ceil_div(inputs - first, c.stride), taps, outputs, (first + c.padding - tap) / c.stride, 1, -1};
  };
  Correlation g{};
  g.rows = c.in_channels;
  g.channels = c.out_channels;
  g.y = axis(c.in_rows, c.out_rows(), row);
  g.x = axis(c.in_columns, c.out_columns(), column);
  g.w = w + (row + c.padding) % c.stride * c.kernel + (column + c.padding) % c.stride;
  g.w_column = c.stride;
  g.w_line = c.stride * c.kernel;
  g.w_channel = c.in_channels * c.taps();
  g.w_row = c.taps();
  g.out = dx + (row * c.in_columns + column) * c.lanes;
  g.out_column = c.stride * c.lanes;
  g.out_row = c.stride * c.in_columns * c.lanes;
  g.out_channel = c.in_rows * c.in_columns * c.lanes;
  return g;
}

/// The gradient of whole groups of lanes from `vector` on, unpooled to dst [channels][rows][columns][16 * vectors].
void unpool(const Convolution& c, const OutputGradient& s, int64_t vector, int64_t vectors, float* dst,
            Executor& executor) {
  const int64_t rows = c.out_rows(), columns = c.out_columns();
  const int64_t pooled_rows = rows / s.window, pooled_columns = columns / s.window;
  parallel_for(executor, c.out_channels, [&](int64_t channel) {
    const int64_t at = channel * pooled_rows * pooled_columns * c.lanes + vector * group;
    table().copy_positions({.channels = 1,
                            .first_row = 0,
                            .last_row = rows,
                            .columns = columns,
                            .vectors = vectors,
                            .from_lanes = group,
                            .to_lanes = group,
                            .live = c.live - vector * group,
                            .src = s.dy + at,
                            .y = s.y + at,
                            .index = s.index == nullptr ? nullptr : s.index + at,
                            .src_channel = 0,
                            .src_row = pooled_columns * c.lanes,
                            .src_column = c.lanes,
                            .window = s.window,
                            .pooled_rows = pooled_rows,
                            .pooled_columns = pooled_columns,
                            .dst = dst + channel * rows * columns * vectors * group,
                            .dst_channel = 0,
                            .dst_row = columns * vectors * group,
                            .dst_column = vectors * group});
  });
}

}  // namespace

void convolve(const Convolution& c, const float* x, const float* w, const float* bias, bool relu, float* y,
              Executor& executor) {
  Problem problem{.g = output_correlation(c, x, w, bias), .c = c};
  problem.g.relu = relu;
  problem.g.out = y;
  problem.g.out_column = c.lanes;
  problem.g.out_row = c.out_columns() * c.lanes;
  problem.g.out_channel = c.out_rows() * problem.g.out_row;
  const Cut cut(problem, executor.threads());
  run(problem, cut, 0, cut.parts, executor);
}

void convolve_relu_max_pool(const Convolution& c, const float* x, const float* w, const float* bias,
                            std::int64_t window, float* y, std::uint8_t* index, Executor& executor) {
  Problem problem{.g = output_correlation(c, x, w, bias), .c = c};
  problem.pool = {window, y, index, c.out_rows() / window, c.out_columns() / window};
  const Cut cut(problem, executor.threads());
  run(problem, cut, 0, cut.parts, executor);
}

void convolution_input_gradient(const Convolution& c, const OutputGradient& gradient, const float* w, float* dx,
                                bool accumulate, void* workspace, Executor& executor) {
  const auto with_phases = [&](auto body) {
    for (int64_t row = 0; row < std::min(c.stride, c.in_rows); ++row) {
      for (int64_t column = 0; column < std::min(c.stride, c.in_columns); ++column) {
        Problem problem{.g = gradient_correlation(c, row, column, w, dx), .c = c, .source = gradient};
        problem.g.start = accumulate ? Start::accumulate : Start::zero;
        body(problem, Cut(problem, executor.threads()));
      }
    }
  };
  const auto set_input = [&](Problem& problem, const float* in, int64_t lanes) {
    problem.g.in = in;
    problem.g.in_column = lanes;
    problem.g.in_row = c.out_columns() * lanes;
    problem.g.in_channel = c.out_rows() * problem.g.in_row;
  };
  if (gradient.y == nullptr) {
    with_phases([&](Problem& problem, const Cut& cut) {
      set_input(problem, gradient.dy, c.lanes);
      run(problem, cut, 0, cut.parts, executor);
    });
    return;
  }
  // Some groups of lanes after the other: what is unpooled for them then fits a cache.
  const Cut cut(Problem{.g = gradient_correlation(c, 0, 0, w, dx), .c = c}, executor.threads());
  auto* unpooled = static_cast<float*>(workspace);
  for (int64_t part = 0; part < cut.parts; ++part) {
    const bool whole = part < cut.whole_parts;
    const int64_t vector = whole ? cut.first_group(part) : 0;
    const int64_t vectors = whole ? cut.first_group(part + 1) - vector : 0;
    if (whole) unpool(c, gradient, vector, vectors, unpooled, executor);
    with_phases([&](Problem& problem, const Cut& same) {
      set_input(problem, unpooled, vectors * group);
      problem.in_vector = vector;
      run(problem, same, part, part + 1, executor);
    });
  }
}

std::uint64_t convolution_input_gradient_workspace(const Convolution& c, bool plain) {
  if (plain) return 0;
  const int64_t groups = std::min(groups_at_a_time, ceil_div(c.live, group));
  return static_cast<std::uint64_t>(c.out_channels * c.out_rows() * c.out_columns() * groups * group) *
         sizeof(float);
}

}  // namespace quench::kernels
