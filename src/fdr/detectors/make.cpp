#include <string>

#include "quench/detectors.h"
#include "quench/error.h"

namespace quench {

std::span<const std::string_view> detector_names() {
  static constexpr std::string_view names[] = {"preset"};
  return names;
}

std::unique_ptr<Detector> make_detector(std::string_view name, const Parameters&) {
  if (name == "preset") return std::make_unique<PresetDetector>();
  throw Error("unknown detector \"" + std::string(name) + "\"");
}

}  // namespace quench
