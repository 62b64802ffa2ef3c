// Pooling: the first maximum or the mean of square windows of an image, and the gradients of both.
#pragma once

#include "kernels/bytes.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

// Memory for the place of a maximum in its window, in one of three forms. (Offsets are added here: there may be no
// memory.)
struct NoIndex {};
QUENCH_INLINE void store_index(NoIndex*, int64_t, i32x16) {}
QUENCH_INLINE void store_index(uint8_t* p, int64_t at, i32x16 x) { store_bytes(p + at, to_bytes(x)); }
QUENCH_INLINE void store_index(int32_t* p, int64_t at, i32x16 x) { store(p + at, x); }
QUENCH_INLINE i32x16 load_index(const uint8_t* p, int64_t at) { return to_int(load_bytes(p + at)); }
QUENCH_INLINE i32x16 load_index(const int32_t* p, int64_t at) { return load(p + at); }

// --- forward -----------------------------------------------------------------------------------

/// pool.at<groups>(from, to) for the groups of each window: their first offset in x and in y, and how many they
/// are. Two are computed at once, so that one need not wait for the other. (p is a copy: nothing stored can change
/// it.)
template <typename Pool>
QUENCH_INLINE void for_each_window(const Pooling p, const Pool pool) {
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t r = 0; r < p.rows; ++r) {
      int64_t from = c * p.x_channel + r * p.stride * p.x_row;
      int64_t to = c * p.y_channel + r * p.y_row;
      for (int64_t q = 0; q < p.columns; ++q) {
        int64_t v = 0;
        for (; v + 2 <= p.vectors; v += 2) pool.template at<2>(from + v * lanes, to + v * lanes);
        if (v < p.vectors) pool.template at<1>(from + v * lanes, to + v * lanes);
        from += p.stride * p.x_column;
        to += p.y_column;
      }
    }
  }
}

/// The first maximum of windows at `from`, Groups vectors side by side, and its place.
template <int Window, int Groups>
struct Maximum {
  f32x16 value[Groups];
  i32x16 place[Groups];

  QUENCH_INLINE Maximum(const float* from, int64_t variable_window, int64_t x_row, int64_t x_column, bool clip) {
    QUENCH_UNROLL
    for (int g = 0; g < Groups; ++g) {
      // What is larger than a clipped value is not changed by clipping: no other needs it.
      value[g] = load(from + g * lanes);
      if (clip) value[g] = relu(value[g]);
      place[g] = splat((int32_t)0);
    }
    const int64_t window = Window > 0 ? Window : variable_window;
    for (int64_t row = 0; row < window; ++row) {
      for (int64_t column = row == 0 ? 1 : 0; column < window; ++column) {
        const float* candidates = from + row * x_row + column * x_column;
        QUENCH_UNROLL
        for (int g = 0; g < Groups; ++g) {
          const f32x16 candidate = load(candidates + g * lanes);
          const mask16 wins = (candidate > value[g]) | is_nan(candidate);  // as in max()
          value[g] = select(wins, candidate, value[g]);
          place[g] = select(wins, splat((int32_t)(row * window + column)), place[g]);
        }
      }
    }
  }
};

template <int Window, typename Index>
struct MaxPool {
  int64_t window, x_row, x_column;
  const float* x;
  bool clip;
  float* y;
  Index* index;

  template <int Groups>
  QUENCH_INLINE void at(int64_t from, int64_t to) const {
    const Maximum<Window, Groups> maximum(x + from, window, x_row, x_column, clip);
    QUENCH_UNROLL
    for (int g = 0; g < Groups; ++g) {
      store(y + to + g * lanes, maximum.value[g]);
      store_index(index, to + g * lanes, maximum.place[g]);
    }
  }
};

template <int Window>
struct AveragePool {
  int64_t variable_window, x_row, x_column;
  const float* x;
  f32x16 area;
  float* y;

  template <int Groups>
  QUENCH_INLINE void at(int64_t from, int64_t to) const {
    f32x16 sum[Groups];
    QUENCH_UNROLL
    for (int g = 0; g < Groups; ++g) sum[g] = load(x + from + g * lanes);
    const int64_t window = Window > 0 ? Window : variable_window;
    for (int64_t row = 0; row < window; ++row) {
      for (int64_t column = row == 0 ? 1 : 0; column < window; ++column) {
        const float* more = x + from + row * x_row + column * x_column;
        QUENCH_UNROLL
        for (int g = 0; g < Groups; ++g) sum[g] = sum[g] + load(more + g * lanes);
      }
    }
    QUENCH_UNROLL
    for (int g = 0; g < Groups; ++g) store(y + to + g * lanes, sum[g] / area);
  }
};

