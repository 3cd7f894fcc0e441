#include "controlplane/bgp/session/open.h"

#include <algorithm>
#include <tuple>

#include "controlplane/bgp/wire/capabilities.h"
#include "controlplane/bgp/wire/notification.h"
#include "controlplane/bgp/wire/octets.h"
#include "controlplane/bgp/wire/role.h"

namespace lastmile::bgp {
namespace {

/// What this router carries, in order of announcement.
constexpr Family kOurFamilies[] = {Family::kIpv4Unicast, Family::kIpv6Unicast};

/// Code of the capability (RFC 4760 section 8).
constexpr std::uint8_t kMultiprotocol = 1;

/// RFC 4271 section 4.2: zero, or at least three seconds.
constexpr bool acceptable_hold_time(std::uint16_t seconds) {
  return seconds == 0 || seconds >= 3;
}

bool expected_asn(Asn ours, const RemoteAsn& expected, Asn asn) {
  if (asn == Asn{0}) return false;  // RFC 7607 section 2
  switch (expected.kind) {
    case RemoteAsn::Kind::kExternal:
      return asn != ours;
    case RemoteAsn::Kind::kInternal:
      return asn == ours;
    case RemoteAsn::Kind::kNumber:
      return asn == expected.number;
  }
  return false;
}

bool contains(const std::vector<Family>& families, Family family) {
  return std::find(families.begin(), families.end(), family) != families.end();
}

/// A speaker that announces no family speaks IPv4 unicast (RFC 4760 section 8).
std::vector<Family> families_of(const Open& open) {
  if (open.capabilities.multiprotocol.empty()) return {Family::kIpv4Unicast};
  return open.capabilities.multiprotocol;
}

std::vector<Family> intersection(const std::vector<Family>& ours,
                                 const std::vector<Family>& theirs) {
  std::vector<Family> both;
  for (Family family : ours) {
    if (contains(theirs, family)) both.push_back(family);
  }
  return both;
}

/// Capabilities of families that the codec doesn't know are among the unknown ones: a peer with
/// nothing but those must not be taken for one that announces none.
bool announces_only_foreign_families(const Open& open) {
  return open.capabilities.multiprotocol.empty() &&
         std::any_of(open.capabilities.unknown.begin(), open.capabilities.unknown.end(),
                     [](const auto& unknown) { return unknown.code == kMultiprotocol; });
}

/// The data of Unsupported Capability: the capabilities that we miss, as they stand in OPEN
/// (RFC 5492 section 5).
std::vector<std::uint8_t> missing_families() {
  Capabilities missing;
  missing.multiprotocol.assign(std::begin(kOurFamilies), std::end(kOurFamilies));
  std::vector<std::uint8_t> data;
  OctetWriter out(data);
  encode_capabilities(missing, out);
  return data;
}

/// RFC 9234 section 4.2.
bool roles_fit(const PeerSettings& settings, const std::vector<std::uint8_t>& theirs) {
  if (!settings.role) return true;
  if (theirs.empty()) return !settings.role_strict;
  return theirs.size() == 1 &&
         theirs.front() == static_cast<std::uint8_t>(facts(*settings.role).counterpart);
}

/// What we say: that we help. No family, unless the configuration wants it: our forwarding tables
/// end with this process, so nobody is to keep our routes when it does (RFC 4724 section 3). For
/// the same reason F is only set by configuration, too.
std::optional<GracefulRestart> announced_restart(const Speaker& speaker,
                                                 const PeerSettings& settings) {
  using Mode = GracefulRestartConfig::Mode;
  const GracefulRestartConfig& config = settings.graceful_restart;
  if (config.mode == Mode::kOff) return std::nullopt;
  GracefulRestart restart;
  restart.notifications = config.notifications.value_or(false);
  if (config.mode == Mode::kHelper) return restart;
  restart.restarted = speaker.away && *speaker.away <= config.restart_time;
  restart.restart_time_s = static_cast<std::uint16_t>(config.restart_time.count());
  for (const Family family : kOurFamilies) {
    restart.families.push_back({family, restart.restarted && config.preserve_fw_state});
  }
  return restart;
}

/// That we help, if we do. None of our own families: see above.
std::optional<LongLivedRestart> announced_long_lived(const PeerSettings& settings) {
  if (settings.graceful_restart.mode == GracefulRestartConfig::Mode::kOff ||
      settings.graceful_restart.long_lived_limit.count() == 0) {
    return std::nullopt;
  }
  return LongLivedRestart{};
}

/// RFC 9494 section 3: without the graceful restart capability beside it, it is ignored.
std::optional<LongLivedRestart> agreed_long_lived(const PeerSettings& settings,
                                                  const Capabilities& ours,
                                                  const Capabilities& theirs,
                                                  const std::vector<Family>& families) {
  if (!ours.long_lived || !theirs.long_lived || !ours.graceful_restart ||
      !theirs.graceful_restart) {
    return std::nullopt;
  }
  LongLivedRestart kept = *theirs.long_lived;
  std::erase_if(kept.families, [&](const auto& k) {
    return !contains(families, k.family) || k.stale_time_s == 0;
  });
  const auto limit = static_cast<std::uint32_t>(settings.graceful_restart.long_lived_limit.count());
  for (auto& family : kept.families) family.stale_time_s = std::min(family.stale_time_s, limit);
  return kept;
}

/// What the peer asks of us and we agree to.
std::optional<GracefulRestart> agreed_restart(const Capabilities& ours, const Capabilities& theirs,
                                              const std::vector<Family>& families,
                                              const std::optional<LongLivedRestart>& long_lived) {
  if (!ours.graceful_restart || !theirs.graceful_restart) return std::nullopt;
  GracefulRestart restart = *theirs.graceful_restart;
  std::erase_if(restart.families,
                [&](const auto& kept) { return !contains(families, kept.family); });
  if (restart.families.empty() && long_lived) {
    // RFC 9494 section 4.2: the long-lived time begins at once.
    restart.restart_time_s = 0;
    for (const auto& kept : long_lived->families) {
      restart.families.push_back({kept.family, kept.forwarding});
    }
  }
  if (restart.families.empty()) return std::nullopt;
  restart.notifications = restart.notifications && ours.graceful_restart->notifications;
  return restart;
}

/// The families in which one side sends several paths and the other takes them (RFC 7911 section
/// 4).
std::vector<Family> path_ids(const Capabilities& sender, const Capabilities& receiver,
                             const std::vector<Family>& families) {
  std::vector<Family> result;
  for (const AddPath& from : sender.add_path) {
    const bool taken = std::ranges::any_of(receiver.add_path, [&](const AddPath& to) {
      return to.family == from.family && to.receives;
    });
    if (from.sends && taken && contains(families, from.family)) result.push_back(from.family);
  }
  return result;
}

/// What the configuration wants of that.
std::vector<AddPath> announced_add_path(const PeerSettings& settings) {
  const bool receives =
      settings.add_path == AddPathUse::kReceive || settings.add_path == AddPathUse::kBoth;
  const bool sends =
      settings.add_path == AddPathUse::kSend || settings.add_path == AddPathUse::kBoth;
  std::vector<AddPath> result;
  if (!receives && !sends) return result;
  for (const Family family : kOurFamilies) {
    if (settings.add_path_family.value_or(family) != family) continue;
    result.push_back({family, receives, sends});
  }
  return result;
}

NextHop next_hop_self(const PeerSettings& settings, const IpAddress& local) {
  NextHop own = settings.own_addresses;
  if (const auto* v4 = std::get_if<Ipv4Address>(&local)) {
    own.v4 = *v4;
  } else {
    const auto& v6 = std::get<Ipv6Address>(local);
    (v6.is_link_local() ? own.link_local : own.global) = v6;
  }
  return own;
}

}  // namespace

Open make_open(const Speaker& speaker, const PeerSettings& settings, const IpAddress& local,
               CapabilityUse use) {
  Open open;
  open.asn = our_asn(speaker, settings);
  open.hold_time_s = static_cast<std::uint16_t>(settings.timers.hold.count());
  open.identifier = speaker.identifier;
  if (use == CapabilityUse::kOmit) return open;
  Capabilities& can = open.capabilities;
  can.multiprotocol.assign(std::begin(kOurFamilies), std::end(kOurFamilies));
  can.route_refresh = true;
  can.enhanced_route_refresh = true;
  can.extended_message = true;
  if (std::holds_alternative<Ipv6Address>(local)) can.extended_next_hop = {Family::kIpv4Unicast};
  can.graceful_restart = announced_restart(speaker, settings);
  can.long_lived = announced_long_lived(settings);
  can.add_path = announced_add_path(settings);
  if (settings.role) can.roles = {static_cast<std::uint8_t>(*settings.role)};
  can.four_octet_asn = open.asn;
  can.hostname = speaker.hostname;
  can.domain_name = speaker.domain_name;
  return open;
}

tl::expected<Negotiated, Notification> negotiate(const Speaker& speaker,
                                                 const PeerSettings& settings, const Open& ours,
                                                 const Open& theirs, const Endpoint& local,
                                                 const Endpoint& remote) {
  if (!expected_asn(ours.asn, settings.remote_asn, theirs.asn)) {
    return tl::unexpected(notification(OpenError::kBadPeerAs));
  }
  const bool external = theirs.asn != ours.asn;
  // Unique within an AS (RFC 6286 section 2.1); between AS numbers equal ones are fine.
  if (theirs.identifier.is_unspecified() ||
      (!external && theirs.identifier == speaker.identifier)) {
    return tl::unexpected(notification(OpenError::kBadBgpIdentifier));
  }
  if (external && !roles_fit(settings, theirs.capabilities.roles)) {
    return tl::unexpected(notification(OpenError::kRoleMismatch));
  }
  if (!acceptable_hold_time(theirs.hold_time_s)) {
    return tl::unexpected(notification(OpenError::kUnacceptableHoldTime));
  }

  Negotiated result;
  result.local_asn = ours.asn;
  result.remote_asn = theirs.asn;
  result.remote_identifier = theirs.identifier;
  result.external = external;
  result.hold_time = std::chrono::seconds{std::min(ours.hold_time_s, theirs.hold_time_s)};
  result.families = announces_only_foreign_families(theirs)
                        ? std::vector<Family>{}
                        : intersection(families_of(ours), families_of(theirs));
  if (result.families.empty()) {
    return tl::unexpected(notification(OpenError::kUnsupportedCapability, missing_families()));
  }
  const Capabilities& we = ours.capabilities;
  const Capabilities& they = theirs.capabilities;
  result.codec.four_octet_asn = we.four_octet_asn && they.four_octet_asn;
  result.codec.external_peer = external;
  result.codec.extended_message = we.extended_message && they.extended_message;
  result.codec.extended_next_hop =
      intersection(intersection(we.extended_next_hop, they.extended_next_hop), result.families);
  result.peer_route_refresh = they.route_refresh;
  result.enhanced_refresh = we.enhanced_route_refresh && they.enhanced_route_refresh;
  if (external) result.role = settings.role;
  result.codec.path_ids = path_ids(they, we, result.families);
  result.codec.own_path_ids = path_ids(we, they, result.families);
  // RFC 7311 section 3.3.
  result.codec.aigp = settings.aigp;
  result.long_lived = agreed_long_lived(settings, we, they, result.families);
  result.graceful_restart = agreed_restart(we, they, result.families, result.long_lived);
  result.ends_its_table = they.graceful_restart && !they.graceful_restart->restarted;
  result.local = local;
  result.remote = remote;
  result.local_next_hop = next_hop_self(settings, local.address);
  return result;
}

Duration keepalive_interval(const BgpTimers& timers, std::chrono::seconds hold_time) {
  if (hold_time.count() == 0) return Duration{0};
  const Duration third = Duration{hold_time} / 3;
  return timers.keepalive.count() == 0 ? third : std::min<Duration>(third, timers.keepalive);
}

bool local_speaker_prevails(const Open& ours, const Open& theirs) {
  return std::tuple(ours.identifier, ours.asn) > std::tuple(theirs.identifier, theirs.asn);
}

}  // namespace lastmile::bgp
