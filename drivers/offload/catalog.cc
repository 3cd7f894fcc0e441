#include "drivers/offload/catalog.h"

#include <fmt/format.h>

#include "dataplane/bfd/wire.h"
#include "dataplane/net/format.h"
#include "dataplane/net/headers.h"

namespace lastmile::offload {
namespace {

// Most NICs know no other priority than 0.
constexpr std::uint32_t kLastPriority = 1;

enum class Side : std::uint8_t { kSource, kDestination };

/// Protocols that run over UDP or TCP, over both address families.
struct Service {
  std::string_view name;
  std::uint8_t protocol;
  Side side;
  std::uint16_t port;
};
constexpr std::array kServices{
    Service{"bfd", protocol::kUdp, Side::kDestination, bfd::kControlPort},
    Service{"bfd-echo", protocol::kUdp, Side::kDestination, bfd::kEchoPort},
    Service{"bfd-multihop", protocol::kUdp, Side::kDestination, bfd::kMultihopPort},
    // Connections that they open, and ours.
    Service{"bgp", protocol::kTcp, Side::kDestination, protocol::kBgpPort},
    Service{"bgp-reply", protocol::kTcp, Side::kSource, protocol::kBgpPort},
};

/// Neighbor discovery (RFC 4861 section 4): types of ICMPv6.
struct DiscoveryMessage {
  std::string_view name;
  std::uint8_t type;
};
constexpr std::array kDiscovery{
    DiscoveryMessage{"router-solicitation", 133},
    DiscoveryMessage{"router-advertisement", 134},
    DiscoveryMessage{"neighbor-solicitation", 135},
    DiscoveryMessage{"neighbor-advertisement", 136},
};

Match port_match(std::uint8_t protocol, std::optional<std::uint16_t> source,
                 std::optional<std::uint16_t> destination) {
  if (protocol == lastmile::protocol::kTcp) return MatchTcp{source, destination};
  return MatchUdp{source, destination};
}

Match port_match(const Service& service) {
  return service.side == Side::kSource ? port_match(service.protocol, service.port, {})
                                       : port_match(service.protocol, {}, service.port);
}

/// The protocol follows from the UDP or TCP header that stands behind; Intel's older NICs want it
/// said, others refuse what they are told twice.
Wish over_ipv4(const Service& service, std::uint16_t queue) {
  const auto rule = [&](const MatchIpv4& ip) {
    return Rule{{MatchEthernet{}, ip, port_match(service)}, {ToQueue{queue}}};
  };
  return {fmt::format("{} ipv4", service.name),
          {rule(MatchIpv4{}), rule(MatchIpv4{.protocol = service.protocol})}};
}

Wish over_ipv6(const Service& service, std::uint16_t queue) {
  const auto rule = [&](const MatchIpv6& ip) {
    return Rule{{MatchEthernet{}, ip, port_match(service)}, {ToQueue{queue}}};
  };
  return {fmt::format("{} ipv6", service.name),
          {rule(MatchIpv6{}), rule(MatchIpv6{.next_header = service.protocol})}};
}

/// Few drivers know ICMPv6's types. Where they don't, all of ICMPv6 takes the priority queue; once
/// that rule stands for the first message, it serves the others as well.
Wish discovery(const DiscoveryMessage& message, std::uint16_t queue) {
  return {std::string{message.name},
          {Rule{{MatchEthernet{}, MatchIpv6{}, MatchIcmpv6{message.type}}, {ToQueue{queue}}},
           Rule{{MatchEthernet{}, MatchIpv6{.next_header = protocol::kIcmpv6}}, {ToQueue{queue}}}}};
}

template <class Prefix>
Prefix prefix_of(const std::optional<IpPrefix>& prefix) {
  return prefix ? std::get<Prefix>(*prefix) : Prefix{};
}

bool is_ipv6(const DropMatch& match) {
  const auto& known = match.destination ? match.destination : match.source;
  return known && std::holds_alternative<Ipv6Prefix>(*known);
}

/// Exactly this address.
Match host_match(const IpAddress& address) {
  if (const auto* v4 = std::get_if<Ipv4Address>(&address)) {
    return MatchIpv4{.destination = Ipv4Prefix{*v4, 32}};
  }
  return MatchIpv6{.destination = Ipv6Prefix{std::get<Ipv6Address>(address), 128}};
}

}  // namespace

std::vector<Wish> steering(std::uint16_t queue) {
  std::vector<Wish> wishes;
  for (const Service& service : kServices) {
    wishes.push_back(over_ipv4(service, queue));
    wishes.push_back(over_ipv6(service, queue));
  }
  for (const DiscoveryMessage& message : kDiscovery) {
    wishes.push_back(discovery(message, queue));
  }
  wishes.push_back(
      {"arp", {Rule{{MatchEthernet{.ether_type = ethernet::kArp}}, {ToQueue{queue}}}}});
  return wishes;
}

Wish the_rest() {
  return {"the rest", {Rule{{MatchEthernet{}}, {ToQueue{0}}, kLastPriority}}};
}

std::vector<Wish> reflection(const std::vector<EchoPeer>& peers,
                             const std::vector<IpAddress>& own_addresses,
                             std::uint16_t hairpin_queue, std::uint16_t priority_queue) {
  // Ours before theirs: in both the neighbor's MAC address is the source.
  constexpr std::uint32_t kOurs = 0;
  constexpr std::uint32_t kTheirs = 1;
  const MatchUdp echo{.destination_port = bfd::kEchoPort};
  std::vector<Wish> wishes;
  for (const IpAddress& address : own_addresses) {
    wishes.push_back(
        {fmt::format("own echo to {}", address),
         {Rule{{MatchEthernet{}, host_match(address), echo}, {ToQueue{priority_queue}}, kOurs}}});
  }
  for (const EchoPeer& peer : peers) {
    const MatchEthernet frame{.source = peer.peers, .destination = peer.ours};
    const auto rule = [&](const Match& ip) {
      return Rule{{frame, ip, echo},
                  {SetSourceMac{peer.ours}, SetDestinationMac{peer.peers}, DecrementTtl{},
                   ToQueue{hairpin_queue}},
                  kTheirs};
    };
    wishes.push_back({fmt::format("echo of {} ipv4", peer.peers), {rule(MatchIpv4{})}});
    wishes.push_back({fmt::format("echo of {} ipv6", peer.peers), {rule(MatchIpv6{})}});
  }
  return wishes;
}

Wish drop(const DropMatch& match) {
  std::vector<Match> pattern{MatchEthernet{}};
  std::string name = "drop";
  if (match.source) name += fmt::format(" from {}", *match.source);
  if (match.destination) name += fmt::format(" to {}", *match.destination);
  if (match.protocol) name += fmt::format(" protocol {}", *match.protocol);
  if (is_ipv6(match)) {
    pattern.emplace_back(MatchIpv6{prefix_of<Ipv6Prefix>(match.source),
                                   prefix_of<Ipv6Prefix>(match.destination), match.protocol});
  } else {
    pattern.emplace_back(MatchIpv4{prefix_of<Ipv4Prefix>(match.source),
                                   prefix_of<Ipv4Prefix>(match.destination), match.protocol});
  }
  if (match.protocol && (match.source_port || match.destination_port)) {
    pattern.push_back(port_match(*match.protocol, match.source_port, match.destination_port));
    if (match.source_port) name += fmt::format(" from port {}", *match.source_port);
    if (match.destination_port) name += fmt::format(" to port {}", *match.destination_port);
  }
  return {std::move(name), {Rule{std::move(pattern), {Drop{}}, 0}}};
}

DropMatch drop_probe() {
  return {.source = *parse_ip_prefix("192.0.2.1/32"),
          .destination = *parse_ip_prefix("198.51.100.1/32"),
          .protocol = protocol::kUdp,
          .source_port = 53,
          .destination_port = 53};
}

}  // namespace lastmile::offload
