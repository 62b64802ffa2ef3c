// The inner loops, one table of function pointers per instruction set.
//
// Everything here runs on the calling thread, allocates nothing, never throws, and gives the same bits on every
// instruction set of one numeric class. Above this file (gemm.h, the ops) work is cut into chunks and threads.
//
// A *block* is what elementwise kernels walk over: `rows` rows of `vectors` groups of 16 lanes, `stride` floats
// apart. A per-example tensor is a block of one row per element, with stride = the plan's lanes and vectors = the
// groups that hold live examples. A shared tensor is one row, padded with zeros to a multiple of 16. All rows start
// at multiples of 64 bytes. Dead lanes of the last group are computed like any other unless a comment says
// otherwise.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace quench::kernels {

inline constexpr int lanes_per_group = 16;

/// A count of lanes, or of elements of a shared tensor, rounded up to whole groups.
constexpr int64_t padded(int64_t count) {
  return (count + lanes_per_group - 1) / lanes_per_group * lanes_per_group;
}

struct Block {
  int64_t rows;
  int64_t vectors;
  int64_t stride;
};

/// What a product's chains of fused multiply-adds start from: 0, bias[row], or what C holds.
enum class Start : int { zero, bias, accumulate };

/// C[rows, 16 * vectors] from A[rows, k] and B[k, 16 * vectors]: element (i, j) is one chain of fused multiply-adds
/// over increasing k. A is read one element at a time, A[i][k] = a[i * a_row + k * a_col]; B and C by groups of 16,
/// B[k][16 g ..] = b + k * b_row + g * b_group and C[i][16 g ..] = c + i * c_row + g * 16. No alignment is asked
/// for.
struct Product {
  int64_t rows, vectors, k;
  const float* a;
  int64_t a_row, a_col;
  const float* b;
  int64_t b_row, b_group;
  float* c;
  int64_t c_row;
  Start start;
  const float* bias;  ///< [rows], for Start::bias
  bool relu;          ///< store c <= 0 ? 0 : c
  /// How many lanes of the last vector hold examples, when the others need not be computed: they are then stored as
  /// 0 or computed, whichever is faster. 0: all.
  int64_t live_lanes;
  int64_t absent;  ///< columns that the last group of C lacks, 0 .. 15: they are neither read nor written
  /// When not null, as many columns of B as are needed at a time, at most 64, are first copied there, [k][columns];
  /// b_group is then 16, nothing of `absent` columns is read, and B may be transposed: B[k][j] = b[j * b_row + k].
  float* panel;
  bool b_transposed;
};

/// How the indices of outputs, taps and inputs of a correlation go together along one axis: tap t of output o reads
/// input first + stride * o + step * t, if there is one (0 .. inputs); step is 1 or -1.
struct Axis {
  int64_t outputs, taps, inputs;
  int64_t first, stride, step;
};

/// Convolution and its input gradient: out[r][y][x] = start + the sum over (c, ty, tx), in this order, of
/// w[r][c][ty][tx] in[c][iy][ix], as one chain of fused multiply-adds over the taps that lie inside. Elements are
/// whole groups of 16 lanes: in[c][iy][ix] = in + c * in_channel + iy * in_row + ix * in_column, and so on; out is
/// that of output (0, 0). Outputs first_y .. last_y, first_x .. last_x are computed, of `vectors` groups.
///
/// per_position < 16: rows lie flat, per_position (1, 2, 4 or 8) lanes for each position, in_column = per_position,
/// out_column is not looked at: output row y has its positions first_x .. last_x behind one another from out + y *
/// out_row on, and is written up to a multiple of 16 floats. x.stride is then 1, `vectors` not looked at, and in
/// must be readable for all taps of all outputs, inside or not, and 16 floats more.
struct Correlation {
  int64_t rows, channels, vectors;
  Axis y, x;
  const float* in;
  int64_t in_channel, in_row, in_column;
  const float* w;
  int64_t w_row, w_channel, w_line, w_column;
  float* out;
  int64_t out_channel, out_row, out_column;
  Start start;
  const float* bias;  ///< [rows], for Start::bias
  bool relu;          ///< store out <= 0 ? 0 : out
  int64_t first_y, last_y, first_x, last_x;
  int64_t per_position;
};

