// Is a trace right? The worker itself says so: whatever is traced is sent through its loop, too.

#include "dataplane/trace/flow_tracer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "dataplane/trace/traced_packet.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

const OwnAddresses kOwn{ip4("10.0.1.1"), ip6("2001:db8:1::1")};
const MacAddress kSpareMac{{0x02, 0, 0, 0, 1, 0x04}};

class Trace : public RouterTest {
 protected:
  /// What the worker does with a packet of the flow.
  struct Seen {
    std::optional<TraceEnd> end;
    std::optional<PortId> port;
    std::set<DropReason> drops;  ///< an error that tells the sender may be dropped, too
    bool told = false;           ///< the sender
    Bytes frame;
    std::size_t frames = 0;
  };

  TestDevice& device_of(std::optional<PortId> ingress) {
    if (!ingress) return devices_.host;
    return *ingress == kUp1 ? devices_.up1 : *ingress == kUp2 ? devices_.up2 : devices_.lan;
  }
  MacAddress station_of(std::optional<PortId> ingress) {
    return ingress ? tables_.ports.mac(*ingress) : kHostRouterMac;
  }

  Seen send(const TracedFlow& flow, std::optional<PortId> ingress) {
    const WorkerSnapshot before = counted();
    receive(device_of(ingress), traced_frame(flow, station_of(ingress)));
    const WorkerSnapshot after = counted();
    Seen seen;
    seen.told = after.icmp_errors != before.icmp_errors;
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      if (after.drops[i] != before.drops[i]) seen.drops.insert(static_cast<DropReason>(i));
    }
    if (!seen.drops.empty()) seen.end = TraceEnd::kDropped;
    struct Way {
      TestDevice& device;
      TraceEnd end;
      std::optional<PortId> port;
    };
    for (const Way& way :
         {Way{devices_.up1, TraceEnd::kSent, kUp1}, Way{devices_.up2, TraceEnd::kSent, kUp2},
          Way{devices_.lan, TraceEnd::kSent, kLan}, Way{devices_.up1_twin, TraceEnd::kTwin, kUp1},
          Way{devices_.up2_twin, TraceEnd::kTwin, kUp2},
          Way{devices_.lan_twin, TraceEnd::kTwin, kLan},
          Way{devices_.host, TraceEnd::kHost, std::nullopt}}) {
      const auto frames = way.device.take_sent();
      if (frames.empty() || seen.end) continue;
      seen.end = way.end;
      seen.port = way.port;
      seen.frame = frames.front();
      seen.frames = frames.size();
    }
    if (!seen.end && after.held_packets != before.held_packets) seen.end = TraceEnd::kWaits;
    return seen;
  }

  /// Traces, sends, compares.
  void expect_the_same(FlowTracer& tracer, const TracedFlow& flow, std::optional<PortId> ingress) {
    const FlowTrace trace = tracer.trace(flow, ingress);
    const Seen seen = send(flow, ingress);
    ASSERT_TRUE(seen.end.has_value());
    ASSERT_EQ(trace.end, *seen.end);
    ASSERT_EQ(trace.error.has_value(), seen.told);
    if (trace.end == TraceEnd::kDropped) {
      ASSERT_TRUE(trace.drop && seen.drops.contains(*trace.drop));
      ASSERT_TRUE(seen.told || seen.drops.size() == 1);
    }
    if (trace.end == TraceEnd::kSent || trace.end == TraceEnd::kTwin) {
      ASSERT_EQ(trace.port, seen.port);
    }
    if (seen.frame.empty()) return;
    ASSERT_TRUE(trace.frame.has_value());
    ASSERT_EQ(trace.frame->destination, destination_mac(seen.frame));
    ASSERT_EQ(trace.frame->source, source_mac(seen.frame));
    ASSERT_EQ(trace.frame->ethertype, ethertype_of(seen.frame));
    const std::size_t hops = ethertype_of(seen.frame) == 0x0800 ? 22 : 21;
    ASSERT_EQ(trace.frame->hops_spent, unsigned{flow.hops} - seen.frame[hops]);
    ASSERT_EQ(trace.packets, seen.frames);
  }

  /// Routes of every kind, to groups of every shape, some of whose next hops are dead.
  void fill_tables() {
    const NextHopId up1 = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
    const NextHopId up2 = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
    const NextHopId lan = next_hop(NextHopKind::kForward, kLan, kServerMac);
    const NextHopId spare = next_hop(NextHopKind::kForward, kLan, kSpareMac);
    const NextHopId dead = next_hop(NextHopKind::kForward, kUp2, kSpareMac);
    const NextHopId dead_too = next_hop(NextHopKind::kForward, kLan, kSpareMac);
    tables_.next_hops.set_down(dead, DownCause::kLink);
    tables_.next_hops.set_down(dead_too, DownCause::kRouting);
    std::vector<NextHopId> many{up1, up2, lan, spare, dead};
    for (int i = 0; i < 8; ++i) {
      many.push_back(next_hop(NextHopKind::kForward, i % 2 == 0 ? kUp1 : kLan, kSpareMac));
      if (i % 3 == 0) tables_.next_hops.set_down(many.back(), DownCause::kBfd);
    }
    const std::array<GroupId, 6> groups{
        group({up1, up2}),  group({up1, up2, lan}),      group(many),
        group({dead, lan}), group({dead}, {spare, lan}), group({dead}, {dead_too})};
    for (unsigned i = 0; i < groups.size(); ++i) {
      route(to_string(Ipv4Prefix{Ipv4Address{20, static_cast<std::uint8_t>(i), 0, 0}, 16}),
            groups[i]);
      Ipv6Address::Bytes bytes{0x20, 0x01, 0x0d, 0xb8, 0x20, static_cast<std::uint8_t>(i)};
      route(to_string(Ipv6Prefix{Ipv6Address{bytes}, 48}), groups[i]);
    }
    struct Rare {
      NextHopKind kind;
      PortId port;
    };
    const std::array rare{Rare{NextHopKind::kLocalHost, {}},    Rare{NextHopKind::kLocalPort, kLan},
                          Rare{NextHopKind::kBlackhole, {}},    Rare{NextHopKind::kUnreachable, {}},
                          Rare{NextHopKind::kUnresolved, kUp1}, Rare{NextHopKind::kGlean, kLan},
                          Rare{NextHopKind::kBroadcast, {}}};
    for (unsigned i = 0; i < rare.size(); ++i) {
      const NextHopId id = next_hop(rare[i].kind, rare[i].port);
      route(to_string(Ipv4Prefix{Ipv4Address{20, static_cast<std::uint8_t>(100 + i), 0, 0}, 16}),
            id);
      Ipv6Address::Bytes bytes{0x20, 0x01, 0x0d, 0xb8, 0x20, static_cast<std::uint8_t>(100 + i)};
      route(to_string(Ipv6Prefix{Ipv6Address{bytes}, 48}), id);
    }
    route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
    route("2001:db8:1::1/128", next_hop(NextHopKind::kLocalHost));
    route("192.168.0.0/16", lan);
    route("2001:db8:9900::/40", lan);
  }

  /// Mostly to a route, at times to none, or to and from what no packet may bear.
  TracedFlow random_flow(std::mt19937& random) {
    const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    constexpr std::array<std::uint8_t, 13> kThird{0,   1,   2,   3,   4,   5,  100,
                                                  101, 102, 103, 104, 105, 106};
    constexpr std::array<std::uint8_t, 8> kProtocols{17, 6, 1, 58, 132, 47, 17, 6};
    TracedFlow flow;
    const std::uint8_t third = kThird[below(kThird.size())];
    const unsigned odd = below(12);
    if (below(2) == 0) {
      flow.source = Ipv4Address{192, 168, byte(), byte()};
      flow.destination = Ipv4Address{20, third, byte(), byte()};
      if (odd == 0) flow.destination = Ipv4Address{static_cast<std::uint32_t>(random())};
      if (odd == 1) flow.source = Ipv4Address{static_cast<std::uint32_t>(random())};
      if (odd == 2) flow.destination = *kOwn.ipv4;
    } else {
      flow.source = Ipv6Address{{0x20, 0x01, 0x0d, 0xb8, 0x99, byte(), byte()}};
      flow.destination = Ipv6Address{{0x20, 0x01, 0x0d, 0xb8, 0x20, third, byte(), byte()}};
      if (odd == 0) flow.destination = Ipv6Address{{byte(), byte()}};
      if (odd == 1) flow.source = Ipv6Address{{0xfe, 0x80, byte()}};
      if (odd == 2) flow.destination = *kOwn.ipv6;
    }
    flow.protocol = kProtocols[below(kProtocols.size())];
    flow.source_port = static_cast<std::uint16_t>(random());
    flow.destination_port = static_cast<std::uint16_t>(random());
    if (below(4) == 0) {
      const bool ipv4 = std::holds_alternative<Ipv4Address>(flow.source);
      flow.length = (ipv4 ? kShortestTracedIpv4 : kShortestTracedIpv6) + below(1800);
      if (below(2) == 0) flow.cutting = Cutting::kForbidden;
    }
    if (below(8) == 0) flow.hops = static_cast<std::uint8_t>(below(3));
    return flow;
  }
};

