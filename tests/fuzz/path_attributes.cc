// Path attributes from the wire into the RIB's packed form and back. The first octet of the input
// chooses what the session agreed on, the rest is the body of an UPDATE.
#include <cstddef>
#include <cstdint>

#include "controlplane/bgp/wire/codec.h"
#include "controlplane/rib/attribute_codec.h"
#include "tests/fuzz/require.h"

using lastmile::fuzz::require;
namespace bgp = lastmile::bgp;
namespace rib = lastmile::rib;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 5) return 0;
  bgp::CodecContext context;
  context.four_octet_asn = (data[0] & 1) == 0;
  context.external_peer = (data[0] & 2) == 0;
  context.aigp = (data[0] & 4) != 0;
  if ((data[0] & 8) == 0) context.extended_next_hop = {bgp::Family::kIpv4Unicast};
  if ((data[0] & 16) != 0) context.path_ids.push_back(bgp::Family::kIpv4Unicast);
  if ((data[0] & 32) != 0) context.path_ids.push_back(bgp::Family::kIpv6Unicast);
  const auto update = bgp::decode_update({data + 1, size - 1}, context);
  if (!update) return 0;
  std::vector<std::uint8_t> packed;
  const std::size_t as_path = rib::pack(update->attributes, packed);
  require(as_path <= packed.size());
  require(rib::unpack(packed) == update->attributes);
  std::vector<std::uint8_t> again;
  rib::pack(rib::unpack(packed), again);
  require(again == packed);
  return 0;
}
