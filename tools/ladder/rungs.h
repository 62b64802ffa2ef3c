// The product of two matrices in five steps, from the triple loop to most of what the processor can do. Read from
// the top: each rung is a function, and the paragraph above it says what changed and why that is faster. `make
// ladder` runs all five, prints what each achieves, and compares their results bit by bit.
//
// Every rung computes C += A B, with A [m, k], B [k, n] and C [m, n] row by row in memory, and C zero before. And
// all give the same bits. Rounding makes a sum depend on its order, so the order is fixed: each element of C is
// one chain of fused multiply-adds over increasing p = 0 .. k - 1. Where k is cut into blocks, the chain is stored
// to C after one block and taken up from there by the next, which changes nothing: a float in memory is the float
// that was in the register. What is left to choose is which elements to work on together, where their operands
// lie, and who computes them. That is all a rung changes.
//
// Figures in comments are those of a core that starts 2 vector fmas (fused multiply-adds) of 16 floats in a cycle,
// has each result 4 cycles later, does 2 vector loads a cycle, and has 48 KiB of L1 cache in 64 sets of 12 lines
// of 64 bytes; and of matrices 768 x 768. Its peak is 2 x 16 multiplications and additions, 64 operations a cycle.

#pragma once

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <future>
#include <vector>

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace ladder {
namespace {

using Index = std::ptrdiff_t;

// --- the machine -----------------------------------------------------------------------------

#if defined(__AVX512F__) && defined(__FMA__)
constexpr int width = 16, registers = 32;  // floats in a vector register, and how many of those there are
#elif defined(__AVX__)
constexpr int width = 8, registers = 16;
#elif defined(__aarch64__)
constexpr int width = 4, registers = 24;  // of 32: compilers load numbers of A ahead and want the others for that
#else
constexpr int width = 4, registers = 16;
#endif

#if defined(__FMA__) || defined(__aarch64__) || defined(__FP_FAST_FMAF)
constexpr bool fused = true;
#else
constexpr bool fused = false;  // it would be a slow library function: all rungs round twice instead
#endif

/// The compiler's own vectors: + - * work lane by lane.
typedef float Vector __attribute__((vector_size(sizeof(float) * width)));
/// The same in memory, at any address.
typedef float VectorInMemory __attribute__((vector_size(sizeof(float) * width), aligned(4), may_alias));

inline Vector load(const float* p) { return *reinterpret_cast<const VectorInMemory*>(p); }
inline void store(float* p, Vector x) { *reinterpret_cast<VectorInMemory*>(p) = x; }
inline Vector broadcast(float x) { return x - Vector{}; }

/// a * b + c, rounded once, or twice where the processor has no fused multiply-add.
inline float fma(float a, float b, float c) { return fused ? __builtin_fmaf(a, b, c) : a * b + c; }
inline Vector fma(Vector a, Vector b, Vector c) {
#if defined(__AVX512F__) && defined(__FMA__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return (Vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  if (!fused) return a * b + c;
  for (int lane = 0; lane < width; ++lane) c[lane] = fma(a[lane], b[lane], c[lane]);
  return c;
#endif
}

// An array of vectors lives in registers if all loops over it are unrolled.
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/// C += A B, and memory for packing, which is taken once before any clock runs.
struct Product {
  Index m, n, k;
  const float *a, *b;
  float* c;
  Index threads;
  float *packed_a, *packed_b;
};

// --- rung 1: the triple loop -----------------------------------------------------------------
//
// The definition. An fma needs the sum of the one before it, so that one starts every 4 cycles where 4 x 2 x 16
// could: 1/128 of the peak. (The compiler may not split the chain to go faster: that would be another order. The
// processor looks some hundred fmas ahead, and so overlaps the end of a chain with the beginning of the next.) And
// B is read down a column: every load wants 4 bytes of another cache line, 768 lines or 48 KiB for a column. When
// the next column wants its 4 bytes of the same lines, they have left L1, and come from L2 again. That just about
// hides behind the latency of the chain; with --size 1024, where all lines of a column fall on one set of L1 and
// on a few of L2, they come from farther away, and it does not.

void naive(const Product& x) {
  for (Index i = 0; i < x.m; ++i) {
    for (Index j = 0; j < x.n; ++j) {
      float sum = x.c[i * x.n + j];
      for (Index p = 0; p < x.k; ++p) sum = fma(x.a[i * x.k + p], x.b[p * x.n + j], sum);
      x.c[i * x.n + j] = sum;
    }
  }
}

// --- rung 2: loops reordered and blocked -----------------------------------------------------
//
// The loop over j goes inside. Its iterations belong to different chains, so they overlap, and the compiler itself
// makes vectors of them; B and C are read along rows, all 16 floats of a cache line at once. And the loops are cut
// into blocks: 16 rows of 512 columns of B are 32 KiB, which stay in L1 while all rows of A pass by, 16 numbers or
// a cache line of each; without blocks all of B would come from L2 for every row of C. The price is that sums now
// live in memory: an fma takes two loads (B, C) and a store (C). With 2 loads a cycle, that allows one fma a
// cycle, and compilers prefer vectors of 8 here even where there are 16: at best 1/4 of the peak.

void blocked(const Product& x) {
  constexpr Index depth = 16, columns = 512;
  for (Index p0 = 0; p0 < x.k; p0 += depth) {
    for (Index j0 = 0; j0 < x.n; j0 += columns) {
      const Index p1 = std::min(p0 + depth, x.k), j1 = std::min(j0 + columns, x.n);
      for (Index i = 0; i < x.m; ++i) {
        for (Index p = p0; p < p1; ++p) {
          const float a = x.a[i * x.k + p];
          for (Index j = j0; j < j1; ++j) x.c[i * x.n + j] = fma(a, x.b[p * x.n + j], x.c[i * x.n + j]);
        }
      }
    }
  }
}

// --- rung 3: packed panels -------------------------------------------------------------------
//
// Sums would fit into registers if fewer columns were in work at a time, and would stay there for longer with more
// rows of B: a panel of 256 rows and 32 columns, 32 KiB as well. Cut out of B as it lies, that is 512 cache lines
// on 192 pages, where the first level of the TLB knows some 64 to 96; and with n = 1024 all 256 rows would fall on
// the same 2 of the 64 sets of L1, which hold 24 lines. So each panel is first copied to consecutive addresses, 8
// pages and every set used evenly, in the order in which it will be read. Rows of A are copied too, 256 numbers
// each, to be at hand in L2 at a fixed distance. A number of B is copied once and then used m times, so the copy
// is cheap.
//
// A tile of C is what one panel of A and one of B make. In the loops below two rows of a tile are in work at a
// time and have their sums at hand for 256 steps, so that a load of B serves two fmas and a number of A a whole
// row. What limits that is latency: two rows of two vectors are 4 chains, where 8 keep both units busy for 4
// cycles: 1/2 of the peak at best. (Clang keeps the sums in registers. GCC 12 leaves them on the stack, in L1, and
// is slower.)

// A row of a tile is 2 vectors, or 4 of the short ones; and there are as many rows as registers allow, an even
// number: each takes `vectors` sums, and a step needs as many registers for B and one for A. That makes 14 x 32
// with 32 registers of 16, 6 x 16 with 16 registers of 8.
constexpr Index vectors = width > 4 ? 2 : 4;
constexpr Index tile_rows = (registers - vectors - 1) / vectors / 2 * 2, tile_columns = vectors * width;
constexpr Index block_depth = 256, block_rows = 8 * tile_rows;

/// Copies rows p0 .. p0 + depth of one panel of B, columns j0 .. j0 + tile_columns, with zeros beyond the last.
void pack_b(const Product& x, Index p0, Index depth, Index j0) {
  float* row = x.packed_b + j0 * block_depth;
  const Index columns = std::min(tile_columns, x.n - j0);
  for (Index p = p0; p < p0 + depth; ++p, row += tile_columns) {
    if (columns == tile_columns) {
      std::copy_n(x.b + p * x.n + j0, tile_columns, row);
    } else {
      std::fill(std::copy_n(x.b + p * x.n + j0, columns, row), row + tile_columns, 0.0F);
    }
  }
}

/// Tile [tile_rows, tile_columns] of C += panel of A [tile_rows, depth] times panel of B [depth, tile_columns].
using Tile = void(Index depth, const float* a, const float* b, float* c, Index c_stride);

void tile_in_loops(Index depth, const float* a, const float* b, float* c, Index c_stride) {
  for (Index i = 0; i < tile_rows; i += 2) {
    float sum0[tile_columns], sum1[tile_columns];
    std::copy_n(c + i * c_stride, tile_columns, sum0);
    std::copy_n(c + (i + 1) * c_stride, tile_columns, sum1);
    for (Index p = 0; p < depth; ++p) {
      const float a0 = a[i * block_depth + p], a1 = a[(i + 1) * block_depth + p];
      for (Index j = 0; j < tile_columns; ++j) {
        sum0[j] = fma(a0, b[p * tile_columns + j], sum0[j]);
        sum1[j] = fma(a1, b[p * tile_columns + j], sum1[j]);
      }
    }
    std::copy_n(sum0, tile_columns, c + i * c_stride);
    std::copy_n(sum1, tile_columns, c + (i + 1) * c_stride);
  }
}

/// Rows first .. last of C, steps p0 .. p0 + depth, from packed B. 8 panels of A, 112 rows, stay in L2 (112 KiB)
/// while all panels of B pass by; a panel of B stays in L1 while those 8 pass by.
template <Tile tile>
void multiply_rows(const Product& x, Index first, Index last, Index p0, Index depth, float* packed_a) {
  for (Index i0 = first; i0 < last; i0 += block_rows) {
    const Index rows = std::min(block_rows, last - i0);
    for (Index i = 0; i < rows; ++i) std::copy_n(x.a + (i0 + i) * x.k + p0, depth, packed_a + i * block_depth);
    for (Index j = 0; j < x.n; j += tile_columns) {
      for (Index i = 0; i < rows; i += tile_rows) {
        const float *a = packed_a + i * block_depth, *b = x.packed_b + j * block_depth;
        float* c = x.c + (i0 + i) * x.n + j;
        const Index height = std::min(tile_rows, rows - i), columns = std::min(tile_columns, x.n - j);
        if (height == tile_rows && columns == tile_columns) {
          tile(depth, a, b, c, x.n);
        } else {  // at the edges of C: a whole tile elsewhere, of which only the part inside is kept
          float edge[tile_rows * tile_columns] = {};
          for (Index r = 0; r < height; ++r) std::copy_n(c + r * x.n, columns, edge + r * tile_columns);
          tile(depth, a, b, edge, tile_columns);
          for (Index r = 0; r < height; ++r) std::copy_n(edge + r * tile_columns, columns, c + r * x.n);
        }
      }
    }
  }
}

template <Tile tile>
void packed(const Product& x) {
  for (Index p0 = 0; p0 < x.k; p0 += block_depth) {
    const Index depth = std::min(block_depth, x.k - p0);
    for (Index j = 0; j < x.n; j += tile_columns) pack_b(x, p0, depth, j);
    multiply_rows<tile>(x, 0, x.m, p0, depth, x.packed_a);
  }
}

// --- rung 4: a register tile -----------------------------------------------------------------
//
// All rows of the tile at once, in vectors as wide as there are. A step p loads 2 vectors of B and 14 numbers of
// A, each broadcast to a vector, and does 28 fmas with them: 16 loads in the 14 cycles that 28 fmas take anyway,
// when there is time for 28. And there are 28 chains, more than the 8 that hide the latency. So nothing but the
// fmas themselves limits the loop, and both wishes ask for the largest tile that registers hold: 28 sums, 2 of B,
// 1 of A are 31 of 32. (One row more, and sums travel to the stack and back.) What is missing to the peak: the
// copying, some 8 % here; waiting for tiles of C, and for panels that come from L2; and about a tenth that this
// loop does not reach even when everything is in L1.

[[gnu::noinline]] void tile_in_registers(Index depth, const float* a, const float* b, float* c, Index c_stride) {
  Vector sum[tile_rows][vectors];
  UNROLL
  for (Index i = 0; i < tile_rows; ++i) {
    UNROLL
    for (Index j = 0; j < vectors; ++j) sum[i][j] = load(c + i * c_stride + j * width);
  }
  for (Index p = 0; p < depth; ++p) {
    Vector b_p[vectors];
    UNROLL
    for (Index j = 0; j < vectors; ++j) b_p[j] = load(b + p * tile_columns + j * width);
    UNROLL
    for (Index i = 0; i < tile_rows; ++i) {
      const Vector a_ip = broadcast(a[i * block_depth + p]);
      UNROLL
      for (Index j = 0; j < vectors; ++j) sum[i][j] = fma(a_ip, b_p[j], sum[i][j]);
    }
  }
  UNROLL
  for (Index i = 0; i < tile_rows; ++i) {
    UNROLL
    for (Index j = 0; j < vectors; ++j) store(c + i * c_stride + j * width, sum[i][j]);
  }
}

// --- rung 5: threads -------------------------------------------------------------------------
//
// Every thread takes a share of C's rows, in whole tiles, and packs the A for them into memory of its own. The
// panels of B are common: each is packed by one thread, all wait until the last is done, and nobody packs the next
// 256 rows before all have finished with these. No element of C is touched by two threads, so nothing about its
// chain has changed: the bits cannot depend on the number of threads. T threads are T times as fast but for what
// they wait: for their start (tens of microseconds; a library keeps its threads), for the one that has a tile more
// to do (28 and 27 rows of tiles here), and for memory when they read it at once.

/// work(t) for t = 0 .. threads - 1, each on a thread of its own; the caller is one of them.
template <typename Work>
void on_threads(Index threads, const Work& work) {
  std::vector<std::future<void>> others;
  for (Index t = 1; t < threads; ++t) others.push_back(std::async(std::launch::async, work, t));
  work(0);
  for (std::future<void>& other : others) other.get();
}

void threaded(const Product& x) {
  std::barrier<> all(x.threads);
  const Index tiles = (x.m + tile_rows - 1) / tile_rows;
  on_threads(x.threads, [&](Index t) {
    const Index first = std::min(x.m, tiles * t / x.threads * tile_rows);
    const Index last = std::min(x.m, tiles * (t + 1) / x.threads * tile_rows);
    for (Index p0 = 0; p0 < x.k; p0 += block_depth) {
      const Index depth = std::min(block_depth, x.k - p0);
      for (Index j = t * tile_columns; j < x.n; j += x.threads * tile_columns) pack_b(x, p0, depth, j);
      all.arrive_and_wait();
      multiply_rows<tile_in_registers>(x, first, last, p0, depth, x.packed_a + t * block_rows * block_depth);
      all.arrive_and_wait();
    }
  });
}

}  // namespace
}  // namespace ladder
