#include <string>

#include "quench/detectors.h"
#include "quench/error.h"

namespace quench {

std::span<const std::string_view> detector_names() {
  static constexpr std::string_view names[] = {"sasa", "pflug", "pesme", "abel", "plateau", "preset"};
  return names;
}

std::unique_ptr<Detector> make_detector(std::string_view name, const Parameters& parameters) {
  if (name == "sasa") return std::make_unique<SasaDetector>();
  if (name == "pflug") return std::make_unique<PflugDetector>();
  if (name == "pesme") return std::make_unique<PesmeDetector>(parameters);
  if (name == "abel") return std::make_unique<AbelDetector>();
  if (name == "plateau") return std::make_unique<PlateauDetector>();
  if (name == "preset") return std::make_unique<PresetDetector>();
  std::string known;
  for (const std::string_view one : detector_names()) known += (known.empty() ? "" : ", ") + std::string(one);
  throw Error("unknown detector \"" + std::string(name) + "\", expected one of " + known);
}

}  // namespace quench
