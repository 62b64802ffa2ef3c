// The fuzzer's side: one target, which the program was linked with, on libFuzzer. `make fuzz` builds and runs it;
// its options are libFuzzer's (-help=1), and
//     QUENCH_FUZZ_SEEDS=FOLDER    writes the target's valid inputs there before anything else
//     QUENCH_FUZZ_REPORT=FILE     writes "INPUTS PAST_HEADER ACCEPTED PEAK BOUND READER" there when it ends
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fuzz/memory.h"
#include "fuzz/target.h"

extern "C" {
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
int LLVMFuzzerInitialize(int* count, char*** words);
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);
}

namespace {

using namespace quench::fuzz;

std::uint64_t inputs = 0, past_header = 0, accepted = 0;

Target& target() {
  static const std::unique_ptr<Target> only = target_kinds().at(0).make();
  return *only;
}

void change_bytes(std::string& text, std::size_t most) {
  const std::size_t size = text.size();
  text.resize(std::max(most, size));
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
}

void report() {
  const char* file = std::getenv("QUENCH_FUZZ_REPORT");
  if (file == nullptr) return;
  const WorstMemory& worst = worst_memory();
  std::ofstream(file) << inputs << ' ' << past_header << ' ' << accepted << ' ' << worst.peak << ' ' << worst.bound
                      << ' ' << worst.reader << '\n';
}

}  // namespace

int LLVMFuzzerInitialize(int* count, char*** words) {
  if (!MemoryWatch::available()) {
    std::fputs("the fuzzer must be built with the address sanitizer, which tells of allocations\n", stderr);
    std::exit(1);
  }
  if (const char* folder = std::getenv("QUENCH_FUZZ_SEEDS")) {
    int number = 0;
    for (const std::string& seed : target().seeds())
      std::ofstream(folder + ("/seed" + std::to_string(++number)), std::ios::binary) << seed;
  }
  // A target may have an object that notes these; libFuzzer's own handlers come after this.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_DFL);
  std::atexit(report);
  // Before the caller's options, which count more.
  static std::string own[] = {"-max_len=" + std::to_string(target_kinds().at(0).most_bytes), "-len_control=0",
                              "-timeout=5", "-malloc_limit_mb=64"};
  static std::vector<char*> all(*words, *words + *count);
  for (std::string& word : own) all.insert(all.begin() + 1, word.data());
  *count = static_cast<int>(all.size());
  all.push_back(nullptr);
  *words = all.data();
  return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ++inputs;
  const Reached reached = target().check(std::as_bytes(std::span(data, size)));
  past_header += reached != Reached::header;
  accepted += reached == Reached::accepted;
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  const std::string before(reinterpret_cast<const char*>(data), size);
  Chance chance(seed, change_bytes);
  for (int tries = 0; tries < 3; ++tries) {
    std::string input = before;
    target().mutate(input, chance);
    if (input.empty() || input.size() > most) continue;
    std::copy(input.begin(), input.end(), data);
    return input.size();
  }
  return LLVMFuzzerMutate(data, size, most);
}