/// Windows of flat rows, Few floats a position: a vector of candidates holds those of several windows.
template <int Few>
void max_pool_flat(const Pooling p, const float* x, bool clip, float* y, uint8_t* index) {
  const int64_t step = p.stride * Few;  // from window to window
  const int64_t at_once = step + Few <= lanes ? (lanes - Few) / step + 1 : 1;
  const mask16 live = (lane_numbers() & splat((int32_t)(Few - 1))) < splat((int32_t)p.live);
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t r = 0; r < p.rows; ++r) {
      const float* from = x + c * p.x_channel + r * p.stride * p.x_row;
      int64_t to = c * p.y_channel + r * p.y_row;
      for (int64_t q = 0; q < p.columns; q += at_once, from += at_once * step) {
        const Maximum<0, 1> maximum(from, p.window, p.x_row, Few, clip);
        float value[lanes];
        uint8_t place[lanes];
        store(value, select(live, maximum.value[0], zero()));
        store_bytes(place, to_bytes(select(live, maximum.place[0], splat((int32_t)0))));
        const int64_t last = at_once < p.columns - q ? at_once : p.columns - q;
        for (int64_t i = 0; i < last; ++i, to += p.y_column) {
          store(y + to, load_lanes<Few>(value + i * step));
          if (index == nullptr) continue;
          uint64_t places[2] = {0, 0};
          memcpy(places, place + i * step, Few);
          memcpy(index + to, places, sizeof places);
        }
      }
    }
  }
}

void max_pool_few(const Pooling& p, const float* x, bool clip, float* y, uint8_t* index) {
  switch (p.x_column) {
    case 1:
      return max_pool_flat<1>(p, x, clip, y, index);
    case 2:
      return max_pool_flat<2>(p, x, clip, y, index);
    case 4:
      return max_pool_flat<4>(p, x, clip, y, index);
    default:
      return max_pool_flat<8>(p, x, clip, y, index);
  }
}

template <int Window, typename Index>
void max_pool_windows(const Pooling& p, const float* x, bool clip, float* y, Index* index) {
  for_each_window(p, MaxPool<Window, Index>{p.window, p.x_row, p.x_column, x, clip, y, index});
}

template <typename Index>
void max_pool_any(const Pooling& p, const float* x, bool clip, float* y, Index* index) {
  if (p.window == 2) {
    max_pool_windows<2>(p, x, clip, y, index);
  } else {
    max_pool_windows<0>(p, x, clip, y, index);
  }
}

void max_pool(const Pooling& p, const float* x, bool clip, float* y, void* index) {
  if (p.x_column < lanes) {
    max_pool_few(p, x, clip, y, (uint8_t*)index);
  } else if (index == nullptr) {
    max_pool_any(p, x, clip, y, (NoIndex*)nullptr);
  } else if (pool_index_bytes(p.window) == 1) {
    max_pool_any(p, x, clip, y, (uint8_t*)index);
  } else {
    max_pool_windows<0>(p, x, clip, y, (int32_t*)index);
  }
}

void average_pool(const Pooling& p, const float* x, float* y) {
  const f32x16 area = splat((float)(p.window * p.window));
  if (p.window == 2) {
    for_each_window(p, AveragePool<2>{p.window, p.x_row, p.x_column, x, area, y});
  } else {
    for_each_window(p, AveragePool<0>{p.window, p.x_row, p.x_column, x, area, y});
  }
}

// --- backward ----------------------------------------------------------------------------------

/// What a window of a maximum passes to the positions in it: read() its group at an offset of dy, part() for a
/// place.
template <typename Index>
struct MaxGradient {
  const float* dy;
  const Index* index;
  struct Group {
    f32x16 dy;
    i32x16 index;
  };
  QUENCH_INLINE Group read(int64_t at) const { return {load(dy + at), load_index(index, at)}; }
  static QUENCH_INLINE f32x16 part(const Group& group, int64_t place) {
    return select(group.index == splat((int32_t)place), group.dy, zero());
  }
};

/// The same of a mean.
struct AverageGradient {
  const float* dy;
  f32x16 area;
  using Group = f32x16;
  QUENCH_INLINE Group read(int64_t at) const { return load(dy + at) / area; }
  static QUENCH_INLINE f32x16 part(Group group, int64_t) { return group; }
};

/// 0 at columns first <= q < last of a row of dx.
QUENCH_INLINE void clear_columns(const Pooling& p, float* dx, int64_t first, int64_t last) {
  for (int64_t q = first; q < last; ++q) {
    for (int64_t v = 0; v < p.vectors; ++v) store(dx + q * p.x_column + v * lanes, zero());
  }
}

