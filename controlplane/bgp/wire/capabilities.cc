#include "controlplane/bgp/wire/capabilities.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "controlplane/bgp/wire/family.h"

namespace lastmile::bgp {
namespace {

constexpr std::size_t kMaxValue = 255;  // a capability's length is one octet

// The numbers are IANA's "Capability Codes".
enum Code : std::uint8_t {
  kMultiprotocol = 1,
  kRouteRefreshCode = 2,
  kExtendedNextHop = 5,
  kExtendedMessage = 6,
  kRole = 9,
  kGracefulRestart = 64,
  kFourOctetAsn = 65,
  kAddPath = 69,
  kEnhancedRouteRefresh = 70,
  kLongLivedRestart = 71,
  kFqdn = 73,
};

void keep(std::uint8_t code, Octets value, Capabilities& to) {
  const Capabilities::Unknown unknown{code, {value.begin(), value.end()}};
  if (std::find(to.unknown.begin(), to.unknown.end(), unknown) == to.unknown.end()) {
    to.unknown.push_back(unknown);
  }
}

void add(Family family, std::vector<Family>& to) {
  if (std::find(to.begin(), to.end(), family) == to.end()) to.push_back(family);
}

// Writes one capability around whatever `value` writes.
template <class Value>
void write(std::uint8_t code, OctetWriter& out, std::size_t length, Value value) {
  out.u8(code);
  out.u8(static_cast<std::uint8_t>(length));
  value();
}

// RFC 4760 section 8: AFI, a reserved octet, SAFI.
void decode_multiprotocol(Octets value, Capabilities& to) {
  OctetReader in(value);
  const std::uint16_t afi = in.u16();
  in.u8();
  const std::uint8_t safi = in.u8();
  if (const auto family = family_from_codes(afi, safi)) {
    add(*family, to.multiprotocol);
  } else {
    keep(kMultiprotocol, value, to);
  }
}
void encode_multiprotocol(const Capabilities& from, OctetWriter& out) {
  for (const Family family : from.multiprotocol) {
    write(kMultiprotocol, out, 4, [&] {
      const FamilyCodes codes = family_codes(family);
      out.u16(codes.afi);
      out.u8(0);
      out.u8(codes.safi);
    });
  }
}

void decode_route_refresh(Octets, Capabilities& to) {
  to.route_refresh = true;
}
void encode_route_refresh(const Capabilities& from, OctetWriter& out) {
  if (from.route_refresh) write(kRouteRefreshCode, out, 0, [] {});
}

// RFC 8950 section 4: tuples of NLRI AFI, NLRI SAFI (two octets here), next hop AFI.
constexpr std::size_t kTupleSize = 6;
void decode_extended_next_hop(Octets value, Capabilities& to) {
  for (OctetReader in(value); !in.empty();) {
    const Octets tuple = in.take(kTupleSize);
    OctetReader fields(tuple);
    const std::uint16_t afi = fields.u16();
    const std::uint16_t safi = fields.u16();
    const std::uint16_t next_hop_afi = fields.u16();
    const auto family =
        safi <= 0xff ? family_from_codes(afi, static_cast<std::uint8_t>(safi)) : std::nullopt;
    if (family && next_hop_afi == kAfiIpv6) {
      add(*family, to.extended_next_hop);
    } else {
      keep(kExtendedNextHop, tuple, to);
    }
  }
}
void encode_extended_next_hop(const Capabilities& from, OctetWriter& out) {
  if (from.extended_next_hop.empty()) return;
  write(kExtendedNextHop, out, from.extended_next_hop.size() * kTupleSize, [&] {
    for (const Family family : from.extended_next_hop) {
      const FamilyCodes codes = family_codes(family);
      out.u16(codes.afi);
      out.u16(codes.safi);
      out.u16(kAfiIpv6);
    }
  });
}

void decode_extended_message(Octets, Capabilities& to) {
  to.extended_message = true;
}
void encode_extended_message(const Capabilities& from, OctetWriter& out) {
  if (from.extended_message) write(kExtendedMessage, out, 0, [] {});
}

// RFC 9234 section 4.1. Several with the same value are one (section 4.2).
void decode_role(Octets value, Capabilities& to) {
  if (std::find(to.roles.begin(), to.roles.end(), value[0]) == to.roles.end()) {
    to.roles.push_back(value[0]);
  }
}
void encode_role(const Capabilities& from, OctetWriter& out) {
  for (const std::uint8_t role : from.roles) {
    write(kRole, out, 1, [&] { out.u8(role); });
  }
}

// RFC 4724 section 3: flags and time in two octets, then AFI, SAFI and flags of each family. Of
// several instances the last one counts.
constexpr std::size_t kKeptSize = 4;
constexpr std::uint16_t kRestarted = 0x8000;
constexpr std::uint16_t kNotifications = 0x4000;  // RFC 8538 section 2
constexpr std::uint16_t kRestartTime = 0x0fff;
constexpr std::uint8_t kForwarding = 0x80;
void decode_graceful_restart(Octets value, Capabilities& to) {
  OctetReader in(value);
  const std::uint16_t head = in.u16();
  GracefulRestart restart;
  restart.restarted = (head & kRestarted) != 0;
  restart.notifications = (head & kNotifications) != 0;
  restart.restart_time_s = head & kRestartTime;
  while (!in.empty()) {
    const std::uint16_t afi = in.u16();
    const auto family = family_from_codes(afi, in.u8());
    const bool forwarding = (in.u8() & kForwarding) != 0;
    if (family && restart.find(*family) == nullptr) {
      restart.families.push_back({*family, forwarding});
    }
  }
  to.graceful_restart = std::move(restart);
}
void encode_graceful_restart(const Capabilities& from, OctetWriter& out) {
  if (!from.graceful_restart) return;
  const GracefulRestart& restart = *from.graceful_restart;
  write(kGracefulRestart, out, 2 + restart.families.size() * kKeptSize, [&] {
    out.u16(static_cast<std::uint16_t>((restart.restarted ? kRestarted : 0U) |
                                       (restart.notifications ? kNotifications : 0U) |
                                       (restart.restart_time_s & kRestartTime)));
    for (const GracefulRestart::Kept& kept : restart.families) {
      const FamilyCodes codes = family_codes(kept.family);
      out.u16(codes.afi);
      out.u8(codes.safi);
      out.u8(kept.forwarding ? kForwarding : 0);
    }
  });
}

void decode_enhanced_route_refresh(Octets, Capabilities& to) {
  to.enhanced_route_refresh = true;
}
void encode_enhanced_route_refresh(const Capabilities& from, OctetWriter& out) {
  if (from.enhanced_route_refresh) write(kEnhancedRouteRefresh, out, 0, [] {});
}

void decode_four_octet_asn(Octets value, Capabilities& to) {
  if (!to.four_octet_asn) to.four_octet_asn = Asn{OctetReader(value).u32()};
}
void encode_four_octet_asn(const Capabilities& from, OctetWriter& out) {
  if (from.four_octet_asn) {
    write(kFourOctetAsn, out, 4, [&] { out.u32(from.four_octet_asn->value()); });
  }
}

// RFC 7911 section 4: AFI, SAFI, and what the speaker does with several paths. Any other value than
// the three is ignored, and so is a length that does not add up: it costs several paths, not the
// session.
constexpr std::size_t kAddPathSize = 4;
constexpr std::uint8_t kReceives = 1;
constexpr std::uint8_t kSends = 2;
void decode_add_path(Octets value, Capabilities& to) {
  if (value.size() % kAddPathSize != 0) return keep(kAddPath, value, to);
  for (OctetReader in(value); !in.empty();) {
    const std::uint16_t afi = in.u16();
    const auto family = family_from_codes(afi, in.u8());
    const std::uint8_t does = in.u8();
    const auto known = std::find_if(to.add_path.begin(), to.add_path.end(),
                                    [&](const AddPath& a) { return a.family == family; });
    if (!family || does == 0 || does > (kReceives | kSends) || known != to.add_path.end()) continue;
    to.add_path.push_back({*family, (does & kReceives) != 0, (does & kSends) != 0});
  }
}
void encode_add_path(const Capabilities& from, OctetWriter& out) {
  if (from.add_path.empty()) return;
  write(kAddPath, out, from.add_path.size() * kAddPathSize, [&] {
    for (const AddPath& add_path : from.add_path) {
      const FamilyCodes codes = family_codes(add_path.family);
      out.u16(codes.afi);
      out.u8(codes.safi);
      out.u8(static_cast<std::uint8_t>((add_path.receives ? kReceives : 0U) |
                                       (add_path.sends ? kSends : 0U)));
    }
  });
}

// RFC 9494 section 3: AFI, SAFI, flags, and 24 bits of seconds.
constexpr std::size_t kLongLivedSize = 7;
void decode_long_lived_restart(Octets value, Capabilities& to) {
  if (value.size() % kLongLivedSize != 0) return keep(kLongLivedRestart, value, to);
  if (to.long_lived) return;
  LongLivedRestart& restart = to.long_lived.emplace();
  for (OctetReader in(value); !in.empty();) {
    const std::uint16_t afi = in.u16();
    const auto family = family_from_codes(afi, in.u8());
    const bool forwarding = (in.u8() & kForwarding) != 0;
    const std::uint32_t high = in.u8();
    const std::uint32_t seconds = high << 16 | in.u16();
    if (family && restart.find(*family) == nullptr) {
      restart.families.push_back({*family, forwarding, seconds});
    }
  }
}
void encode_long_lived_restart(const Capabilities& from, OctetWriter& out) {
  if (!from.long_lived) return;
  write(kLongLivedRestart, out, from.long_lived->families.size() * kLongLivedSize, [&] {
    for (const LongLivedRestart::Kept& kept : from.long_lived->families) {
      const FamilyCodes codes = family_codes(kept.family);
      out.u16(codes.afi);
      out.u8(codes.safi);
      out.u8(kept.forwarding ? kForwarding : 0);
      out.u8(static_cast<std::uint8_t>(kept.stale_time_s >> 16));
      out.u16(static_cast<std::uint16_t>(kept.stale_time_s));
    }
  });
}

// draft-walton-bgp-hostname-capability: host name and domain name, each behind a length octet.
// Purely for the operator's eyes, so one that does not add up is kept as bytes, not an error.
void decode_fqdn(Octets value, Capabilities& to) {
  OctetReader in(value);
  std::array<std::string, 2> names;
  for (std::string& name : names) {
    if (in.empty()) return keep(kFqdn, value, to);
    const std::size_t length = in.u8();
    if (length > in.left()) return keep(kFqdn, value, to);
    const Octets text = in.take(length);
    name.assign(text.begin(), text.end());
  }
  const bool named = !to.hostname.empty() || !to.domain_name.empty();
  if (named || !in.empty() || (names[0].empty() && names[1].empty())) {
    return keep(kFqdn, value, to);
  }
  to.hostname = std::move(names[0]);
  to.domain_name = std::move(names[1]);
}
void encode_fqdn(const Capabilities& from, OctetWriter& out) {
  if (from.hostname.empty() && from.domain_name.empty()) return;
  const std::string_view host = std::string_view(from.hostname).substr(0, kMaxValue - 2);
  const std::string_view domain =
      std::string_view(from.domain_name).substr(0, kMaxValue - 2 - host.size());
  write(kFqdn, out, 2 + host.size() + domain.size(), [&] {
    for (const std::string_view name : {host, domain}) {
      out.u8(static_cast<std::uint8_t>(name.size()));
      for (const char c : name) out.u8(static_cast<std::uint8_t>(c));
    }
  });
}

enum class LengthRule : std::uint8_t { kAny, kExactly, kMultipleOf, kTwoAndMultipleOf };

struct CapabilityDescriptor {
  std::uint8_t code;
  const char* name;
  LengthRule rule = LengthRule::kAny;
  std::size_t length = 0;
  void (*decode)(Octets value, Capabilities& to) = nullptr;  // null: known by name only
  void (*encode)(const Capabilities& from, OctetWriter& out) = nullptr;
};

constexpr std::array kCapabilities{
    CapabilityDescriptor{kMultiprotocol, "multiprotocol", LengthRule::kExactly, 4,
                         decode_multiprotocol, encode_multiprotocol},
    CapabilityDescriptor{kRouteRefreshCode, "route-refresh", LengthRule::kExactly, 0,
                         decode_route_refresh, encode_route_refresh},
    CapabilityDescriptor{3, "outbound-route-filtering"},
    CapabilityDescriptor{kExtendedNextHop, "extended-next-hop", LengthRule::kMultipleOf, kTupleSize,
                         decode_extended_next_hop, encode_extended_next_hop},
    CapabilityDescriptor{kExtendedMessage, "extended-message", LengthRule::kExactly, 0,
                         decode_extended_message, encode_extended_message},
    CapabilityDescriptor{7, "bgpsec"},
    CapabilityDescriptor{8, "multiple-labels"},
    CapabilityDescriptor{kRole, "role", LengthRule::kExactly, 1, decode_role, encode_role},
    CapabilityDescriptor{kGracefulRestart, "graceful-restart", LengthRule::kTwoAndMultipleOf,
                         kKeptSize, decode_graceful_restart, encode_graceful_restart},
    CapabilityDescriptor{kFourOctetAsn, "four-octet-asn", LengthRule::kExactly, 4,
                         decode_four_octet_asn, encode_four_octet_asn},
    CapabilityDescriptor{67, "dynamic-capability"},
    CapabilityDescriptor{68, "multisession"},
    CapabilityDescriptor{kAddPath, "add-path", LengthRule::kAny, 0, decode_add_path,
                         encode_add_path},
    CapabilityDescriptor{kEnhancedRouteRefresh, "enhanced-route-refresh", LengthRule::kExactly, 0,
                         decode_enhanced_route_refresh, encode_enhanced_route_refresh},
    CapabilityDescriptor{kLongLivedRestart, "long-lived-graceful-restart", LengthRule::kAny, 0,
                         decode_long_lived_restart, encode_long_lived_restart},
    CapabilityDescriptor{kFqdn, "fqdn", LengthRule::kAny, 0, decode_fqdn, encode_fqdn},
    CapabilityDescriptor{74, "bfd-strict-mode"},
    CapabilityDescriptor{75, "software-version"},
    CapabilityDescriptor{76, "paths-limit"},
    CapabilityDescriptor{77, "link-local-next-hop"},
    CapabilityDescriptor{128, "route-refresh-old"},  // before RFC 2918; some still announce it
};

const CapabilityDescriptor* find(std::uint8_t code) {
  for (const CapabilityDescriptor& row : kCapabilities) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

bool fits(const CapabilityDescriptor& row, std::size_t length) {
  switch (row.rule) {
    case LengthRule::kAny:
      return true;
    case LengthRule::kExactly:
      return length == row.length;
    case LengthRule::kMultipleOf:
      return length % row.length == 0;
    case LengthRule::kTwoAndMultipleOf:
      return length >= 2 && (length - 2) % row.length == 0;
  }
  return false;
}

}  // namespace

const GracefulRestart::Kept* GracefulRestart::find(Family family) const {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const Kept& kept) { return kept.family == family; });
  return found == families.end() ? nullptr : &*found;
}

