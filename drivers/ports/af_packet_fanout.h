// What the af_packet driver asks of the kernel for its queues, put right.
//
// DPDK's af_packet driver has a socket for each queue, joins them (also a single one) to a fanout
// group and asks for three things that a router can't use, with no argument against them in any
// version up to DPDK 24.11:
//
//   PACKET_FANOUT_FLAG_DEFRAG    the kernel hands over whole datagrams instead of their fragments.
//   A
//                                router must pass fragments on as they are, and what is put
//                                together is longer than the link's MTU: it is cut off at the
//                                ring's frame size, or can't leave again
//   PACKET_FANOUT_FLAG_ROLLOVER  what finds a queue full goes to another: a flood fills them all
//   PACKET_FANOUT_HASH           no queue is kept for what must not wait; in its place a filter of
//                                ours deals packets out (af_packet_steering.h)
//
// So the program has a setsockopt() of its own, which the driver's calls reach because a program's
// symbols come before those of the C library. It passes every call on as it is, but for
// PACKET_FANOUT by a thread that holds an AfPacketFanout.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace lastmile {

/// While it lives, sockets that this thread adds to a fanout group get fragments as they came, and
/// packets by the filter if there is one. Not to be nested.
class AfPacketFanout {
 public:
  /// `filter`: gives the number of the queue (packet(7), PACKET_FANOUT_CBPF); empty: by flow.
  explicit AfPacketFanout(std::vector<sock_filter> filter = {});
  ~AfPacketFanout();
  AfPacketFanout(const AfPacketFanout&) = delete;
  AfPacketFanout& operator=(const AfPacketFanout&) = delete;

  /// Sockets that were added so far. None after a probe of an af_packet device: its driver went
  /// round us.
  [[nodiscard]] unsigned sockets() const { return sockets_; }

  /// What a socket is to ask for instead of `argument`.
  [[nodiscard]] unsigned corrected(unsigned argument) const;
  /// Adds the socket to its group as `argument` says, corrected. As setsockopt().
  int join(int socket, unsigned argument);

 private:
  std::vector<sock_filter> filter_;
  unsigned sockets_ = 0;
};

}  // namespace lastmile
