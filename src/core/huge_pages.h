// Large blocks of memory on large pages.
#pragma once

#include <cstddef>

namespace quench {

/// Pages of this size, where the processor and the system have them, spare a program that walks through megabytes
/// most of its address translations.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;
#if defined(__linux__)
inline constexpr bool has_huge_pages = sizeof(void*) >= 8;  // small address spaces have no room to spare
#else
inline constexpr bool has_huge_pages = false;
#endif

/// Asks the system to put a block that nothing has touched yet on huge pages, as far as it has whole ones. Only a
/// wish: does nothing where the system has none, or for a small block.
void prefer_huge_pages(void* memory, std::size_t bytes);

}  // namespace quench
