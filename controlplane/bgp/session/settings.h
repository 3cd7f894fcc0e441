// What the session layer needs to know of the configuration: who we are, and for each peer whom to
// expect, where, and how patiently.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/config.h"
#include "controlplane/event/effects.h"
#include "dataplane/net/headers.h"

namespace lastmile::bgp {

/// This router, as every OPEN introduces it.
struct Speaker {
  Asn asn;
  BgpIdentifier identifier;
  std::string hostname, domain_name;  ///< for the FQDN capability; empty: not announced
  /// How long ago the process before this one ended without a word; nothing: it did not, or the
  /// restart is over (RFC 4724 section 4.1).
  std::optional<Duration> away{};
  /// The ports' names, by PortId: a neighbor by its link-local address is named with its port, and
  /// who comes by a listen range is on any.
  std::vector<std::string> ports{};
};

struct PeerSettings {
  std::string name;
  /// The port whose link carries the session: link-down there ends it at once. Empty for a peer
  /// behind routers.
  std::optional<PortId> port;
  /// Empty: unnumbered, the peer is whoever is discovered on `port`.
  std::optional<IpAddress> address;
  RemoteAsn remote_asn;
  BgpTimers timers;
  /// Wait for the peer's OPEN before sending ours (RFC 4271 section 8.1.1, DelayOpenTime); 0:
  /// don't.
  Duration delay_open{0};
  bool passive = false;  ///< never dial, only accept
  HopLimits hops;
  std::optional<IpAddress> source;
  std::string password;  ///< TCP MD5 (RFC 2385); empty: none
  /// The AS number that this peer sees in place of ours.
  std::optional<Asn> local_as;
  /// `notifications` is settled: it has a value.
  GracefulRestartConfig graceful_restart{.notifications = false};
  AddPathUse add_path = AddPathUse::kOff;
  std::optional<Family> add_path_family;  ///< nothing: both
  bool aigp = false;                      ///< AIGP is taken and sent (RFC 7311)
  std::optional<Role> role;               ///< what we are to the peer (RFC 9234)
  bool role_strict = false;               ///< no session with a peer that does not tell its role
  /// Dynamic neighbors: the settings of whoever connects from here; no peer of its own.
  std::optional<IpPrefix> listen;
  unsigned limit = 0;  ///< dynamic neighbors at a time
  /// Not judged here; but another one is why a session that was ended for good is tried again.
  MaxPrefixes max_prefixes;
  bool shutdown = false;
  std::string shutdown_message;                 ///< RFC 9003
  std::uint16_t tcp_port = protocol::kBgpPort;  ///< where we dial
  /// Our own addresses on `port` beside the session's local one; for next hop self.
  NextHop own_addresses;
};

/// Whether a running session may go on with the other settings: nothing that it was made with
/// differs. The peer hears nothing of our keepalive and connect-retry times.
[[nodiscard]] bool same_session(const PeerSettings& a, const PeerSettings& b);

/// The AS number by which a peer knows us.
[[nodiscard]] inline Asn our_asn(const Speaker& speaker, const PeerSettings& settings) {
  return settings.local_as.value_or(speaker.asn);
}

/// The peers of a configuration, in the order of its neighbors, which is the order of their PeerId.
/// A numbered peer gets the port whose subnet its address is in.
[[nodiscard]] std::vector<PeerSettings> peer_settings(const Config& config);

}  // namespace lastmile::bgp
