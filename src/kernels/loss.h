// Softmax cross-entropy and the count of right answers, sixteen examples at a time.
#pragma once

#include "kernels/functions.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace quench::kernels {
namespace {

/// 1 where the label is c, else 0.
QUENCH_INLINE f32x16 one_where(i32x16 label, int64_t c) {
  return select(label == splat((int32_t)c), splat(1.0F), zero());
}

double softmax_cross_entropy(Block block, const float* z, const int32_t* labels, int64_t live, float* probability) {
  double partial[lanes] = {};
  for (int64_t v = 0; v < block.vectors; ++v) {
    const float* z_v = z + v * lanes;
    float* p_v = probability + v * lanes;
    f32x16 largest = load(z_v);
    for (int64_t c = 1; c < block.rows; ++c) largest = max(largest, load(z_v + c * block.stride));
    const i32x16 label = load(labels + v * lanes);
    f32x16 total = zero(), z_label = zero();
    for (int64_t c = 0; c < block.rows; ++c) {
      const f32x16 z_c = load(z_v + c * block.stride);
      const f32x16 e = exp(z_c - largest);
      store(p_v + c * block.stride, e);
      total = c == 0 ? e : total + e;
      z_label = select(label == splat((int32_t)c), z_c, z_label);
    }
    for (int64_t c = 0; c < block.rows; ++c) {
      float* p = p_v + c * block.stride;
      store(p, load(p) / total);
    }
    const f32x16 loss = log(total) - (z_label - largest);
    float losses[lanes];
    store(losses, select(live_lanes(v * lanes, live), loss, zero()));
    for (int l = 0; l < lanes; ++l) partial[l] = partial[l] + (double)losses[l];
  }
  return tree(partial);
}

void softmax_cross_entropy_backward(Block block, const float* probability, const int32_t* labels, int64_t live,
                                    float factor, float* dz, bool accumulate) {
  const f32x16 factors = splat(factor);
  for (int64_t v = 0; v < block.vectors; ++v) {
    const i32x16 label = load(labels + v * lanes);
    const mask16 alive = live_lanes(v * lanes, live);
    for (int64_t c = 0; c < block.rows; ++c) {
      const int64_t i = c * block.stride + v * lanes;
      const f32x16 g = (load(probability + i) - one_where(label, c)) * factors;
      if (accumulate) {
        const f32x16 old = load(dz + i);
        store(dz + i, select(alive, old + g, old));
      } else {
        store(dz + i, select(alive, g, zero()));
      }
    }
  }
}

int64_t count_correct(Block block, const float* z, const int32_t* labels, int64_t live) {
  int64_t correct = 0;
  for (int64_t v = 0; v < block.vectors; ++v) {
    f32x16 best = load(z + v * lanes);
    i32x16 best_class = splat((int32_t)0);
    mask16 nan = is_nan(best);
    for (int64_t c = 1; c < block.rows; ++c) {
      const f32x16 z_c = load(z + v * lanes + c * block.stride);
      best_class = select(best < z_c, splat((int32_t)c), best_class);
      best = max(best, z_c);
      nan = nan | is_nan(z_c);
    }
    const mask16 hit = (best_class == load(labels + v * lanes)) & live_lanes(v * lanes, live);
    int32_t hits[lanes];
    store(hits, select(nan, splat((int32_t)0), select(hit, splat((int32_t)1), splat((int32_t)0))));
    for (int l = 0; l < lanes; ++l) correct += hits[l];
  }
  return correct;
}

}  // namespace
}  // namespace quench::kernels