TEST_F(Trace, SaysOfThousandsOfFlowsWhatTheWorkerDoes) {
  fill_tables();
  const std::array<std::optional<PortId>, 4> ingresses{std::nullopt, kUp1, kUp2, kLan};
  for (const TransitPolicy transit : {TransitPolicy::kAllow, TransitPolicy::kRefuse}) {
    set_admission(kLan, {.reverse_path = ReversePath::kLoose, .martians = Martians::kFull});
    restart(transit, kOwn);
    FlowTracer tracer{config_, tables_};
    std::mt19937 random{20261129};  // NOLINT: the same flows each time
    std::set<TraceEnd> ends;
    std::set<DropReason> reasons;
    for (int i = 0; i < 5000; ++i) {
      SCOPED_TRACE(i);
      const TracedFlow flow = random_flow(random);
      const std::optional<PortId> ingress = ingresses[random() % ingresses.size()];
      const FlowTrace trace = tracer.trace(flow, ingress);
      ends.insert(trace.end);
      if (trace.drop) reasons.insert(*trace.drop);
      ASSERT_NO_FATAL_FAILURE(expect_the_same(tracer, flow, ingress));
      // So that no class is policed, and no wait is full.
      advance(std::chrono::milliseconds{50});
      if (trace.end == TraceEnd::kWaits) restart(transit, kOwn);
    }
    EXPECT_EQ(ends.size(), 5U) << "not every end was met";
    EXPECT_GE(reasons.size(), 8U) << "few reasons were met";
    EXPECT_EQ(reasons.contains(DropReason::kTransitRefused), transit == TransitPolicy::kRefuse);
  }
}

