// What a NIC is asked to do with some packets, as plain values: compared, printed and tested
// without a NIC. rte_rule.h makes DPDK's form of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile::offload {

// One header of the packet each, outermost first. Fields that are absent, and prefixes of
// length 0, match anything.

struct MatchEthernet {
  std::optional<MacAddress> source{};
  std::optional<MacAddress> destination{};
  std::optional<std::uint16_t> ether_type{};
};
struct MatchIpv4 {
  Ipv4Prefix source{};
  Ipv4Prefix destination{};
  std::optional<std::uint8_t> protocol{};
};
struct MatchIpv6 {
  Ipv6Prefix source{};
  Ipv6Prefix destination{};
  std::optional<std::uint8_t> next_header{};
};
struct MatchUdp {
  std::optional<std::uint16_t> source_port{};
  std::optional<std::uint16_t> destination_port{};
};
struct MatchTcp {
  std::optional<std::uint16_t> source_port{};
  std::optional<std::uint16_t> destination_port{};
};
struct MatchIcmpv6 {
  std::optional<std::uint8_t> type{};
};
using Match = std::variant<MatchEthernet, MatchIpv4, MatchIpv6, MatchUdp, MatchTcp, MatchIcmpv6>;

// What is done with a packet that matches, in this order.

struct SetSourceMac {
  MacAddress mac;
};
struct SetDestinationMac {
  MacAddress mac;
};
struct DecrementTtl {};
struct ToQueue {
  std::uint16_t queue = 0;
};
struct Drop {};
using Action = std::variant<SetSourceMac, SetDestinationMac, DecrementTtl, ToQueue, Drop>;

/// A rule for received packets.
struct Rule {
  std::vector<Match> pattern;
  std::vector<Action> actions;
  /// 0 is asked first. Many NICs know no other.
  std::uint32_t priority = 0;
};

/// Something that is wanted of the NIC. Drivers differ in how they want to be asked for the same
/// thing, so there are several ways to say it; the first that the driver takes is used.
struct Wish {
  std::string name;  ///< "bfd ipv6"
  std::vector<Rule> ways;
};

}  // namespace lastmile::offload
