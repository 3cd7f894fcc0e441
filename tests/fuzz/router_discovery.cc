// Router advertisements and solicitations (RFC 4861). The first octet of the input is the hop
// limit, the second chooses the source, the rest is the message.
#include <array>
#include <cstddef>
#include <cstdint>

#include "controlplane/neighbors/router_discovery_message.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  ReceivedFrom from;
  from.hop_limit = data[0];
  constexpr std::array kSources{"fe80::1", "2001:db8::1", "::"};
  from.source = *Ipv6Address::parse(kSources[data[1] % kSources.size()]);
  const auto message = decode_router_discovery({data + 2, size - 2}, from);
  if (!message) {
    require(to_string(message.error())[0] != '\0');
    return 0;
  }
  require(from.hop_limit == 255);
  // What we make of it, we can say and read again.
  const auto octets = std::visit([](const auto& m) { return encode(m); }, *message);
  require(decode_router_discovery(octets, from).has_value());
  return 0;
}