const LongLivedRestart::Kept* LongLivedRestart::find(Family family) const {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const Kept& kept) { return kept.family == family; });
  return found == families.end() ? nullptr : &*found;
}

bool decode_capabilities(Octets value, Capabilities& to) {
  for (OctetReader in(value); !in.empty();) {
    if (in.left() < 2) return false;
    const std::uint8_t code = in.u8();
    const std::size_t length = in.u8();
    if (length > in.left()) return false;
    const Octets body = in.take(length);
    const CapabilityDescriptor* row = find(code);
    if (row == nullptr || row->decode == nullptr) {
      keep(code, body, to);
      continue;
    }
    if (!fits(*row, length)) return false;
    row->decode(body, to);
  }
  return true;
}

void encode_capabilities(const Capabilities& capabilities, OctetWriter& out) {
  for (const CapabilityDescriptor& row : kCapabilities) {
    if (row.encode != nullptr) row.encode(capabilities, out);
  }
  for (const Capabilities::Unknown& unknown : capabilities.unknown) {
    if (unknown.value.size() > kMaxValue) continue;  // cannot have come from a peer
    write(unknown.code, out, unknown.value.size(), [&] { out.octets(unknown.value); });
  }
}

std::string capability_name(std::uint8_t code) {
  const CapabilityDescriptor* row = find(code);
  return row != nullptr ? row->name : fmt::format("capability {}", code);
}

}  // namespace lastmile::bgp
