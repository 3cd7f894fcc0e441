// A priority queue for af_packet ports: the kernel deals packets out to the sockets of a port by a
// filter of ours, as a NIC does by its flow rules (drivers/offload).
//
//   BFD, BGP of sessions that are up ──> the queue behind the ordinary ones, polled first
//   everything else ──────────────────> the ordinary queues, by flow; fragments together
//
// So a flood fills the ordinary queues and costs BFD and BGP nothing. What strangers can send
// without being answered (discovery, ARP, requests for connections) stays with the flood: in the
// priority queue it would be one.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace lastmile {

/// A filter for PACKET_FANOUT_CBPF. Ordinary queues are 0 to `ordinary` - 1 (at least one); the
/// priority queue is number `ordinary`.
[[nodiscard]] std::vector<sock_filter> priority_filter(std::uint16_t ordinary);

/// What goes to the priority queue, for people.
inline constexpr struct {
  const char* name;
  const char* rule;
} kPriorityFilterRules[] = {
    {"bfd", "UDP to 3784, 3785 and 4784"},
    {"bgp", "TCP from and to 179, but for SYN without ACK"},
};

}  // namespace lastmile