TEST_F(Trace, ExplainsTheChoice) {
  const NextHopId up1 = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
  const NextHopId up2 = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
  const NextHopId spare = next_hop(NextHopKind::kForward, kLan, kServerMac);
  const GroupId both = group({up1, up2}, {spare});
  route("10.0.2.2/32", both);
  FlowTracer tracer{config_, tables_};
  TracedFlow flow{.source = ip4("10.0.1.1"), .destination = ip4("10.0.2.2")};
  std::set<NextHopId> chosen;
  for (; flow.source_port < 100; ++flow.source_port) {
    const FlowTrace trace = tracer.trace(flow, std::nullopt);
    ASSERT_TRUE(trace.choice && trace.choice->hash);
    EXPECT_EQ(trace.choice->group, both);
    EXPECT_EQ(trace.choice->buckets, 2U);
    EXPECT_EQ(trace.choice->bucket, *trace.choice->hash % 2);
    EXPECT_EQ(trace.choice->owner, trace.choice->chosen);
    ASSERT_EQ(trace.choice->hops.size(), 3U);
    EXPECT_EQ(trace.choice->hops[0].buckets, 1U);
    EXPECT_EQ(trace.choice->hops[2].role, TracedHop::Role::kBackup);
    EXPECT_EQ(trace.choice->hops[2].buckets, 0U);
    chosen.insert(trace.choice->chosen);
  }
  EXPECT_EQ(chosen, (std::set{up1, up2}));

  tables_.next_hops.set_down(up1, DownCause::kBfd);
  for (flow.source_port = 0; flow.source_port < 100; ++flow.source_port) {
    const FlowTrace trace = tracer.trace(flow, std::nullopt);
    EXPECT_EQ(trace.choice->chosen, up2);
    EXPECT_EQ(trace.choice->hops[0].down, static_cast<std::uint8_t>(DownCause::kBfd));
    EXPECT_EQ(trace.port, kUp2);
  }
  tables_.next_hops.set_down(up2, DownCause::kLink);
  EXPECT_EQ(tracer.trace(flow, std::nullopt).choice->chosen, spare);
  tables_.next_hops.set_down(spare, DownCause::kRouting);
  const FlowTrace trace = tracer.trace(flow, std::nullopt);
  EXPECT_EQ(trace.choice->chosen, kNoLiveNextHop);
  EXPECT_EQ(trace.drop, DropReason::kNoneAlive);
}

