#include "train/machine.h"

#include <sys/resource.h>

#include <chrono>

#include "io/numbers.h"

namespace quench::train {

std::string compiler_name() {
#if defined(__clang__)
  return "clang " + io::to_text(__clang_major__) + "." + io::to_text(__clang_minor__) + "." +
         io::to_text(__clang_patchlevel__);
#elif defined(__GNUC__)
  return "gcc " + io::to_text(__GNUC__) + "." + io::to_text(__GNUC_MINOR__) + "." +
         io::to_text(__GNUC_PATCHLEVEL__);
#else
  return "unknown";
#endif
}

std::uint64_t peak_memory() {
  struct rusage usage {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto peak = static_cast<std::uint64_t>(usage.ru_maxrss);
#if defined(__APPLE__)
  return peak;
#else
  return peak * 1024;
#endif
}

std::string utc_time() {
  using namespace std::chrono;
  using io::padded;
  const auto now = floor<seconds>(system_clock::now());
  const auto midnight = floor<days>(now);
  const year_month_day date(midnight);
  const hh_mm_ss time(now - midnight);
  const auto two = [](auto count) { return padded(static_cast<std::uint64_t>(count), 2); };
  return padded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4) + "-" +
         two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day())) + "T" +
         two(time.hours().count()) + ":" + two(time.minutes().count()) + ":" + two(time.seconds().count()) + "Z";
}

}  // namespace quench::train
