// Copies of positions of images to where a convolution reads them, with the gradient of what lies behind the
// convolution on the way: ReLU and max pooling.
#pragma once

#include "kernels/bytes.h"
#include "kernels/elementwise.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// Positions are a batch apart, too far for a processor to see that one follows the other: they are asked for.
constexpr int64_t ahead = 16;

/// One row of positions of one channel and one group of lanes, of which `live` count.
template <int From, int To>
void copy_position_row(const PositionCopy& p, const float* src, float* dst, int64_t live) {
  const bool all = live >= (From < To ? From : To);
  const mask16 mask = live_lanes(0, live);
  if (To < From && all) {
    for (int64_t x = 0; x < p.columns; ++x) {
      memcpy(dst + x * p.dst_column, src + x * p.src_column, To * sizeof(float));
    }
    return;
  }
  for (int64_t x = 0; x < p.columns; ++x) {
    if constexpr (From == lanes) prefetch(src + (x + ahead) * p.src_column);
    const f32x16 value = load_lanes<From>(src + x * p.src_column);
    store_lanes<To>(dst + x * p.dst_column, all ? value : select(mask, value, zero()));
  }
}

/// The same, of the gradient behind a ReLU with result y, and behind pooling if there is an index: row `line` of
/// the windows.
template <int To>
void copy_gradient_row(const PositionCopy& p, const float* src, const float* y, const uint8_t* index, int64_t line,
                       float* dst, int64_t live) {
  const mask16 mask = live_lanes(0, live);
  int64_t x = 0;
  for (int64_t window = 0; window < p.pooled_columns; ++window) {
    const int64_t at = window * p.src_column;
    prefetch(src + at + ahead * p.src_column);
    prefetch(y + at + ahead * p.src_column);
    if (index != nullptr) prefetch(index + at + ahead * p.src_column);
    const f32x16 gradient = select(mask, relu_mask(load(y + at), load(src + at)), zero());
    if (index == nullptr) {
      store_lanes<To>(dst + x++ * p.dst_column, gradient);
      continue;
    }
    const i32x16 maximum = to_int(load_bytes(index + at));
    for (int64_t i = 0; i < p.window; ++i, ++x) {
      const mask16 here = maximum == splat((int32_t)(line * p.window + i));
      store_lanes<To>(dst + x * p.dst_column, select(here, gradient, zero()));
    }
  }
  for (; x < p.columns; ++x) store_lanes<To>(dst + x * p.dst_column, zero());
}

template <int From, int To>
void copy_positions_of(const PositionCopy& p) {
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t row = p.first_row; row < p.last_row; ++row) {
      for (int64_t v = 0; v < p.vectors; ++v) {
        float* dst = p.dst + c * p.dst_channel + (row - p.first_row) * p.dst_row + v * lanes;
        const int64_t live = p.live - v * lanes;
        const int64_t pooled = row / p.window;
        const int64_t at = c * p.src_channel + pooled * p.src_row + v * lanes;
        if (p.y == nullptr) {
          copy_position_row<From, To>(p, p.src + at, dst, live);
        } else if constexpr (From == lanes) {
          if (pooled < p.pooled_rows) {
            copy_gradient_row<To>(p, p.src + at, p.y + at, p.index == nullptr ? nullptr : p.index + at,
                                  row % p.window, dst, live);
          } else {
            for (int64_t x = 0; x < p.columns; ++x) store_lanes<To>(dst + x * p.dst_column, zero());
          }
        }
      }
    }
  }
}

template <int Few>
QUENCH_INLINE void copy_few_positions(const PositionCopy& p) {
  if (p.from_lanes == lanes) {
    copy_positions_of<lanes, Few>(p);
  } else {
    copy_positions_of<Few, lanes>(p);
  }
}

void copy_positions(const PositionCopy& p) {
  switch (p.from_lanes < p.to_lanes ? p.from_lanes : p.to_lanes) {
    case 1:
      return copy_few_positions<1>(p);
    case 2:
      return copy_few_positions<2>(p);
    case 4:
      return copy_few_positions<4>(p);
    case 8:
      return copy_few_positions<8>(p);
    default:
      return copy_positions_of<lanes, lanes>(p);
  }
}

}  // namespace
}  // namespace quench::kernels