TEST_F(Trace, SaysWhatBecomesOfLongPacketsAndOfThoseThatExpire) {
  restart(TransitPolicy::kAllow, kOwn);
  route("10.0.2.2/32", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  route("2001:db8:2::/48", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  FlowTracer tracer{config_, tables_};
  TracedFlow flow{.source = ip4("192.168.1.1"), .destination = ip4("10.0.2.2")};
  const auto ask = [&] { return tracer.trace(flow, kLan); };
  flow.length = 1500;
  EXPECT_EQ(ask().packets, 1U);
  flow.length = 1501;
  EXPECT_EQ(ask().packets, 2U);
  flow.length = kLongestTraced;
  EXPECT_EQ(ask().packets, 7U);
  EXPECT_EQ(ask().frame->hops_spent, 1U);
  flow.cutting = Cutting::kForbidden;
  EXPECT_EQ(ask().drop, DropReason::kFragmentationNeeded);
  ASSERT_TRUE(ask().error);
  EXPECT_EQ(ask().error->type, 3);
  EXPECT_EQ(ask().error->code, 4);
  EXPECT_EQ(ask().error->mtu, 1500U);
  flow.hops = 1;
  EXPECT_EQ(ask().drop, DropReason::kTtlExpired) << "comes first";
  EXPECT_EQ(ask().error->type, 11);
  EXPECT_EQ(ask().error->mtu, std::nullopt);
  flow.length = 0;
  flow.hops = 2;
  EXPECT_EQ(ask().end, TraceEnd::kSent);
  flow.hops = 0;
  EXPECT_EQ(tracer.trace(flow, std::nullopt).drop, DropReason::kTtlExpired);
  flow.hops = 1;
  EXPECT_EQ(tracer.trace(flow, std::nullopt).end, TraceEnd::kSent) << "no hop away";

  flow = {.source = ip6("2001:db8:99::1"), .destination = ip6("2001:db8:2::1")};
  flow.length = 1500;
  EXPECT_EQ(ask().end, TraceEnd::kSent);
  flow.length = 1501;
  EXPECT_EQ(ask().drop, DropReason::kFragmentationNeeded);
  EXPECT_EQ(ask().error->type, 2);
  EXPECT_EQ(ask().error->mtu, 1500U);
}

TEST_F(Trace, LeavesNoMark) {
  fill_tables();
  restart(TransitPolicy::kRefuse, kOwn);
  FlowTracer tracer{config_, tables_};
  std::mt19937 random{7};  // NOLINT: the same flows each time
  const WorkerSnapshot before = counted();
  for (int i = 0; i < 500; ++i) static_cast<void>(tracer.trace(random_flow(random), kLan));
  run();
  EXPECT_EQ(counted().packets, before.packets);
  EXPECT_EQ(counted().total_drops(), before.total_drops());
  EXPECT_TRUE(take_events().empty());
  expect_silence();
}

TEST_F(Trace, SeesVlanTags) {
  route("10.0.2.2/32", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  config_.ports[0].vlan = VlanTags{VlanProtocol::kService, VlanId{100}, VlanId{7}};
  FlowTracer tracer{config_, tables_};
  const FlowTrace trace =
      tracer.trace({.source = ip4("10.0.1.1"), .destination = ip4("10.0.2.2")}, std::nullopt);
  ASSERT_TRUE(trace.frame.has_value());
  EXPECT_EQ(trace.frame->tags, (std::vector<TracedTag>{{VlanProtocol::kService, VlanId{100}},
                                                       {VlanProtocol::kCustomer, VlanId{7}}}));
  EXPECT_EQ(trace.frame->ethertype, 0x0800);
  EXPECT_EQ(trace.frame->hops_spent, 0U);
  EXPECT_EQ(trace.mtu, 1500U);
}

TEST_F(Trace, TakesOneReadersPlaceAndGivesItBack) {
  for (int i = 0; i < 10; ++i) {
    const FlowTracer tracer{config_, tables_};
    // It waits for nobody, and nobody waits for it.
    const RcuToken token = tables_.rcu.start();
    reader_.quiescent();
    EXPECT_TRUE(tables_.rcu.check(token));
  }
}

}  // namespace
}  // namespace lastmile::test
