// Kernels that treat every element alike, and sums over lanes and features.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// body(offset) for the offset in floats of each group of 16 of the block, rows in order. When the rows follow one
/// another without a gap they are walked as one.
template <typename Body>
QUENCH_INLINE void for_each_group(Block b, Body body) {
  if (b.vectors * lanes == b.stride) b = {1, b.rows * b.vectors, b.rows * b.stride};
  for (int64_t r = 0; r < b.rows; ++r) {
    for (int64_t v = 0; v < b.vectors; ++v) body(r * b.stride + v * lanes);
  }
}

void relu(Block block, const float* x, float* y) {
  for_each_group(block, [=](int64_t i) { store(y + i, relu(load(x + i))); });
}

/// The gradient that passes a ReLU whose result is y: none where y <= 0.
QUENCH_INLINE f32x16 relu_mask(f32x16 y, f32x16 dy) { return select(y <= zero(), zero(), dy); }

void relu_backward(Block block, const float* y, const float* dy, float* dx, bool accumulate) {
  if (accumulate) {
    for_each_group(block, [=](int64_t i) { store(dx + i, load(dx + i) + relu_mask(load(y + i), load(dy + i))); });
  } else {
    for_each_group(block, [=](int64_t i) { store(dx + i, relu_mask(load(y + i), load(dy + i))); });
  }
}

/// sum = body(sum, offset) for each group of one row whose lanes all hold examples n < live, from sum = 0, then of
/// the last, partial one what body makes of its live lanes. body must do the same to each lane.
template <typename Body>
QUENCH_INLINE f32x16 sum_live(Block b, int64_t row, int64_t live, Body body) {
  f32x16 sum = zero();
  const int64_t whole = live / lanes < b.vectors ? live / lanes : b.vectors;
  int64_t v = 0;
  for (; v < whole; ++v) sum = body(sum, row * b.stride + v * lanes);
  for (; v < b.vectors; ++v) {
    const f32x16 more = body(sum, row * b.stride + v * lanes);
    sum = select(live_lanes(v * lanes, live), more, sum);
  }
  return sum;
}

QUENCH_INLINE void put(float* s, float value, bool accumulate) { *s = accumulate ? *s + value : value; }

void relu_backward_sum(Block block, int64_t live, const float* y, const float* dy, float* dx, float* row_sum,
                       bool accumulate_sum) {
  for (int64_t r = 0; r < block.rows; ++r) {
    const f32x16 sum = sum_live(block, r, live, [&](f32x16 so_far, int64_t i) {
      const f32x16 g = relu_mask(load(y + i), load(dy + i));
      store(dx + i, g);
      return so_far + g;
    });
    put(row_sum + r, tree_sum(sum), accumulate_sum);
  }
}

void copy(Block block, const float* x, float* y, bool accumulate) {
  if (accumulate) {
    for_each_group(block, [=](int64_t i) { store(y + i, load(y + i) + load(x + i)); });
  } else {
    for_each_group(block, [=](int64_t i) { store(y + i, load(x + i)); });
  }
}

void add(Block block, const float* a, const float* b, float* y) {
  for_each_group(block, [=](int64_t i) { store(y + i, load(a + i) + load(b + i)); });
}

void multiply(Block block, const float* a, const float* b, float* y, bool accumulate) {
  if (accumulate) {
    for_each_group(block, [=](int64_t i) { store(y + i, fma(load(a + i), load(b + i), load(y + i))); });
  } else {
    for_each_group(block, [=](int64_t i) { store(y + i, load(a + i) * load(b + i)); });
  }
}

/// body(offset, row) for each group.
template <typename Body>
QUENCH_INLINE void for_each_row_group(Block b, Body body) {
  for (int64_t r = 0; r < b.rows; ++r) {
    for (int64_t v = 0; v < b.vectors; ++v) body(r * b.stride + v * lanes, r);
  }
}

void add_rows(Block block, const float* a, const float* s, float* y) {
  for_each_row_group(block, [=](int64_t i, int64_t r) { store(y + i, load(a + i) + splat(s[r])); });
}

void multiply_rows(Block block, const float* a, const float* s, float* y, bool accumulate) {
  if (accumulate) {
    for_each_row_group(block,
                       [=](int64_t i, int64_t r) { store(y + i, fma(load(a + i), splat(s[r]), load(y + i))); });
  } else {
    for_each_row_group(block, [=](int64_t i, int64_t r) { store(y + i, load(a + i) * splat(s[r])); });
  }
}

void spread_row(Block block, const float* x, float divisor, float* y, bool accumulate) {
  const f32x16 divisors = splat(divisor);
  for (int64_t v = 0; v < block.vectors; ++v) {
    const f32x16 value = load(x + v * lanes) / divisors;
    for (int64_t r = 0; r < block.rows; ++r) {
      float* to = y + r * block.stride + v * lanes;
      store(to, accumulate ? load(to) + value : value);
    }
  }
}

void spread_column(Block block, const float* s, float divisor, int64_t live, float* y, bool accumulate) {
  for_each_row_group(block, [=](int64_t i, int64_t r) {
    const mask16 alive = live_lanes(i - r * block.stride, live);
    const f32x16 value = splat(s[r] / divisor);
    if (accumulate) {
      const f32x16 old = load(y + i);
      store(y + i, select(alive, old + value, old));
    } else {
      store(y + i, select(alive, value, zero()));
    }
  });
}

// --- reductions ------------------------------------------------------------------------------

/// Sum over the live lanes of a row.
QUENCH_INLINE float row_sum(Block block, int64_t row, int64_t live, const float* x) {
  return tree_sum(sum_live(block, row, live, [&](f32x16 so_far, int64_t i) { return so_far + load(x + i); }));
}

void row_sums(Block block, int64_t live, const float* x, float* s, bool accumulate) {
  for (int64_t r = 0; r < block.rows; ++r) put(s + r, row_sum(block, r, live, x), accumulate);
}

void row_means(Block block, int64_t live, const float* x, float* s) {
  for (int64_t r = 0; r < block.rows; ++r) s[r] = row_sum(block, r, live, x) / (float)live;
}

void row_dots(Block block, int64_t live, const float* x, const float* y, float* s, bool accumulate) {
  for (int64_t r = 0; r < block.rows; ++r) {
    const f32x16 sum =
        sum_live(block, r, live, [&](f32x16 so_far, int64_t i) { return fma(load(x + i), load(y + i), so_far); });
    put(s + r, tree_sum(sum), accumulate);
  }
}

void column_sums(Block block, const float* x, float divisor, float* y) {
  const f32x16 divisors = splat(divisor);
  for (int64_t v = 0; v < block.vectors; ++v) {
    f32x16 sum = load(x + v * lanes);
    for (int64_t r = 1; r < block.rows; ++r) sum = sum + load(x + r * block.stride + v * lanes);
    store(y + v * lanes, sum / divisors);
  }
}

float sum(const float* x, int64_t n) {
  f32x16 total = zero();
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) total = total + load(x + i);
  float s[lanes];
  store(s, total);
  for (int l = 0; i < n; ++i, ++l) s[l] = s[l] + x[i];
  return tree(s);
}

}  // namespace
}  // namespace quench::kernels
