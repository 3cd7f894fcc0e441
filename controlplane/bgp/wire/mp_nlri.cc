// MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 sections 3 and 4), and the forms that a next hop has
// in them (RFC 2545, RFC 8950).
#include <algorithm>

#include "controlplane/bgp/wire/attribute_values.h"
#include "controlplane/bgp/wire/family.h"
#include "controlplane/bgp/wire/nlri.h"

namespace lastmile::bgp {
namespace {

constexpr std::size_t kMinReach = 5;    // AFI, SAFI, next hop length, reserved
constexpr std::size_t kMinUnreach = 3;  // AFI, SAFI

// RFC 4760 section 7: what cannot be understood may be ignored as long as it can be told apart.
constexpr Verdict kFamilyNotCarried{"family is not carried (RFC 4760 section 7)",
                                    Handling::kAttributeDiscard};

std::optional<NlriList> decode_family_nlri(Family family, Octets field, PathIds ids) {
  if (family == Family::kIpv4Unicast) {
    if (auto list = decode_nlri<Ipv4Address>(field, ids)) return NlriList{std::move(*list)};
  } else {
    if (auto list = decode_nlri<Ipv6Address>(field, ids)) return NlriList{std::move(*list)};
  }
  return std::nullopt;
}

// Which lengths a next hop may have (RFC 4760 for 4, RFC 2545 and RFC 8950 for 16 and 32).
bool length_known(Family family, std::size_t length) {
  return length == 16 || length == 32 || (length == 4 && family == Family::kIpv4Unicast);
}

// Sorts the addresses by what they are, not by where they stand: besides the global + link-local of
// RFC 2545 section 3, peers send a link-local alone, the same link-local twice, or :: in front of
// it. False if an address cannot be a next hop.
bool decode_next_hop_field(Octets field, NextHop& next_hop) {
  OctetReader in(field);
  if (field.size() == 4) {
    const Ipv4Address address = Ipv4Address::from_wire(in.take<4>());
    if (!can_be_next_hop(address)) return false;
    if (!address.is_unspecified()) next_hop.v4 = address;
    return true;
  }
  while (!in.empty()) {
    const Ipv6Address address = Ipv6Address::from_wire(in.take<16>());
    if (address.is_multicast() || address.is_loopback()) return false;
    if (address.is_unspecified()) continue;
    std::optional<Ipv6Address>& place =
        address.is_link_local() ? next_hop.link_local : next_hop.global;
    if (!place) place = address;
  }
  return true;
}

}  // namespace

Verdict decode_mp_reach(Octets value, UpdateDraft& draft) {
  if (value.size() < kMinReach) return {"shorter than 5 octets", {}};
  OctetReader in(value);
  const std::uint16_t afi = in.u16();
  const auto family = family_from_codes(afi, in.u8());
  if (!family) {
    draft.foreign_reach = true;
    return kFamilyNotCarried;
  }
  const std::size_t next_hop_length = in.u8();
  if (!length_known(*family, next_hop_length)) return {"next hop length", {}};
  if (next_hop_length + 1 > in.left()) return {"next hop runs over the end", {}};
  const Octets next_hop = in.take(next_hop_length);
  in.u8();  // reserved, ignored (RFC 4760 section 3)
  auto nlri = decode_family_nlri(*family, in.rest(), draft.context.path_ids_of(*family));
  if (!nlri) return {"syntactically incorrect NLRI", {}};

  Update::Reach reach{*family, {}, std::move(*nlri)};
  const bool usable = decode_next_hop_field(next_hop, reach.next_hop);
  // From here on the routes are known, so whatever is wrong costs no more than them.
  if (!in.empty()) draft.update.reach.push_back(std::move(reach));
  if (!usable) {
    return {"next hop is no host (RFC 4271 section 6.3)", Handling::kTreatAsWithdraw};
  }
  const std::vector<Family>& agreed = draft.context.extended_next_hop;
  if (*family == Family::kIpv4Unicast && next_hop_length != 4 &&
      std::find(agreed.begin(), agreed.end(), *family) == agreed.end()) {
    return {"IPv6 next hop was not agreed on (RFC 8950 section 4)", Handling::kTreatAsWithdraw};
  }
  return {};
}

Verdict decode_mp_unreach(Octets value, UpdateDraft& draft) {
  if (value.size() < kMinUnreach) return {"shorter than 3 octets", {}};
  OctetReader in(value);
  const std::uint16_t afi = in.u16();
  const auto family = family_from_codes(afi, in.u8());
  if (!family) return kFamilyNotCarried;
  if (in.empty()) {
    draft.empty_unreach = family;
    return {};
  }
  auto nlri = decode_family_nlri(*family, in.rest(), draft.context.path_ids_of(*family));
  if (!nlri) return {"syntactically incorrect NLRI", {}};
  draft.update.unreach.push_back({*family, std::move(*nlri)});
  return {};
}

void encode_mp_next_hop(const NextHop& next_hop, OctetWriter& out) {
  const bool both = next_hop.global && next_hop.link_local;
  out.u8(both ? 32 : 16);
  if (next_hop.global) out.octets(next_hop.global->bytes());
  if (next_hop.link_local) out.octets(next_hop.link_local->bytes());
  if (!next_hop.global && !next_hop.link_local) out.octets(Ipv6Address{}.bytes());
}

}  // namespace lastmile::bgp
