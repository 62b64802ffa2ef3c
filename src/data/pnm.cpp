#include "data/pnm.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "io/json.h"
#include "io/numbers.h"
#include "quench/error.h"

namespace quench {
namespace {

constexpr std::string_view blanks = " \t\n\v\f\r";
constexpr std::uint32_t most_side = 65535, most_sample = 65535;

class Reader {
 public:
  Reader(std::string_view bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  Picture picture() {
    const std::string_view magic = bytes_.substr(0, 2);
    const bool grey = magic == "P2" || magic == "P5";
    const bool digits = magic == "P2" || magic == "P3";
    if (!grey && magic != "P3" && magic != "P6") {
      fail({" begins with ", found_at(0, magic.size(), "nothing"),
            ", expected P2 or P5 (a PGM) or P3 or P6 (a PPM)"});
    }
    at_ = magic.size();
    Picture result;
    result.channels = grey ? 1 : 3;
    result.width = static_cast<int>(header_number("the width", most_side));
    result.height = static_cast<int>(header_number("the height", most_side));
    largest_ = header_number("the largest sample", most_sample);
    // One blank, and what follows it may look like another.
    if (at_ == bytes_.size() || blanks.find(bytes_[at_]) == std::string_view::npos)
      fail({": found no blank after the largest sample, at byte ", io::to_text(at_)});
    ++at_;
    samples_ = std::uint64_t{static_cast<std::uint32_t>(result.width)} * static_cast<std::uint32_t>(result.height) *
               static_cast<std::uint32_t>(result.channels);
    // Before memory is taken for them. Of digits the last needs no blank.
    const std::size_t sample_bytes = digits || largest_ > 255 ? 2 : 1;
    const std::size_t room = bytes_.size() - at_;
    if (samples_ > (room + (digits ? 1 : 0)) / sample_bytes) fail_short(result);
    result.pixels.resize(static_cast<std::size_t>(samples_));
    const std::size_t area = result.pixels.size() / static_cast<std::size_t>(result.channels);
    for (std::size_t i = 0; i < area; ++i) {
      for (std::size_t c = 0; c < static_cast<std::size_t>(result.channels); ++c)
        result.pixels[c * area + i] = scaled(digits ? digits_sample(result) : binary_sample());
    }
    if (digits) skip_blanks();
    if (at_ != bytes_.size())
      fail({" has ", io::to_text(bytes_.size() - at_), " bytes after the picture, expected none"});
    return result;
  }

 private:
  [[noreturn]] void fail(std::initializer_list<std::string_view> words) const {
    std::string text(source_);
    for (const std::string_view word : words) text += word;
    throw Error(text);
  }

  [[noreturn]] void fail_short(const Picture& picture) const {
    fail({" ends too soon, expected ", io::to_text(samples_), " samples of a picture of ",
          io::to_text(picture.width), " x ", io::to_text(picture.height)});
  }

  /// What a message says was found: up to `count` bytes from there on, or `nothing` at the end.
  std::string found_at(std::size_t start, std::size_t count, std::string_view nothing) const {
    return start == bytes_.size() ? std::string(nothing) : io::json_string(bytes_.substr(start, count));
  }

  /// Blanks, and comments from # to the end of a line.
  void skip_blanks() {
    while (at_ < bytes_.size()) {
      if (bytes_[at_] == '#') {
        at_ = std::min(bytes_.find_first_of("\r\n", at_), bytes_.size());
      } else if (blanks.find(bytes_[at_]) != std::string_view::npos) {
        ++at_;
      } else {
        return;
      }
    }
  }

  bool at_digit() const { return at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9'; }

  /// The number that stands here, or one more than `most` when it is larger.
  std::uint32_t number(std::uint32_t most) {
    std::uint32_t value = 0;
    for (; at_digit(); ++at_)
      value = std::min(value * 10 + static_cast<std::uint32_t>(bytes_[at_] - '0'), most + 1);
    return value;
  }

  std::uint32_t header_number(std::string_view what, std::uint32_t most) {
    const std::size_t before = at_;
    skip_blanks();
    const std::size_t start = at_;
    const std::uint32_t value = number(most);
    if (before == start || at_ == start || value < 1 || value > most) {
      const std::size_t length = std::clamp<std::size_t>(at_ - start, 1, 20);
      fail({": found ", found_at(start, length, "the end"), " for ", what, ", expected a number from 1 to ",
            io::to_text(most)});
    }
    return value;
  }

  void check_sample(std::uint32_t value) const {
    if (value > largest_)
      fail({": found a sample above the largest, before byte ", io::to_text(at_), ", expected at most ",
            io::to_text(largest_)});
  }

  std::uint32_t digits_sample(const Picture& picture) {
    skip_blanks();
    if (at_ == bytes_.size()) fail_short(picture);
    if (!at_digit())
      fail({": found ", found_at(at_, 1, "the end"), " at byte ", io::to_text(at_),
            ", expected a sample in decimal digits"});
    const std::uint32_t value = number(most_sample);
    check_sample(value);
    return value;
  }

  std::uint32_t binary_sample() {
    std::uint32_t value = static_cast<unsigned char>(bytes_[at_++]);
    if (largest_ > 255) value = value << 8 | static_cast<unsigned char>(bytes_[at_++]);
    check_sample(value);
    return value;
  }

  std::uint8_t scaled(std::uint32_t sample) const {
    return static_cast<std::uint8_t>((sample * 255 + largest_ / 2) / largest_);
  }

  std::string_view bytes_;
  std::string_view source_;
  std::size_t at_ = 0;
  std::uint32_t largest_ = 0;
  std::uint64_t samples_ = 0;
};

}  // namespace

Picture parse_pnm(std::string_view bytes, std::string_view source) { return Reader(bytes, source).picture(); }

}  // namespace quench
