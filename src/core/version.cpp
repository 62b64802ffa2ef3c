#include "quench/system.h"

namespace quench {

// The one place the version is written: the Makefile reads it from here for quench.pc.
const char* version() { return "0.1.0"; }

}  // namespace quench
