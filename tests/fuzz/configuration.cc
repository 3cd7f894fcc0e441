// Configuration files: accepted, or refused with places and reasons.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "controlplane/config/config.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (config) return 0;
  require(!config.error().empty());
  for (const ConfigError& error : config.error()) {
    require(!error.message.empty() && to_string(error).find("fuzz.yaml") == 0);
  }
  return 0;
}
