// The pieces in which the gradient of a parameter is computed, updated and summed over.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace quench::kernels {

/// A matrix [rows, columns] cut by its shape alone, into bands of rows times panels of columns: sums taken piece by
/// piece and added in the order of the pieces do not depend on who computes which. A piece is small enough for the
/// nearest cache; panels begin at multiples of 16 columns.
struct PieceGrid {
  std::int64_t rows, columns;
  std::int64_t bands, panels;

  static constexpr std::int64_t most_columns = 128;  ///< of a panel
  static constexpr std::int64_t most_floats = 4096;  ///< of a piece, its rows padded to multiples of 16

  std::int64_t size() const { return bands * panels; }
  std::int64_t index(std::int64_t band, std::int64_t panel) const { return band * panels + panel; }
  /// First row of a band, even where there are enough, as tiles of 6 or 8 rows like that; of the band after the
  /// last one, the number of rows.
  std::int64_t row(std::int64_t band) const {
    const std::int64_t even = rows * band / bands;
    return band == bands || rows < 8 * bands ? even : even / 2 * 2;
  }
  std::int64_t column(std::int64_t panel) const {
    const std::int64_t groups = padded(columns) / lanes_per_group;
    return panel == panels ? columns : groups * panel / panels * lanes_per_group;
  }
};

PieceGrid piece_grid(std::int64_t rows, std::int64_t columns);

/// Takes a matrix piece by piece, each once, on the thread that has computed it.
struct PieceSink {
  /// c: the numbers of the piece, rows c_row floats apart.
  void (*take)(void* context, const PieceGrid& grid, std::int64_t band, std::int64_t panel, const float* c,
               std::int64_t c_row) noexcept = nullptr;
  /// Told which piece comes next, before it is computed, where several threads compute: time to ask for the memory
  /// that taking it will change, which another thread may have read.
  void (*expect)(void* context, const PieceGrid& grid, std::int64_t band, std::int64_t panel) noexcept = nullptr;
  void* context = nullptr;
};

}  // namespace quench::kernels
