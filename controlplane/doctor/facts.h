// What the doctor knows of a router when it is asked: gathered by the daemon, judged by
// diagnose.h. Plain values, so that every fault can be written down in a test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bgp/wire/notification.h"
#include "controlplane/bgp/wire/types.h"
#include "dataplane/net/ip.h"

namespace lastmile::doctor {

/// Longest TCP segments of a session's connection, in bytes: they tell of the MTU at either end.
struct Segments {
  std::uint32_t ours = 0;    ///< that we can take
  std::uint32_t theirs = 0;  ///< that the neighbor takes
};

struct SessionFacts {
  std::string name;
  std::string port;  ///< empty: on none
  bool link_up = true;
  bool established = false;
  std::string state;       ///< "Active"
  std::string last_error;  ///< for people
  std::uint64_t established_count = 0;

  // What the configuration says.
  bool unnumbered = false;  ///< the neighbor is whoever advertises itself on the port
  bool passive = false;     ///< we wait for the neighbor to connect
  bool shutdown = false;
  bool drained = false;
  bool has_password = false;
  bool ttl_security = false;  ///< GTSM (RFC 5082)
  bool external = true;
  bool has_import_policy = false, has_export_policy = false;
  std::string expected_as;                      ///< "65001", "external", "internal"
  std::optional<std::string> strict_bfd_state;  ///< of the session that BGP waits for

  // What has been seen.
  std::optional<IpAddress> address;
  std::uint64_t advertisements_heard = 0;  ///< router advertisements on the port
  bool resolved = false;                   ///< the neighbor's link-layer address is known
  std::optional<bgp::Notification> last_sent, last_received;
  std::vector<std::string> families;         ///< both sides speak: "ipv4", "ipv6"
  bool ipv4_extended_next_hop = true;        ///< RFC 8950 was agreed on for IPv4
  bool ipv4_next_hop_needs_it = false;       ///< there is no IPv4 address on the link
  std::uint64_t received = 0, accepted = 0;  ///< prefixes
  std::optional<Segments> segments;
};

struct PortFacts {
  std::string name;
  std::uint16_t mtu = 0;
  /// Of the kernel interface that the device is made of; nullopt: it is none.
  std::optional<unsigned> interface_mtu;
};

struct SystemFacts {
  std::uint64_t hugepages = 0;          ///< that the machine has
  std::vector<unsigned> worker_cpus;    ///< as pinned
  std::vector<unsigned> isolated_cpus;  ///< by the kernel's command line
  unsigned workers = 1;
  unsigned cpus = 1;
  /// Segments that the kernel dropped since its start, by TCP MD5's verdict.
  std::uint64_t md5_missing = 0;     ///< not signed, and should be
  std::uint64_t md5_unexpected = 0;  ///< signed, and nobody has the key
  std::uint64_t md5_wrong = 0;
  /// Segments that it dropped because they had come too far for a socket with GTSM.
  std::uint64_t ttl_too_small = 0;
  bool transit = false;  ///< router.mode
};

struct Facts {
  std::vector<SessionFacts> sessions;
  std::vector<PortFacts> ports;
  SystemFacts system;
};

}  // namespace lastmile::doctor