/// Partial sums of a convolution's weight gradient: acc[r][t][16] += the sum over rows and outputs o, in this
/// order, of x[row][first + stride * o + t] dy[r][row][o], each lane by itself, over the taps t that lie inside (0
/// .. inputs). Elements are groups of 16 lanes: dy + r * dy_channel + row * dy_row + 16 o, x + row * x_row +
/// x_column * input, acc + r * acc_channel + 16 t.
///
/// per_position < 16: rows lie flat as in Correlation, stride is 1: dy + r * dy_channel + row * dy_row and x + row
/// * x_row are rows of x_column = per_position floats for each position. What is outside is read, and not used;
/// sum_positions needs zeros behind the rows of dy up to a multiple of 16.
struct TapSums {
  int64_t channels, taps, rows, outputs, inputs, first, stride;
  const float* dy;
  int64_t dy_channel, dy_row;
  const float* x;
  int64_t x_column, x_row;
  float* acc;
  int64_t acc_channel;
  int64_t per_position;
};

/// A copy of positions to where a kernel reads or writes them, each `from_lanes` floats at src and `to_lanes` at
/// dst (16 for each of `vectors` groups, or 1, 2, 4, 8 of one group): lanes that src lacks or that are beyond
/// `live` become 0. With y, the gradient behind a ReLU of result y: src where y > 0 or NaN, else 0. With index too,
/// the gradient behind max pooling of that ReLU's result: src, y and index are of the pooled image, [rows /
/// window][columns / window], and dst gets src where index says that the maximum was, else 0. dst is rows first_row
/// .. last_row.
struct PositionCopy {
  int64_t channels, first_row, last_row, columns, vectors;
  int64_t from_lanes, to_lanes, live;
  const float* src;
  const float* y;
  const uint8_t* index;
  int64_t src_channel, src_row, src_column;
  int64_t window, pooled_rows, pooled_columns;
  float* dst;
  int64_t dst_channel, dst_row, dst_column;
};

/// Sums over the state before an update: theta the parameters, v the velocity, g the gradient with its L2 term, d =
/// theta' - theta. What an update does not measure is 0.
struct UpdateSums {
  double theta_g = 0, g_g = 0, v_v = 0, v_g = 0, theta_v = 0, theta_theta = 0;
  double theta_d = 0, d_d = 0;
};
/// Sums over a state: |theta|^2, theta.v, |v|^2, and of the fourth powers.
struct NormSums {
  double theta_theta, theta_v, v_v, theta_4, v_4;
};
struct SgdStep {
  float lr, momentum, one_minus_dampening, weight_decay;
};
/// A part of a parameter that is a matrix: theta and v have rows `row` floats apart, g has rows `g_row` apart.
/// Nothing beyond `columns` is touched. v may be null.
struct UpdatePiece {
  int64_t rows, columns;
  float* theta;
  float* v;
  int64_t row;
  const float* g;
  int64_t g_row;
};
/// What Adam takes for 0 and leaves as 0 when it is smaller in magnitude: squares and thousandths of it stay far from
/// subnormal numbers.
constexpr float adam_dust = 0x1p-50F;
/// rate, scale: lr and 1 with their bias corrections.
struct AdamStep {
  float rate, scale, epsilon;
  float beta1, one_minus_beta1, beta2, one_minus_beta2, weight_decay;
};
/// As UpdatePiece, with the first and second moments, and for AMSGrad the largest second moment, else null.
struct AdamPiece {
  int64_t rows, columns;
  float* theta;
  float *m, *v, *w;
  int64_t row;
  const float* g;
  int64_t g_row;
};

/// Images as a matrix of numbers: pixel f of image i is fma(byte, scale, shift), with byte = pixels[index[i] *
/// features + f].
struct Images {
  const uint8_t* pixels;
  const uint32_t* index;  ///< [count]
  int64_t features, count;
  float scale, shift;
};

/// Square windows over images, [channel][row][column][16 * vectors]: that of row r and column q of the result y has
/// its first element at row r * stride and column q * stride of x. All of them lie inside x. Distances are in
/// floats.
struct Pooling {
  int64_t channels, rows, columns, vectors;  ///< of y
  int64_t window, stride;                    ///< at least 1
  int64_t x_channel, x_row, x_column;
  int64_t y_channel, y_row, y_column;
  /// For gradients: dx holds x_rows rows of x from row x_first on, each of x_columns columns. y is all of it.
  int64_t x_first, x_rows, x_columns;
  /// For max_pool of one vector whose x lies flat, x_column = 1, 2, 4 or 8 floats a position, of which `live`
  /// count: the other lanes of y become 0. x is read 16 floats at a time all the same; an index is of bytes.
  int64_t live = 16;
};
/// Bytes of an element of what tells where in its window a maximum was.
constexpr int64_t pool_index_bytes(int64_t window) { return window <= 16 ? 1 : 4; }

struct Table {
  const char* name;           ///< "avx512"
  const char* numeric_class;  ///< "fma" or "muladd"

