// The text of --help.
#pragma once

#include <string>

namespace quench::train {

/// Every option of the table under its group, with what it takes and its default, in lines of at most 100 columns.
std::string help_text();

}  // namespace quench::train
