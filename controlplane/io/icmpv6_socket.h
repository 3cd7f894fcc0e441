// A raw ICMPv6 socket on one interface, for router solicitations and advertisements (RFC 3542).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/neighbors/router_discovery_message.h"
#include "dataplane/net/file_descriptor.h"
#include "dataplane/net/ip.h"

namespace lastmile {

/// Bound to its interface: it neither hears nor reaches any other. Our own multicasts are not
/// looped back. Control thread only.
class Icmpv6Socket {
 public:
  /// Needs CAP_NET_RAW. The error is a sentence that names the interface.
  [[nodiscard]] static tl::expected<Icmpv6Socket, std::string> open(const std::string& interface);

  /// Readable when a message has arrived.
  [[nodiscard]] int fd() const { return descriptor_.get(); }

  using Receiver = std::function<void(const RouterDiscoveryMessage&, const Ipv6Address& source)>;
  /// Reads everything that has arrived. Messages that RFC 4861 section 6.1 refuses are counted.
  void receive(const Receiver& receiver);
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  /// False if the kernel would not take it now (link down, no buffer); the next one is due soon.
  bool send(std::span<const std::uint8_t> message, const Ipv6Address& to) const;

 private:
  Icmpv6Socket(FileDescriptor descriptor, unsigned ifindex);

  FileDescriptor descriptor_;
  unsigned ifindex_;
  std::uint64_t refused_ = 0;
};

}  // namespace lastmile
