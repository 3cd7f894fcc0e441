// The other end of a cable: a raw socket on a kernel interface, and frames to send over it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/net/file_descriptor.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile::test {

using Frame = std::vector<std::uint8_t>;

/// A veth pair `port` <-> `wire` in this namespace, both up, silent (no IPv6, no offloads).
void make_cable(const std::string& port, const std::string& wire, unsigned mtu);

/// Sends and receives raw frames at an interface.
class Wire {
 public:
  explicit Wire(const std::string& interface);
  void send(const Frame& frame) const;
  /// False if the interface does not take it, as long as its link is down.
  [[nodiscard]] bool try_send(const Frame& frame) const;
  /// A frame that `wanted` approves of, or nullopt after some seconds.
  [[nodiscard]] std::optional<Frame> receive(const std::function<bool(const Frame&)>& wanted) const;

 private:
  FileDescriptor socket_;
};

/// What a DPDK port receives: the first frame that `wanted` approves of, within some seconds.
[[nodiscard]] std::optional<Frame> receive_at(std::uint16_t ethdev,
                                              const std::function<bool(const Frame&)>& wanted);
/// Takes what waits in a queue of a DPDK port and counts the frames that `wanted` approves of.
/// (Without a guard the kernel's own neighbor discovery is heard there, too.)
[[nodiscard]] unsigned count_frames(std::uint16_t ethdev, std::uint16_t queue,
                                    const std::function<bool(const Frame&)>& wanted);
/// Those that are IPv4 fragments.
[[nodiscard]] unsigned count_fragments(std::uint16_t ethdev, std::uint16_t queue);
/// Sends a frame out of a DPDK port.
void send_from(std::uint16_t ethdev, const Frame& frame);

/// An Ethernet frame of `size` bytes with a type nobody answers (0x88b5) and a body made of `seed`.
[[nodiscard]] Frame opaque_frame(const MacAddress& to, std::size_t size, std::uint32_t seed);
/// UDP over IPv6 with a right checksum.
[[nodiscard]] Frame udp6_frame(const MacAddress& to, const MacAddress& from,
                               const Ipv6Address& source, const Ipv6Address& destination,
                               std::uint16_t port, std::size_t payload);
/// True if the frame is UDP over IPv6 to `port` and its checksum is right.
[[nodiscard]] bool is_sound_udp6(const Frame& frame, std::uint16_t port);
/// ICMP echo request over IPv4.
[[nodiscard]] Frame echo_request(const MacAddress& to, const MacAddress& from, Ipv4Address source,
                                 Ipv4Address destination);
/// One fragment of a datagram over IPv4: `offset` and `payload` in bytes, the first a multiple
/// of 8.
struct FragmentPlace {
  std::uint16_t identification = 0;
  std::uint16_t offset = 0;
  bool more = false;
};
[[nodiscard]] Frame ipv4_fragment(const MacAddress& to, const FragmentPlace& place,
                                  std::size_t payload);
/// True if the frame is a fragment over IPv4, any but an unfragmented packet.
[[nodiscard]] bool is_ipv4_fragment(const Frame& frame);
[[nodiscard]] bool is_echo_reply(const Frame& frame);
[[nodiscard]] bool is_echo_request(const Frame& frame);

}  // namespace lastmile::test
