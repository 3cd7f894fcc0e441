// The copying form is older than most of DPDK that is called stable; its twin makes chains of
// indirect buffers, which half the drivers of a server can't send.
#include "dataplane/pipeline/fragment.h"

#include <rte_ip_frag.h>

#include <algorithm>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace lastmile {

std::span<const Fragment> fragment_ipv4(rte_mbuf* packet, std::uint8_t* header, unsigned mtu,
                                        Fragments& fragments) {
  // The library wants the packet to begin with its IP header.
  const auto before = static_cast<std::uint16_t>(header - rte_pktmbuf_mtod(packet, std::uint8_t*));
  rte_pktmbuf_adj(packet, before);
  // A fragment must fit into one buffer of its pool, Ethernet included.
  const unsigned room = rte_pktmbuf_data_room_size(packet->pool) - RTE_PKTMBUF_HEADROOM;
  const auto longest = static_cast<std::uint16_t>(std::min({mtu, room, 0xffffU}));
  std::array<rte_mbuf*, kMostFragments> cut;
  const int count = rte_ipv4_fragment_copy_nonseg_packet(packet, cut.data(), kMostFragments,
                                                         longest, packet->pool);
  if (count <= 0) {
    rte_pktmbuf_prepend(packet, before);
    return {};
  }
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    auto* const ip = rte_pktmbuf_mtod(cut[i], std::uint8_t*);
    store_raw(ip + ipv4::kChecksum, std::uint16_t{0});
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::header_length(ip)}));
    rte_pktmbuf_prepend(cut[i], ethernet::kHeaderSize);
    fragments[i] = {cut[i], ip};
  }
  rte_pktmbuf_free(packet);
  return {fragments.data(), static_cast<unsigned>(count)};
}

}  // namespace lastmile
