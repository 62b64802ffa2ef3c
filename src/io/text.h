// Putting texts together.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace quench::io {

/// The parts one after the other. A chain of + says the same in many times the machine code.
std::string joined(std::initializer_list<std::string_view> parts);

}  // namespace quench::io
