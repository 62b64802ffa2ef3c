// Included by each file of isa/ once: makes the table of this instruction set from the kernel sources.
// QUENCH_TABLE names the table, QUENCH_TABLE_NAME what users call it.
#pragma once

#include "kernels/adam.h"
#include "kernels/correlation.h"
#include "kernels/elementwise.h"
#include "kernels/functions.h"
#include "kernels/kernels.h"
#include "kernels/loss.h"
#include "kernels/pooling.h"
#include "kernels/positions.h"
#include "kernels/product.h"
#include "kernels/simd.h"
#include "kernels/tap_sums.h"
#include "kernels/transpose.h"
#include "kernels/update.h"

namespace quench::kernels {

extern const Table QUENCH_TABLE;
constexpr Table QUENCH_TABLE = {
    .name = QUENCH_TABLE_NAME,
    .numeric_class = QUENCH_FUSED ? "fma" : "muladd",
    .product = product,
    .copy_groups = copy_groups,
    .transpose = transpose,
    .prefetch = prefetch_matrix<false>,
    .prefetch_to_write = prefetch_matrix<true>,
    .correlate = correlate,
    .sum_taps = sum_taps,
    .sum_positions = sum_positions,
    .copy_positions = copy_positions,
    .tree_sums = tree_sums,
    .relu = relu,
    .relu_backward = relu_backward,
    .relu_backward_sum = relu_backward_sum,
    .copy = copy,
    .add = add,
    .multiply = multiply,
    .add_rows = add_rows,
    .multiply_rows = multiply_rows,
    .spread_row = spread_row,
    .spread_column = spread_column,
    .row_sums = row_sums,
    .row_means = row_means,
    .row_dots = row_dots,
    .column_sums = column_sums,
    .sum = sum,
    .max_pool = max_pool,
    .average_pool = average_pool,
    .max_pool_backward = max_pool_backward,
    .average_pool_backward = average_pool_backward,
    .softmax_cross_entropy = softmax_cross_entropy,
    .softmax_cross_entropy_backward = softmax_cross_entropy_backward,
    .count_correct = count_correct,
    .exp = exp_array,
    .log = log_array,
    .gather_lanes = gather_lanes,
    .gather_rows = gather_rows,
    .prefetch_images = prefetch_images,
    .sgd = sgd,
    .adam = adam,
    .norms = norms,
    .growth = growth,
};

}  // namespace quench::kernels
