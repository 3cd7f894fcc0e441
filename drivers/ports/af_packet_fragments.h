// Keeps the kernel from putting IPv4 fragments together in front of an af_packet port.
//
// DPDK's af_packet driver joins every socket, also a single one, to a fanout group and asks for
// PACKET_FANOUT_FLAG_DEFRAG: the kernel then hands over whole datagrams instead of their fragments.
// A router must pass fragments on as they are. What is put together is longer than the link's MTU:
// it is cut off at the ring's frame size, or can't leave again. No version of the driver up to
// DPDK 24.11 has an argument that turns this off, and the flag can't be taken back once the group
// is made.
//
// So the program has a setsockopt() of its own, which the driver's calls reach because a program's
// symbols come before those of the C library. It passes every call on as it is, but for
// PACKET_FANOUT by a thread that holds an AfPacketFragments.
#pragma once

namespace lastmile {

/// While it lives, sockets that this thread adds to a fanout group get fragments as they came. Not
/// to be nested.
class AfPacketFragments {
 public:
  AfPacketFragments();
  ~AfPacketFragments();
  AfPacketFragments(const AfPacketFragments&) = delete;
  AfPacketFragments& operator=(const AfPacketFragments&) = delete;

  /// Sockets that were added so far. None after a probe of an af_packet device: its driver went
  /// round us.
  [[nodiscard]] unsigned sockets() const { return sockets_; }

  /// What a socket is to ask for instead of `argument` (packet(7), PACKET_FANOUT).
  [[nodiscard]] static unsigned without_defragmentation(unsigned argument);
  void count_socket() { ++sockets_; }

 private:
  unsigned sockets_ = 0;
};

}  // namespace lastmile
