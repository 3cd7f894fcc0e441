// A client, a writer and small tables, for tests that drive both sides by hand.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/forwarding/tables.h"
#include "dataplane/update/fib_channel.h"
#include "dataplane/update/fib_client.h"
#include "dataplane/update/fib_writer.h"

namespace lastmile {

/// Fewer identifiers than a test uses, so that they come back soon.
inline constexpr ForwardingLimits kSmallLimits{
    .readers = 4,
    .next_hops = 16,
    .groups = 16,
    .ipv4 = {.max_routes = 64, .second_level_groups = 4},
    .ipv6 = {.max_routes = 64, .second_level_groups = 64},
};

inline constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 0x01}};

class UpdateTest : public testing::Test {
 protected:
  explicit UpdateTest(std::size_t queue_size = 64, const ForwardingLimits& limits = kSmallLimits)
      : tables(limits),
        channel(queue_size, limits.groups),
        client(tables, channel),
        writer(tables, channel) {
    for (std::uint16_t port = 0; port < 4; ++port) tables.ports.set(PortId{port}, {.mac = kOurMac});
  }

  static Ipv4Prefix v4(const char* text) { return *Ipv4Prefix::parse(text); }
  static Ipv6Prefix v6(const char* text) { return *Ipv6Prefix::parse(text); }
  static MacAddress mac(std::uint8_t last) { return MacAddress{{0x02, 0, 0, 0, 1, last}}; }

  NextHopId next_hop(std::uint8_t last) {
    return client
        .add_next_hop({.kind = NextHopKind::kForward, .port = PortId{1}, .destination = mac(last)})
        .value();
  }
  GroupId group(std::vector<NextHopId> members, std::vector<NextHopId> backups = {}) {
    GroupSpec spec;
    for (const NextHopId id : members) spec.primaries.push_back({id, 1});
    spec.backups = std::move(backups);
    return client.acquire_group(spec).value();
  }
  /// Runs both sides until nothing is under way (grace periods excepted).
  void settle() {
    do client.poll();
    while (writer.run_once() != 0 || client.queue_status().depth != 0);
    client.poll();
  }
  [[nodiscard]] NextHop forwards(const char* address, std::uint32_t hash = 0) const {
    const GroupId id = tables.ipv4.lookup(*Ipv4Address::parse(address));
    return tables.next_hops.load(tables.groups.select(id, hash, tables.next_hops));
  }

  ForwardingTables tables;
  FibChannel channel;
  FibClient client;
  FibWriter writer;
};

}  // namespace lastmile
