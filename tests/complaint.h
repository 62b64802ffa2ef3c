// What a call complains of.
#pragma once

#include <string>

#include "quench/error.h"

namespace quench::test {

/// The message of the Error that the action throws; "none" when it throws none.
std::string complaint(auto action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace quench::test