/// A row of dx, at `row` of the windows whose row of dy begins at `at`. No windows overlap: each passes its parts
/// on.
template <int Window, bool Accumulate, typename Gradient>
QUENCH_INLINE void pass_on_row(const Pooling& p, const Gradient& gradient, int64_t at, int64_t row, float* dx) {
  const int64_t window = Window > 0 ? Window : p.window;
  for (int64_t q = 0; q < p.columns; ++q) {
    float* to = dx + q * p.stride * p.x_column;
    for (int64_t v = 0; v < p.vectors; ++v) {
      const auto group = gradient.read(at + q * p.y_column + v * lanes);
      for (int64_t column = 0; column < window; ++column) {
        const f32x16 part = gradient.part(group, row * window + column);
        float* there = to + column * p.x_column + v * lanes;
        store(there, Accumulate ? load(there) + part : part);
      }
    }
    if (!Accumulate) {
      clear_columns(p, dx, q * p.stride + window, q + 1 < p.columns ? (q + 1) * p.stride : p.x_columns);
    }
  }
}

/// A row of dx that the windows in rows first .. last of dy contain, in the first of them at `row`. Each position
/// gathers.
template <bool Accumulate, typename Gradient>
QUENCH_INLINE void gather_row(const Pooling& p, const Gradient& gradient, int64_t at, int64_t count, int64_t row,
                              float* dx) {
  int64_t first = 0, last = 0;  // columns of the windows that contain column q
  for (int64_t q = 0; q < p.x_columns; ++q) {
    if (q - first * p.stride >= p.window) ++first;
    if (last + 1 < p.columns && (last + 1) * p.stride <= q) ++last;
    if (first > last) {  // as for all columns to come
      if (!Accumulate) clear_columns(p, dx, q, p.x_columns);
      return;
    }
    float* to = dx + q * p.x_column;
    for (int64_t v = 0; v < p.vectors; ++v) {
      // -0 + x is x for every x, -0 included.
      f32x16 sum = Accumulate ? load(to + v * lanes) : splat(-0.0F);
      for (int64_t i = 0; i < count; ++i) {
        int64_t place = (row - i * p.stride) * p.window + q - first * p.stride;
        const int64_t of_row = at + i * p.y_row + v * lanes;
        for (int64_t w = first; w <= last; ++w, place -= p.stride) {
          sum = sum + gradient.part(gradient.read(of_row + w * p.y_column), place);
        }
      }
      store(to + v * lanes, sum);
    }
  }
}

template <int Window, bool Accumulate, typename Gradient>
void pass_back_rows(const Pooling p, const Gradient gradient, float* dx) {  // copies: no store can change them
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t r = 0; r < p.x_rows; ++r) {
      float* to = dx + c * p.x_channel + r * p.x_row;
      // Rows of the windows that contain this one.
      const int64_t y = p.x_first + r;
      const int64_t first = y < p.window ? 0 : (y - p.window) / p.stride + 1;
      const int64_t last = y / p.stride < p.rows ? y / p.stride : p.rows - 1;
      const int64_t at = c * p.y_channel + first * p.y_row;
      const int64_t row = y - first * p.stride;
      if (first > last) {
        if (!Accumulate) clear_columns(p, to, 0, p.x_columns);
      } else if (Window > 0 || p.window <= p.stride) {
        pass_on_row<Window, Accumulate>(p, gradient, at, row, to);
      } else {
        gather_row<Accumulate>(p, gradient, at, last - first + 1, row, to);
      }
    }
  }
}

template <bool Accumulate, typename Gradient>
void pass_back(const Pooling& p, const Gradient& gradient, float* dx) {
  if (p.window == 2 && p.stride >= 2) {
    pass_back_rows<2, Accumulate>(p, gradient, dx);
  } else {
    pass_back_rows<0, Accumulate>(p, gradient, dx);
  }
}

template <typename Gradient>
void pass_back(const Pooling& p, const Gradient& gradient, float* dx, bool accumulate) {
  if (accumulate) {
    pass_back<true>(p, gradient, dx);
  } else {
    pass_back<false>(p, gradient, dx);
  }
}

void max_pool_backward(const Pooling& p, const float* dy, const void* index, float* dx, bool accumulate) {
  if (pool_index_bytes(p.window) == 1) {
    pass_back(p, MaxGradient<uint8_t>{dy, (const uint8_t*)index}, dx, accumulate);
  } else {
    pass_back(p, MaxGradient<int32_t>{dy, (const int32_t*)index}, dx, accumulate);
  }
}

void average_pool_backward(const Pooling& p, const float* dy, float* dx, bool accumulate) {
  pass_back(p, AverageGradient{dy, splat((float)(p.window * p.window))}, dx, accumulate);
}

}  // namespace
}  // namespace quench::kernels