  // --- products ------------------------------------------------------------------------------
  void (*product)(const Product&);
  /// dst[g * dst_group + r * 16 + l] = src[r * src_row + 16 g + l] for 16 g + l < columns, then 0 up to a multiple
  /// of 16: groups of 16 columns, one behind the other.
  void (*copy_groups)(const float* src, int64_t rows, int64_t columns, int64_t src_row, float* dst,
                      int64_t dst_group);
  /// dst[c * dst_row + r] = src[r * src_row + c]; any sizes, any alignment. The columns r .. rounded up to
  /// `pad_rows` are written as 0 (pad_rows >= rows, or 0 for no padding).
  void (*transpose)(const float* src, int64_t rows, int64_t cols, int64_t src_row, float* dst, int64_t dst_row,
                    int64_t pad_rows);
  /// Asks for a matrix that another thread may have written: its cache lines come together, while something else
  /// runs, instead of one after the other when a product first reads them.
  void (*prefetch)(const float* x, int64_t rows, int64_t columns, int64_t row);
  /// The same of a matrix that is to be written.
  void (*prefetch_to_write)(const float* x, int64_t rows, int64_t columns, int64_t row);

  // --- convolutions --------------------------------------------------------------------------
  void (*correlate)(const Correlation&);
  void (*sum_taps)(const TapSums&);
  /// acc[r][0][16] += the sum over rows and outputs of dy, in this order: the gradient of a bias.
  void (*sum_positions)(const TapSums&);
  void (*copy_positions)(const PositionCopy&);
  /// w[i] (+)= the tree over the 16 lanes of acc[i][16], for i < n.
  void (*tree_sums)(int64_t n, const float* acc, float* w, bool accumulate);

  // --- elementwise; y may be the same memory as an input -------------------------------------
  void (*relu)(Block, const float* x, float* y);
  /// dx (+)= y <= 0 ? 0 : dy
  void (*relu_backward)(Block, const float* y, const float* dy, float* dx, bool accumulate);
  /// dx = y <= 0 ? 0 : dy and row_sum[r] (+)= the sum of row r over lanes n < live, in one pass.
  void (*relu_backward_sum)(Block, int64_t live, const float* y, const float* dy, float* dx, float* row_sum,
                            bool accumulate_sum);
  void (*copy)(Block, const float* x, float* y, bool accumulate);  ///< y (+)= x
  void (*add)(Block, const float* a, const float* b, float* y);
  void (*multiply)(Block, const float* a, const float* b, float* y, bool accumulate);  ///< y = a b, or fma(a, b, y)
  /// s is one value per row: y[r][n] = a[r][n] + s[r], and so on.
  void (*add_rows)(Block, const float* a, const float* s, float* y);
  void (*multiply_rows)(Block, const float* a, const float* s, float* y, bool accumulate);
  /// y[r][n] (+)= x[n] / divisor: one row spread over all rows.
  void (*spread_row)(Block, const float* x, float divisor, float* y, bool accumulate);
  /// y[r][n] (+)= s[r] / divisor for lanes n < live, and 0 (or unchanged) for the others.
  void (*spread_column)(Block, const float* s, float divisor, int64_t live, float* y, bool accumulate);

  // --- reductions ----------------------------------------------------------------------------
  // Over lanes n < live: 16 partial sums starting at +0, lane l adding x[l], x[l + 16], ... in order (+0 in place
  // of dead lanes, whatever they hold); then the fixed tree of halves, l and l + 8, l and l + 4, l and l + 2, 0
  // and 1.
  void (*row_sums)(Block, int64_t live, const float* x, float* s, bool accumulate);  ///< s[r] (+)= sum of row r
  void (*row_means)(Block, int64_t live, const float* x, float* s);                  ///< s[r] = sum of row r / live
  /// s[r] (+)= sum of x[r][n] y[r][n], partial = fma(x, y, partial).
  void (*row_dots)(Block, int64_t live, const float* x, const float* y, float* s, bool accumulate);
  /// y[n] = (x[0][n] + x[1][n] + ...) / divisor, rows in order, starting from x[0].
  void (*column_sums)(Block, const float* x, float divisor, float* y);
  /// Sum of n contiguous floats: lanes and tree as above, elements past n count as +0.
  float (*sum)(const float* x, int64_t n);

  // --- pooling -------------------------------------------------------------------------------
  /// y = the first maximum of each window in the order of rows and columns (a NaN wins, the last of several), of x
  /// <= 0 ? 0 : x if relu. index, if not null: where it was, window * row + column inside the window,
  /// pool_index_bytes() each, laid out as y is.
  void (*max_pool)(const Pooling&, const float* x, bool relu, float* y, void* index);
  /// y = (first + second + ...) / (window * window) in the order of rows and columns.
  void (*average_pool)(const Pooling&, const float* x, float* y);
  /// dx (+)= the sum, in the order of rows and columns, over the windows that contain a position: dy of those whose
  /// maximum it is, +0 of the others. Positions in no window: 0 (or unchanged).
  void (*max_pool_backward)(const Pooling&, const float* dy, const void* index, float* dx, bool accumulate);
  /// The same with dy / (window * window) of all windows that contain a position.
  void (*average_pool_backward)(const Pooling&, const float* dy, float* dx, bool accumulate);

