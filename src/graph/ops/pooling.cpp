// y[c][r][q] = the maximum, or the mean, of the window x window elements of x[c] from row r * stride and column q *
// stride on. Backward needs neither x nor y: where the maxima were is kept, a byte each, or four where windows
// are larger than 16.
#include <algorithm>

#include "graph/ops/blocks.h"
#include "graph/ops/building.h"

namespace quench {

namespace {

/// All of the images of a pool.
kernels::Pooling whole(const Context& c) {
  const Shape& x = c.input_node(0).shape;
  const Shape& y = c.node().shape;
  const std::int64_t lanes = c.lanes();
  return {.channels = y[0],
          .rows = y[1],
          .columns = y[2],
          .vectors = c.output_block().vectors,
          .window = c.node().windows.size,
          .stride = c.node().windows.stride,
          .x_channel = x[1] * x[2] * lanes,
          .x_row = x[2] * lanes,
          .x_column = lanes,
          .y_channel = y[1] * y[2] * lanes,
          .y_row = y[2] * lanes,
          .y_column = lanes,
          .x_first = 0,
          .x_rows = x[1],
          .x_columns = x[2]};
}

/// body(first channel, channels, first row, rows): all rows of all channels in chunks for threads, cut within
/// channels where that makes them even.
template <typename Body>
void for_each_image_rows(const Context& c, std::int64_t channels, std::int64_t rows, Body body) {
  const std::int64_t chunks = chunk_count(c.input_block(0), channels * rows);
  parallel_for(c.executor(), chunks, [&](std::int64_t i) {
    std::int64_t first = channels * rows * i / chunks;
    const std::int64_t last = channels * rows * (i + 1) / chunks;
    while (first < last) {
      const std::int64_t row = first % rows;
      const bool whole_channels = row == 0 && last - first >= rows;
      const std::int64_t count = whole_channels ? (last - first) / rows : 1;
      const std::int64_t count_rows = std::min(rows - row, last - first);
      body(first / rows, count, row, count_rows);
      first += count * count_rows;
    }
  });
}

/// pool(part, offset in x, offset in y) for the parts of y.
template <typename Pool>
void forward_parts(const Context& c, Pool pool) {
  const kernels::Pooling all = whole(c);
  for_each_image_rows(c, all.channels, all.rows,
                      [&](std::int64_t channel, std::int64_t channels, std::int64_t row, std::int64_t rows) {
                        kernels::Pooling part = all;
                        part.channels = channels;
                        part.rows = rows;
                        pool(part, channel * all.x_channel + row * all.stride * all.x_row,
                             channel * all.y_channel + row * all.y_row);
                      });
}

/// The same for the parts of dx, which need all rows of dy.
template <typename Pool>
void backward_parts(const Context& c, Pool pool) {
  const kernels::Pooling all = whole(c);
  for_each_image_rows(c, all.channels, all.x_rows,
                      [&](std::int64_t channel, std::int64_t channels, std::int64_t row, std::int64_t rows) {
                        kernels::Pooling part = all;
                        part.channels = channels;
                        part.x_first = row;
                        part.x_rows = rows;
                        pool(part, channel * all.x_channel + row * all.x_row, channel * all.y_channel);
                      });
}

/// Where maxima were, where somebody will ask: as large as y, in elements of pool_index_bytes().
std::uint64_t index_bytes(const Context& c) {
  if (!c.wanted(0)) return 0;
  return static_cast<std::uint64_t>(c.output_elements() * c.lanes() *
                                    kernels::pool_index_bytes(c.node().windows.size));
}

void max_forward(const Context& c) {
  auto* index = static_cast<std::byte*>(c.saved());
  const std::int64_t bytes = kernels::pool_index_bytes(c.node().windows.size);
  forward_parts(c, [&](const kernels::Pooling& part, std::int64_t x, std::int64_t y) {
    c.table().max_pool(part, c.input(0) + x, false, c.output() + y, index == nullptr ? nullptr : index + y * bytes);
  });
}

void max_backward(const Context& c) {
  const auto* index = static_cast<const std::byte*>(c.saved());
  const std::int64_t bytes = kernels::pool_index_bytes(c.node().windows.size);
  backward_parts(c, [&](const kernels::Pooling& part, std::int64_t x, std::int64_t y) {
    c.table().max_pool_backward(part, c.output_gradient() + y, index + y * bytes, c.input_gradient(0) + x,
                                c.accumulate(0));
  });
}

void average_forward(const Context& c) {
  forward_parts(c, [&](const kernels::Pooling& part, std::int64_t x, std::int64_t y) {
    c.table().average_pool(part, c.input(0) + x, c.output() + y);
  });
}

void average_backward(const Context& c) {
  backward_parts(c, [&](const kernels::Pooling& part, std::int64_t x, std::int64_t y) {
    c.table().average_pool_backward(part, c.output_gradient() + y, c.input_gradient(0) + x, c.accumulate(0));
  });
}

constexpr Op max_pool_op{
    .name = "max_pool2d", .forward = max_forward, .backward = max_backward, .saved_bytes = index_bytes};
constexpr Op average_pool_op{.name = "average_pool2d", .forward = average_forward, .backward = average_backward};

Tensor build(const Op& op, Tensor x, std::int64_t window, std::int64_t stride) {
  check_arguments(op, {x});
  const Shape& shape = x.shape();
  if (!x.per_example()) {
    refuse(op, "the input, of shape " + to_string(shape) + ", is shared, expected per-example");
  }
  if (shape.size() != 3) {
    refuse(op,
           "the input has shape " + to_string(shape) + ", expected three dimensions, [channels, rows, columns]");
  }
  if (window < 1) refuse(op, "a window of " + std::to_string(window) + ", expected at least 1");
  if (stride < 0) {
    refuse(op, "a stride of " + std::to_string(stride) + ", expected at least 1, or 0 for that of the window");
  }
  if (window > shape[1] || window > shape[2]) {
    const std::string side = std::to_string(window);
    refuse(op, "a window of " + side + " x " + side + " on images of " + std::to_string(shape[1]) + " x " +
                   std::to_string(shape[2]) + ", expected at most as large");
  }
  if (stride == 0) stride = window;
  stride = std::min(stride, std::max(shape[1], shape[2]));  // the same windows, and no product of it overflows
  return append(op, {x}, {shape[0], (shape[1] - window) / stride + 1, (shape[2] - window) / stride + 1}, true,
                {window, stride});
}

}  // namespace

Tensor max_pool2d(Tensor x, std::int64_t window, std::int64_t stride) {
  return build(max_pool_op, x, window, stride);
}

Tensor average_pool2d(Tensor x, std::int64_t window, std::int64_t stride) {
  return build(average_pool_op, x, window, stride);
}

}  // namespace quench
