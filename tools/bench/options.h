// The command line of the benchmark.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace quench::bench {

/// Wrong usage: the message names the option, what was found and what is expected.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  std::vector<std::string> filters;  ///< run what has one of these in its name; empty: all
  std::vector<int> threads;          ///< numbers of threads to measure with; empty: 1, 2, 4, ... and all
  std::string data = "data";
  bool data_given = false;
  std::string json;  ///< a file, or - for standard output; empty: none
  bool quick = false;
  bool list = false;
  bool help = false;
};

Options parse_options(const std::vector<std::string_view>& words);
std::string help_text();

}  // namespace quench::bench
