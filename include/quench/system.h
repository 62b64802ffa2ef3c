// What this library is and what it runs on.
#pragma once

#include <string>
#include <vector>

namespace quench {

/// "0.1.0".
const char* version();
/// The instruction set in use: "avx512", "avx2", "neon", "baseline", ... Chosen once, the best the processor has,
/// or the environment variable QUENCH_ISA. Throws Error, listing what there is, when that names none of them.
const char* instruction_set();
/// Those this machine can run, best first.
std::vector<std::string> instruction_sets();
/// "fma" or "muladd": runs agree bit for bit within a class.
const char* numeric_class();

}  // namespace quench
