// Whom BFD is to watch: what a configuration says, as values.
//
//   for (const auto& [user, watched] : bfd_watched(config, peers, ids)) …
//
// Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/bgp/session/settings.h"
#include "controlplane/config/config.h"
#include "dataplane/bfd/command.h"

namespace lastmile {

/// A next hop of static routes: the port, and the address if the configuration has one.
struct WatchedHop {
  PortId port;
  std::optional<IpAddress> address;

  friend auto operator<=>(const WatchedHop&, const WatchedHop&) = default;
};

/// As a BGP neighbor in its place would be called.
[[nodiscard]] std::string name_of(const Config& config, const WatchedHop& hop);

/// Who a session is for.
using BfdUser = std::variant<bgp::PeerId, WatchedHop>;

/// A neighbor that a profile watches.
struct BfdWatched {
  std::string name;
  PortId port = bfd::kAnyPort;       ///< whose link it is on; kAnyPort: it is behind routers
  std::optional<IpAddress> address;  ///< configured
  std::optional<IpAddress> source;   ///< of packets over several hops
  std::uint8_t least_hop_limit = 1;  ///< of those that arrive
  BfdProfile profile;
  /// While BGP is shut down by the operator, BFD says that the end is meant (RFC 5880 section
  /// 6.8.16).
  bfd::Admin admin = bfd::Admin::kEnabled;

  /// May a session for the other one go on as this one's?
  [[nodiscard]] bool same_session(const BfdWatched& other) const {
    const auto facts = [](const BfdWatched& w) {
      return std::tuple(w.port, w.address, w.source, w.least_hop_limit,
                        w.profile.echo == BfdEcho::kUnaffiliated);
    };
    return facts(*this) == facts(other);
  }
};

/// The neighbors and next hops of a configuration that have a profile. `peers[i]` is `ids[i]` and
/// `config.bgp.neighbors[i]`. Neighbors of a listen range are not watched.
[[nodiscard]] std::map<BfdUser, BfdWatched> bfd_watched(const Config& config,
                                                        const std::vector<bgp::PeerSettings>& peers,
                                                        const std::vector<bgp::PeerId>& ids);

/// The worker's parameters of a profile.
[[nodiscard]] bfd::SessionParameters session_parameters(const BfdProfile& profile);

}  // namespace lastmile
