// Where the changes to inputs come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>

namespace quench::fuzz {

/// Random numbers, and changes of bytes that nothing is known about.
class Chance {
 public:
  /// Changes the text; it may have up to `most` bytes then.
  using Bytes = std::function<void(std::string& text, std::size_t most)>;

  Chance(unsigned seed, Bytes bytes) : engine_(seed), bytes_(std::move(bytes)) {}

  /// 0 .. n - 1, where n >= 1.
  std::size_t below(std::size_t n) { return engine_() % n; }
  /// True once in n times.
  bool once_in(std::size_t n) { return below(n) == 0; }
  /// One of a container's elements.
  template <typename Container>
  auto& of(Container& container) {
    return container[below(std::size(container))];
  }
  /// A number that programs are wrong about, or any.
  std::int64_t number();

  void change(std::string& text, std::size_t most) { bytes_(text, most); }
  /// Of the same length afterwards.
  void change_in_place(std::string& text);

 private:
  std::mt19937 engine_;
  Bytes bytes_;
};

}  // namespace quench::fuzz
