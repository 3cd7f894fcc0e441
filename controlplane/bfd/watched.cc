#include "controlplane/bfd/watched.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dataplane/net/format.h"

namespace lastmile {
namespace {

bfd::Microseconds microseconds(std::chrono::microseconds time) {
  return bfd::Microseconds{static_cast<std::uint32_t>(time.count())};
}

bfd::AuthType auth_type(BfdAuth auth) {
  switch (auth) {
    case BfdAuth::kNone:
      return bfd::AuthType::kNone;
    case BfdAuth::kSimple:
      return bfd::AuthType::kSimplePassword;
    case BfdAuth::kSha1:
      return bfd::AuthType::kKeyedSha1;
    case BfdAuth::kMeticulousSha1:
      return bfd::AuthType::kMeticulousSha1;
  }
  return bfd::AuthType::kNone;
}

bfd::EchoMode echo_mode(BfdEcho echo) {
  switch (echo) {
    case BfdEcho::kOff:
      return bfd::EchoMode::kOff;
    case BfdEcho::kOn:
      return bfd::EchoMode::kOn;
    case BfdEcho::kUnaffiliated:
      return bfd::EchoMode::kUnaffiliated;
  }
  return bfd::EchoMode::kOff;
}

/// RFC 5883 leaves it to the configuration. A packet starts with 255 and loses one at each router
/// on its way: one less than there are hops.
std::uint8_t least_hop_limit(const BgpNeighborConfig& neighbor) {
  const unsigned hops = neighbor.ttl_security != 0 ? neighbor.ttl_security : neighbor.multihop;
  return hops == 0 ? std::uint8_t{1} : static_cast<std::uint8_t>(256 - hops);
}

}  // namespace

std::string name_of(const Config& config, const WatchedHop& hop) {
  const std::string& port = config.ports[hop.port.value()].name;
  if (!hop.address) return port;
  return is_ipv6_link_local(*hop.address) ? fmt::format("{}%{}", *hop.address, port)
                                          : fmt::format("{}", *hop.address);
}

bfd::SessionParameters session_parameters(const BfdProfile& profile) {
  bfd::SessionParameters parameters;
  bfd::SessionSettings& control = parameters.control;
  control.desired_min_tx = microseconds(profile.transmit.value_or(profile.interval));
  control.required_min_rx = microseconds(profile.receive.value_or(profile.interval));
  control.multiplier = profile.multiplier;
  control.role = profile.passive ? bfd::Role::kPassive : bfd::Role::kActive;
  control.authentication.type = auth_type(profile.auth);
  control.authentication.key_id = profile.auth_key_id;
  control.authentication.key_length = static_cast<std::uint8_t>(profile.auth_key.size());
  std::copy_n(profile.auth_key.begin(), profile.auth_key.size(),
              control.authentication.key.begin());
  parameters.echo_mode = echo_mode(profile.echo);
  parameters.echo.interval = microseconds(profile.echo_interval.value_or(profile.interval));
  parameters.echo.multiplier = profile.multiplier;
  if (parameters.echo_mode == bfd::EchoMode::kOn) {
    control.required_min_echo_rx = parameters.echo.interval;
  }
  return parameters;
}

std::map<BfdUser, BfdWatched> bfd_watched(const Config& config,
                                          const std::vector<bgp::PeerSettings>& peers,
                                          const std::vector<bgp::PeerId>& ids) {
  std::map<BfdUser, BfdWatched> watched;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const BgpNeighborConfig& neighbor = config.bgp.neighbors[i];
    if (!neighbor.bfd || peers[i].listen) continue;
    BfdWatched entry;
    entry.name = peers[i].name;
    entry.address = peers[i].address;
    entry.profile = config.bfd.profiles[*neighbor.bfd];
    if (neighbor.shutdown) entry.admin = bfd::Admin::kDown;
    if (peers[i].port) {
      entry.port = *peers[i].port;
    } else {
      entry.source = peers[i].source;
      entry.least_hop_limit = entry.profile.minimum_ttl.value_or(least_hop_limit(neighbor));
    }
    watched.emplace(ids[i], std::move(entry));
  }
  for (const StaticRouteConfig& route : config.routes) {
    for (const StaticRouteConfig::Via& via : route.via) {
      if (!via.bfd) continue;
      const WatchedHop hop{via.port, via.address};
      BfdWatched entry;
      entry.name = name_of(config, hop);
      entry.port = via.port;
      entry.address = via.address;
      entry.profile = config.bfd.profiles[*via.bfd];
      watched.emplace(hop, std::move(entry));
    }
  }
  return watched;
}

}  // namespace lastmile
