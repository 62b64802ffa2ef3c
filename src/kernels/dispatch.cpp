// Which table of kernels runs: the best this processor has, or the one QUENCH_ISA names.

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/kernels.h"
#include "quench/error.h"
#include "quench/system.h"

namespace quench {
namespace kernels {

#if defined(QUENCH_HAVE_AVX512)
extern const Table table_avx512;
#endif
#if defined(QUENCH_HAVE_AVX2)
extern const Table table_avx2;
#endif
extern const Table table_baseline;
#if defined(QUENCH_PORTABLE_OPTIONAL)
// In a program that is linked with its object by name, and not for the asking here: nothing but tests wants it.
extern const Table table_portable __attribute__((weak));
#else
extern const Table table_portable;
#endif

namespace {

/// The tables this processor can run, best first.
struct Runnable {
  const Table* list[4] = {};
  std::size_t count = 0;

  Runnable() {
#if defined(QUENCH_HAVE_AVX512)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma")) {
      list[count++] = &table_avx512;
    }
#endif
#if defined(QUENCH_HAVE_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list[count++] = &table_avx2;
#endif
    list[count++] = &table_baseline;
#if defined(QUENCH_PORTABLE_OPTIONAL)
    if (&table_portable == nullptr) return;
#endif
    list[count++] = &table_portable;
  }

  std::string names() const {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += (i ? ", " : "") + std::string(list[i]->name);
    return all;
  }

  const Table* find(const char* name) const {
    for (std::size_t i = 0; i < count; ++i) {
      if (std::strcmp(list[i]->name, name) == 0) return list[i];
    }
    return nullptr;
  }
};

const Runnable& runnable() {
  static const Runnable r;
  return r;
}

std::atomic<const Table*> chosen{nullptr};

const Table* choose() {
  const char* wish = std::getenv("QUENCH_ISA");
  if (!wish || !*wish) return runnable().list[0];
  const Table* t = runnable().find(wish);
  if (!t) {
    throw Error("QUENCH_ISA is '" + std::string(wish) +
                "', which this machine cannot run or quench does not know; it has " + runnable().names());
  }
  return t;
}

}  // namespace

const Table& table() {
  const Table* t = chosen.load(std::memory_order_acquire);
  if (!t) {
    t = choose();
    chosen.store(t, std::memory_order_release);
  }
  return *t;
}

const Table* const* tables(std::size_t* count) {
  *count = runnable().count;
  return runnable().list;
}

void use_table(const char* name) {
  const Table* t = runnable().find(name);
  if (!t)
    throw Error("no instruction set '" + std::string(name) + "' here; this machine has " + runnable().names());
  chosen.store(t, std::memory_order_release);
}

}  // namespace kernels

const char* instruction_set() { return kernels::table().name; }

const char* numeric_class() { return kernels::table().numeric_class; }

std::vector<std::string> instruction_sets() {
  std::size_t count = 0;
  const kernels::Table* const* list = kernels::tables(&count);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.emplace_back(list[i]->name);
  return names;
}

}  // namespace quench
