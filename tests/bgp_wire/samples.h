// One of each kind of message that we send, as a session would: for tshark, and as a corpus.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/bgp/wire/notification.h"
#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {

struct Sample {
  const char* name;
  Bytes octets;
};

inline Open sample_open() {
  Open open;
  open.asn = Asn{4200000001};
  open.hold_time_s = 9;
  open.identifier = Ipv4Address{10, 0, 1, 1};
  open.capabilities.multiprotocol = {Family::kIpv4Unicast, Family::kIpv6Unicast};
  open.capabilities.route_refresh = true;
  open.capabilities.extended_next_hop = {Family::kIpv4Unicast};
  open.capabilities.extended_message = true;
  open.capabilities.enhanced_route_refresh = true;
  open.capabilities.roles = {3};
  open.capabilities.graceful_restart = {false, true, 0, {}};
  open.capabilities.four_octet_asn = open.asn;
  open.capabilities.hostname = "bms1";
  open.capabilities.domain_name = "lab.example";
  return open;
}

inline PathAttributes sample_attributes() {
  PathAttributes a;
  a.as_path.segments = {{AsPath::SegmentType::kSequence, {Asn{64512}, Asn{4200000001}}},
                        {AsPath::SegmentType::kSet, {Asn{65010}, Asn{65011}}}};
  a.med = 100;
  a.atomic_aggregate = true;
  a.aggregator = Aggregator{Asn{64512}, Ipv4Address{10, 0, 1, 1}};
  a.communities = {{0xfc000001}, {0xffff0000}, {0xffffff01}};
  a.extended_communities = {{0x0002fc0000000001}, {0x4004fc0049742400}};  // route target, bandwidth
  a.large_communities = {{4200000001, 1, 2}};
  a.only_to_customer = Asn{4200000001};
  a.aigp = Aigp{1000, {}};
  return a;
}

inline std::vector<Sample> samples() {
  const NextHop v4{Ipv4Address{192, 0, 2, 1}, {}, {}};
  const NextHop link_local{{}, {}, Ipv6Address::parse("fe80::1")};
  const NextHop both{{}, Ipv6Address::parse("2001:db8::1"), Ipv6Address::parse("fe80::1")};
  // The default routes go alone: in a list, tshark takes the octet 0 for part of a path identifier.
  const NlriList v4_list =
      std::vector{nlri("10.0.1.1/32"), nlri("192.168.0.250/32"), nlri("10.128.0.0/9")};
  const NlriList v4_default = std::vector{nlri("0.0.0.0/0")};
  const NlriList v6_list =
      std::vector{nlri<Ipv6Address>("2001:db8:1::1/128"), nlri<Ipv6Address>("2001:db8:2::/47")};
  const NlriList v6_default = std::vector{nlri<Ipv6Address>("::/0")};
  CodecContext internal;
  internal.external_peer = false;
  internal.aigp = true;
  CodecContext old;
  old.four_octet_asn = false;

  const auto announce = [](Family family, const NextHop& hop, const NlriList& list,
                           const CodecContext& context) {
    Update update;
    update.attributes = sample_attributes();
    if (!context.external_peer) {
      update.attributes.local_preference = 100;
      update.attributes.originator_id = Ipv4Address{10, 0, 0, 1};
      update.attributes.cluster_list = {Ipv4Address{10, 0, 0, 2}, Ipv4Address{10, 0, 0, 3}};
    }
    update.reach.push_back({family, hop, list});
    return encode(update, context);
  };
  Update withdraw;
  withdraw.unreach = {{Family::kIpv4Unicast, v4_list}};
  Update withdraw_v6;
  withdraw_v6.unreach = {{Family::kIpv6Unicast, v6_list}};
  Update full;
  full.attributes = sample_attributes();
  std::vector<Nlri<Ipv4Address>> many;
  for (std::uint32_t i = 0; i < 2000; ++i) many.push_back({{Ipv4Address{i << 8}, 24}, 0});
  full.reach.push_back({Family::kIpv4Unicast, link_local, std::move(many)});

  return {
      {"open", encode(sample_open())},
      {"open-minimal", encode(Open{Asn{65001}, 0, Ipv4Address{1}, {}})},
      {"keepalive", encode(Keepalive{})},
      {"update-classic", announce(Family::kIpv4Unicast, v4, v4_list, {})},
      {"update-internal", announce(Family::kIpv4Unicast, v4, v4_list, internal)},
      {"update-v4-link-local", announce(Family::kIpv4Unicast, link_local, v4_list, {})},
      {"update-v4-both", announce(Family::kIpv4Unicast, both, v4_list, {})},
      {"update-v4-default", announce(Family::kIpv4Unicast, link_local, v4_default, {})},
      {"update-v6-default", announce(Family::kIpv6Unicast, both, v6_default, {})},
      {"update-v6-link-local", announce(Family::kIpv6Unicast, link_local, v6_list, {})},
      {"update-v6-both", announce(Family::kIpv6Unicast, both, v6_list, internal)},
      {"update-full", encode(full, {})},
      {"withdraw-v4", encode(withdraw, {})},
      {"withdraw-v6", encode(withdraw_v6, {})},
      {"end-of-rib-v4", encode_end_of_rib(Family::kIpv4Unicast)},
      {"end-of-rib-v6", encode_end_of_rib(Family::kIpv6Unicast)},
      {"route-refresh", encode(RouteRefresh{Family::kIpv6Unicast, 0})},
      {"notification-shutdown", encode(administrative_shutdown("back at 14:00 UTC"))},
      {"notification-bfd", encode(notification(CeaseReason::kBfdDown))},
      {"notification-version", encode(notification(OpenError::kUnsupportedVersion, {0, 4}))},
      {"notification-length", encode(notification(HeaderError::kBadMessageLength, {0xff, 0xff}))},
  };
}

/// What a peer without four-octet AS numbers gets; in a session of its own.
inline std::vector<Sample> two_octet_samples() {
  CodecContext old;
  old.four_octet_asn = false;
  Open open{Asn{65001}, 9, Ipv4Address{1}, {}};
  open.capabilities.multiprotocol = {Family::kIpv4Unicast};
  Update update;
  update.attributes = sample_attributes();
  update.attributes.aggregator->asn = Asn{4200000001};
  update.reach.push_back({Family::kIpv4Unicast,
                          {Ipv4Address{192, 0, 2, 1}, {}, {}},
                          std::vector{nlri("10.0.1.1/32")}});
  return {{"old-open", encode(open)}, {"old-update", encode(update, old)}};
}

}  // namespace lastmile::bgp::test
