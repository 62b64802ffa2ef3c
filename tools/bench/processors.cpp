#include "processors.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <span>

#if defined(__linux__)
#include <sched.h>
#endif

namespace quench::bench {
namespace {

#if defined(__linux__)

/// As many processors as any machine of today has; the system copies what it knows of.
constexpr std::size_t most_processors = 8192;

struct MaskDelete {
  void operator()(cpu_set_t* mask) const { CPU_FREE(mask); }
};

std::vector<int> allowed_processors() {
  const std::unique_ptr<cpu_set_t, MaskDelete> mask(CPU_ALLOC(most_processors));
  const std::size_t size = CPU_ALLOC_SIZE(most_processors);
  std::vector<int> list;
  if (!mask || sched_getaffinity(0, size, mask.get()) != 0) return list;
  for (std::size_t i = 0; i < most_processors; ++i) {
    if (CPU_ISSET_S(i, size, mask.get())) list.push_back(static_cast<int>(i));
  }
  return list;
}

void allow_processors(std::span<const int> list) {
  const std::unique_ptr<cpu_set_t, MaskDelete> mask(CPU_ALLOC(most_processors));
  const std::size_t size = CPU_ALLOC_SIZE(most_processors);
  if (!mask || list.empty()) return;
  CPU_ZERO_S(size, mask.get());
  for (const int i : list) CPU_SET_S(static_cast<std::size_t>(i), size, mask.get());
  sched_setaffinity(0, size, mask.get());  // what it refuses stays as it was: only comparability suffers
}

#else

std::vector<int> allowed_processors() { return {}; }
void allow_processors(std::span<const int>) {}

#endif

/// What sysconf tells of a cache, or the usual size.
std::int64_t cache_bytes([[maybe_unused]] int name, std::int64_t usual) {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  if (const long bytes = sysconf(name); bytes > 0) return bytes;
#endif
  return usual;
}

}  // namespace

std::string machine_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t name = line.find_first_not_of(" \t", line.find(':') + 1);
    if (name != std::string::npos) return line.substr(name);
  }
  struct utsname system {};
  return uname(&system) == 0 ? std::string(system.sysname) + " " + system.machine : "unknown";
}

Caches caches() {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  constexpr int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
#else
  constexpr int names[] = {0, 0, 0};
#endif
  Caches c{cache_bytes(names[0], 32 << 10), cache_bytes(names[1], 512 << 10), cache_bytes(names[2], 8 << 20)};
  c.level2 = std::max(c.level2, 2 * c.level1);
  c.level3 = std::max(c.level3, 2 * c.level2);
  return c;
}

Confined::Confined(int threads) : before_(allowed_processors()) {
  const std::size_t count = std::min(before_.size(), static_cast<std::size_t>(threads));
  allow_processors(std::span<const int>(before_).last(count));
}

Confined::~Confined() { allow_processors(before_); }

void pin_thread(int index) {
  const std::vector<int> list = allowed_processors();
  if (list.empty()) return;
  allow_processors(std::span<const int>(list).subspan(static_cast<std::size_t>(index) % list.size(), 1));
}

}  // namespace quench::bench