  // --- loss ----------------------------------------------------------------------------------
  /// z: block of `classes` rows of logits. Per lane: m = max (a NaN wins), e_c = exp(z_c - m), s = e_0 + e_1 + ...
  /// in order; probability[c] = e_c / s; loss = log(s) - (z_label - m). Returns the sum of the losses of lanes n <
  /// live in double: 16 partial sums and the tree above. labels: one int per lane.
  double (*softmax_cross_entropy)(Block, const float* z, const int32_t* labels, int64_t live, float* probability);
  /// dz[c][n] (+)= (probability[c][n] - (label[n] == c ? 1 : 0)) * factor for lanes n < live, 0 (or unchanged)
  /// beyond.
  void (*softmax_cross_entropy_backward)(Block, const float* probability, const int32_t* labels, int64_t live,
                                         float factor, float* dz, bool accumulate);
  /// How many lanes n < live have their first largest value in row label[n]; a lane with a NaN never counts.
  int64_t (*count_correct)(Block, const float* z, const int32_t* labels, int64_t live);

  // --- functions, elementwise on n values (n a multiple of 16) -------------------------------
  void (*exp)(const float* x, float* y, int64_t n);  ///< within 1 ulp; 0 below -87.3, +inf above 88.7, NaN kept
  void (*log)(const float* x, float* y, int64_t n);  ///< within 1 ulp; -inf at 0, NaN below, inf kept

  // --- images --------------------------------------------------------------------------------
  /// dst[(f - first) * dst_row + i] = pixel f of image i, for f in [first, last) and i in [0, count), and 0 for i
  /// up to the next multiple of 16. first is a multiple of 16.
  void (*gather_lanes)(const Images&, int64_t first, int64_t last, float* dst, int64_t dst_row);
  /// dst[i * dst_row + f - first] = pixel f of image i, for the same f and i, and 0 for f up to the next multiple
  /// of 16.
  void (*gather_rows)(const Images&, int64_t first, int64_t last, float* dst, int64_t dst_row);

  /// Asks for pixels first .. last of all images, which lie anywhere in memory: they come together, while something
  /// else runs, instead of one after the other when they are needed.
  void (*prefetch_images)(const Images&, int64_t first, int64_t last);

  // --- optimiser -----------------------------------------------------------------------------
  /// g = fma(lambda, theta, g); v' = fma(mu, v, -(a g)); theta' = fma(eta, v', theta), and the sums of the state
  /// before the update. columns <= 256. Sums, lane = column mod 16: theta.g, |g|^2 and |theta|^2 in float (fma),
  /// over as many rows as have at most 16 groups together, then added to 16 double lanes; the others in 16 double
  /// lanes, their products exact; then the tree.
  /// v = null asks for mu = 0 without a stored velocity, v' = -(a g): what needs v is not measured.
  UpdateSums (*sgd)(const UpdatePiece&, const SgdStep& step);
  /// g = fma(lambda, theta, g); m' = fma(beta1, m, (1 - beta1) g); v' = fma(beta2, v, (1 - beta2) (g g)); w' =
  /// max(w, v'), or v' where w = null; theta' = fma(-rate, m' / fma(sqrt(w'), scale, epsilon), theta). columns <=
  /// 256. Sums as above; theta.d and |d|^2 in 16 double lanes, d the difference in double, partial = fma(theta, d,
  /// partial).
  UpdateSums (*adam)(const AdamPiece&, const AdamStep& step);
  /// The sums of n elements in double throughout: the plain pass of the audit. v may be null: what needs it is 0.
  NormSums (*norms)(int64_t n, const float* theta, const float* v);
  /// What |theta|^2 of a matrix grew by from one state to another: the sum of (to + from)(to - from) in double,
  /// lane = column mod 16, rows one after the other.
  double (*growth)(int64_t rows, int64_t columns, const float* from, int64_t from_row, const float* to,
                   int64_t to_row);
};

/// The table in use: the best this processor has, or QUENCH_ISA. Throws Error when that names none.
const Table& table();
/// All tables this processor can run, best first; at least one. (count in *count.)
const Table* const* tables(size_t* count);
/// Uses another table from now on: for tests and benchmarks. Throws Error when the name is unknown or cannot run
/// here.
void use_table(const char* name);

}  // namespace quench::kernels
