// Routing tables in MRT dumps (RFC 6396).
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/require.h"
#include "tools/feed_src/mrt.h"

using lastmile::fuzz::require;
namespace feed = lastmile::feed;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLimit = 1000;
  if (size < 1) return 0;
  const auto peer = data[0] == 0xff ? std::nullopt : std::optional<std::uint16_t>{data[0]};
  const auto table = feed::parse_mrt({data + 1, size - 1}, peer, kLimit, "fuzz");
  if (!table) require(!table.error().empty());
  return 0;
}
