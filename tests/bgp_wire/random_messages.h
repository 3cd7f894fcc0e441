// Random but valid UPDATEs, for round trips and as seeds of mutation.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {

class RandomMessages {
 public:
  explicit RandomMessages(std::uint32_t seed) : random_(seed) {}

  std::uint32_t word() { return static_cast<std::uint32_t>(random_()); }
  std::uint32_t below(std::uint32_t bound) { return word() % bound; }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  CodecContext context() {
    CodecContext context;
    context.four_octet_asn = !one_in(3);
    context.external_peer = !one_in(3);
    context.extended_message = one_in(4);
    context.extended_next_hop = {Family::kIpv4Unicast};
    context.aigp = one_in(2);
    // What is sent is read back in the same context.
    if (one_in(3)) context.path_ids.push_back(Family::kIpv4Unicast);
    if (one_in(3)) context.path_ids.push_back(Family::kIpv6Unicast);
    context.own_path_ids = context.path_ids;
    return context;
  }

  Update update(const CodecContext& context) {
    Update update;
    if (!one_in(4)) {
      update.attributes = attributes(context);
      if (context.aigp && one_in(2)) update.attributes.aigp = aigp();
      // The same next hop twice in one family would come back as two updates of one kind.
      if (!one_in(3)) {
        update.reach.push_back({Family::kIpv4Unicast, next_hop(Family::kIpv4Unicast), v4_list()});
      }
      if (update.reach.empty() || one_in(2)) {
        update.reach.push_back({Family::kIpv6Unicast, next_hop(Family::kIpv6Unicast), v6_list()});
      }
    }
    if (one_in(3)) update.unreach.push_back({Family::kIpv4Unicast, v4_list()});
    if (one_in(3)) update.unreach.push_back({Family::kIpv6Unicast, v6_list()});
    for (auto& reach : update.reach) number_paths(context, reach.family, reach.nlri);
    for (auto& unreach : update.unreach) number_paths(context, unreach.family, unreach.nlri);
    return update;
  }

 private:
  std::vector<Nlri<Ipv4Address>> v4_list() {
    std::vector<Nlri<Ipv4Address>> list(1 + below(one_in(10) ? 3000 : 20));
    for (auto& nlri : list) {
      nlri.prefix = Ipv4Prefix{Ipv4Address{word()}, below(33)};
    }
    return list;
  }
  std::vector<Nlri<Ipv6Address>> v6_list() {
    std::vector<Nlri<Ipv6Address>> list(1 + below(one_in(10) ? 1000 : 20));
    for (auto& nlri : list) nlri.prefix = Ipv6Prefix{v6_address(0x20), below(129)};
    return list;
  }
  void number_paths(const CodecContext& context, Family family, NlriList& list) {
    if (context.own_path_ids_of(family) == PathIds::kAbsent) return;
    std::visit(
        [&](auto& routes) {
          for (auto& nlri : routes) nlri.path_id = one_in(2) ? word() : below(4);
        },
        list);
  }
  Aigp aigp() {
    Aigp aigp{std::uint64_t{word()} << 32 | below(1000), {}};
    if (one_in(3)) aigp.other_tlvs = hex("07 0005 aabb 01 000b 0000000000000001");
    return aigp;
  }
  Ipv6Address v6_address(std::uint8_t first) {
    Ipv6Address::Bytes bytes;
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::uint8_t>(random_()); });
    bytes[0] = first;
    bytes[1] = 0x80;  // after fe: link-local
    return Ipv6Address{bytes};
  }
  NextHop next_hop(Family family) {
    NextHop hop;
    if (family == Family::kIpv4Unicast && one_in(2)) {
      if (!one_in(4)) hop.v4 = Ipv4Address{10, 1, 2, static_cast<std::uint8_t>(random_())};
      return hop;
    }
    const std::uint32_t form = below(3);
    if (form != 0) hop.global = v6_address(0x20);
    if (form != 1) hop.link_local = v6_address(0xfe);
    return hop;
  }

  // Rarely AS_TRANS itself, which a two-octet round trip would take for a stand-in.
  Asn asn() { return Asn{std::max<std::uint32_t>(one_in(3) ? word() : below(20000), 1)}; }
  AsPath path() {
    AsPath path;
    const std::uint32_t segments = below(3);
    for (std::uint32_t i = 0; i < segments; ++i) {
      AsPath::Segment segment;
      // Two sequences in a row would come back as one from a two-octet peer.
      segment.type = i % 2 == 0 ? AsPath::SegmentType::kSequence : AsPath::SegmentType::kSet;
      const std::uint32_t count = 1 + below(one_in(20) ? 254 : 8);
      for (std::uint32_t k = 0; k < count; ++k) segment.asns.push_back(asn());
      path.segments.push_back(std::move(segment));
    }
    return path;
  }

  template <class T, class Make>
  std::vector<T> set(Make make) {
    std::vector<T> list;
    for (std::uint32_t i = below(one_in(10) ? 100 : 6); i > 0; --i) list.push_back(make());
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
  }

  PathAttributes attributes(const CodecContext& context) {
    PathAttributes a;
    a.origin = static_cast<Origin>(below(3));
    a.as_path = path();
    if (one_in(2)) a.med = word();
    a.atomic_aggregate = one_in(3);
    if (one_in(3)) a.aggregator = Aggregator{asn(), Ipv4Address{below(1U << 31)}};
    a.communities = set<Community>([&] { return Community{below(100000)}; });
    a.extended_communities = set<ExtendedCommunity>(
        [&] { return ExtendedCommunity{std::uint64_t{word()} << 32 | word()}; });
    a.large_communities = set<LargeCommunity>([&] {
      return LargeCommunity{below(10), below(10), word()};
    });
    if (one_in(3)) a.only_to_customer = asn();
    if (a.only_to_customer) a.partial.only_to_customer = one_in(2);
    if (!a.communities.empty()) a.partial.communities = one_in(2);
    if (a.aggregator) a.partial.aggregator = one_in(2);
    if (!context.external_peer) {
      a.local_preference = word();
      if (one_in(2)) a.originator_id = Ipv4Address{word()};
      for (std::uint32_t i = below(4); i > 0; --i) a.cluster_list.emplace_back(below(1000));
    }
    std::uint8_t code = 40;
    for (std::uint32_t i = below(3); i > 0; --i) {
      code = static_cast<std::uint8_t>(code + 1 + below(60));
      a.unknown.push_back({0xe0, code, Bytes(below(one_in(5) ? 600 : 20), code)});
    }
    return a;
  }

  std::mt19937 random_;
};

}  // namespace lastmile::bgp::test
