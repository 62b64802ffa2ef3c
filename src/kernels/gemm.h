// Matrix products of any shape and transposition, cut into tiles and spread over threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/pieces.h"
#include "quench/executor.h"

namespace quench::kernels {

/// C[m, n] = op(A)[m, k] op(B)[k, n], all row-major with row strides in floats; op(X) is X, or its transpose when
/// the flag is set (A is then stored [k, m], B [n, k]). Each element of C is one chain of fused multiply-adds over
/// increasing k that starts from 0, bias[row] or C's old value. m, n, k >= 0; k = 0 stores the start value.
///
/// lanes: set when n counts examples of a per-example tensor: rows of B and C then have room for (and are computed
/// up to) the next multiple of 16. Otherwise nothing beyond column n is touched. No alignment is asked for.
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_stride = 0;
  bool a_transposed = false;
  const float* b = nullptr;
  std::int64_t b_stride = 0;
  bool b_transposed = false;
  float* c = nullptr;
  std::int64_t c_stride = 0;
  Start start = Start::zero;
  const float* bias = nullptr;  ///< [m]
  bool relu = false;
  bool lanes = false;
};

/// Bytes of scratch that gemm() needs for these extents and flags (pointers are not looked at); the same on every
/// instruction set and thread count, a multiple of 64, possibly 0. Enough for any smaller k as well, and with
/// `lanes` for any smaller n.
std::size_t gemm_workspace_bytes(const Gemm& g);

/// Computes it. workspace: gemm_workspace_bytes(product) bytes, 64-byte aligned. C must not overlap A or B.
void gemm(const Gemm& product, void* workspace, Executor& executor);

/// gemm() with op(B) = the pixels of images, [k features, n examples]: a layer's output from bytes. B's fields are
/// not looked at; A is not transposed, `lanes` is set, n and k are at least 1. No workspace.
void product_of_images(const Gemm& product, const Images& images, Executor& executor);
/// Whether product_of_images() and gemm_pieces() can take B as images, and are the faster way: there are few
/// examples, and rows of A do not fall on the same sets of a cache.
bool suits_images(const Gemm& product);

/// gemm() by pieces (kernels/pieces.h): a weight gradient, k being examples. With a sink each piece goes there
/// while it is in the nearest cache; C's fields and start are then not looked at, chains start from 0. Without, it
/// goes to C. No bias, no relu. images: when not null, op(B) is their pixels, [k examples, n features], and B's
/// fields are not looked at. workspace: gemm_pieces_workspace_bytes() bytes, 64-byte aligned; enough for a smaller
/// k too.
void gemm_pieces(const Gemm& product, const Images* images, const PieceSink* sink, void* workspace,
                 Executor& executor);
std::size_t gemm_pieces_workspace_bytes(const Gemm& product);

}  // namespace quench::kernels
