// Client and writer together, on one thread: what the control plane asks for is what workers find.
#include <poll.h>

#include <chrono>
#include <set>
#include <thread>

#include "dataplane/forwarding/group_layout.h"
#include "tests/update/update_test_support.h"

namespace lastmile {
namespace {

class FibUpdate : public UpdateTest {};

TEST_F(FibUpdate, ARouteForwards) {
  const NextHopId hop = next_hop(7);
  const FibSequence sequence = client.set_route(v4("10.0.0.0/8"), group({hop}));
  EXPECT_EQ(client.submitted(), sequence);
  EXPECT_EQ(client.applied(), 0U);
  EXPECT_EQ(forwards("10.1.2.3").kind(), NextHopKind::kUnreachable);
  settle();
  EXPECT_EQ(client.applied(), sequence);
  EXPECT_EQ(forwards("10.1.2.3").kind(), NextHopKind::kForward);
  EXPECT_EQ(forwards("10.1.2.3").destination(), mac(7));
  EXPECT_EQ(forwards("10.1.2.3").source(), kOurMac);
  EXPECT_EQ(forwards("10.1.2.3").port(), PortId{1});
  EXPECT_EQ(forwards("11.1.2.3").kind(), NextHopKind::kUnreachable);
}

TEST_F(FibUpdate, BothFamilies) {
  const GroupId id = group({next_hop(7)});
  client.set_route(v6("2001:db8::/32"), id);
  client.set_route(v4("0.0.0.0/0"), id);
  settle();
  EXPECT_EQ(tables.ipv6.lookup(*Ipv6Address::parse("2001:db8::1")), id);
  EXPECT_EQ(tables.ipv4.lookup(*Ipv4Address::parse("8.8.8.8")), id);
  client.remove_route(v6("2001:db8::/32"));
  client.remove_route(v4("0.0.0.0/0"));
  settle();
  EXPECT_EQ(tables.ipv6.lookup(*Ipv6Address::parse("2001:db8::1")), kNoGroup);
  EXPECT_EQ(tables.ipv4.lookup(*Ipv4Address::parse("8.8.8.8")), kNoGroup);
}

TEST_F(FibUpdate, OperationsApplyInOrder) {
  const GroupId first = group({next_hop(1)});
  const GroupId second = group({next_hop(2)});
  client.set_route(v4("10.0.0.0/8"), first);
  client.remove_route(v4("10.0.0.0/8"));
  client.set_route(v4("10.0.0.0/8"), second);
  settle();
  EXPECT_EQ(forwards("10.0.0.1").destination(), mac(2));
  EXPECT_EQ(writer.stats().operations, 7U);
  EXPECT_EQ(writer.stats().batches, 1U);
  EXPECT_EQ(writer.stats().largest_batch, 7U);
  EXPECT_GT(writer.stats().worst_operation_tsc, 0U);
}

TEST_F(FibUpdate, UpdatesANextHopInPlace) {
  const NextHopId hop =
      client.add_next_hop({.kind = NextHopKind::kUnresolved, .port = PortId{2}, .destination = {}})
          .value();
  client.set_route(v4("10.0.0.0/8"), group({hop}));
  settle();
  EXPECT_EQ(forwards("10.0.0.1").kind(), NextHopKind::kUnresolved);
  client.update_next_hop(hop,
                         {.kind = NextHopKind::kForward, .port = PortId{2}, .destination = mac(9)});
  settle();
  EXPECT_EQ(forwards("10.0.0.1").kind(), NextHopKind::kForward);
  EXPECT_EQ(forwards("10.0.0.1").destination(), mac(9));
}

TEST_F(FibUpdate, LivenessIsAtOnceAndDoesNotQueue) {
  const NextHopId up1 = next_hop(1);
  const NextHopId up2 = next_hop(2);
  client.set_route(v4("0.0.0.0/0"), group({up1, up2}));
  settle();
  client.set_down(up1, DownCause::kLink);
  EXPECT_FALSE(client.is_alive(up1));
  for (std::uint32_t hash = 0; hash < 64; ++hash) {
    EXPECT_EQ(forwards("8.8.8.8", hash).destination(), mac(2));
  }
  client.clear_down(up1, DownCause::kLink);
  EXPECT_TRUE(client.is_alive(up1));
  EXPECT_EQ(client.queue_status().depth, 0U);
}

TEST_F(FibUpdate, LivenessBeforeTheWriterHasSeenTheNextHopHolds) {
  const NextHopId hop = next_hop(1);
  client.set_down(hop, DownCause::kLink);
  client.set_route(v4("0.0.0.0/0"), group({hop}));
  settle();
  EXPECT_EQ(forwards("8.8.8.8").kind(), NextHopKind::kUnreachable);
}

// ---- groups

TEST_F(FibUpdate, EqualSetsShareAGroup) {
  const NextHopId a = next_hop(1);
  const NextHopId b = next_hop(2);
  const GroupId first = group({a, b});
  EXPECT_EQ(group({a, b}), first);
  EXPECT_NE(group({a}), first);
  EXPECT_NE(group({a}, {b}), group({a})) << "a backup makes another set";
  EXPECT_NE(client.acquire_group({.primaries = {{a, 1}, {b, 2}}, .backups = {}}).value(), first);
}

TEST_F(FibUpdate, AGroupLivesAsLongAsSomebodyHoldsIt) {
  const NextHopId a = next_hop(1);
  const GroupId id = group({a});
  group({a});                // two
  client.add_reference(id);  // three
  client.release_group(id);
  client.release_group(id);
  settle();
  EXPECT_FALSE(tables.groups.view(id).buckets.empty());
  client.release_group(id);
  settle();
  writer.run_once();
  EXPECT_TRUE(tables.groups.view(id).buckets.empty());
}

TEST_F(FibUpdate, RefusesBadGroups) {
  const NextHopId a = next_hop(1);
  const NextHopId b = next_hop(2);
  const auto refused = [&](const GroupSpec& spec) {
    const auto result = client.acquire_group(spec);
    return !result && result.error() == FibError::kBadGroup;
  };
  EXPECT_TRUE(refused({})) << "empty";
  EXPECT_TRUE(refused({.primaries = {}, .backups = {a}})) << "no primary";
  EXPECT_TRUE(refused({.primaries = {{b, 1}, {a, 1}}, .backups = {}})) << "not sorted";
  EXPECT_TRUE(refused({.primaries = {{a, 1}, {a, 1}}, .backups = {}})) << "twice";
  EXPECT_TRUE(refused({.primaries = {{a, 0}}, .backups = {}})) << "weight 0";
  EXPECT_TRUE(refused({.primaries = {{NextHopId{9}, 1}}, .backups = {}})) << "unknown";
  EXPECT_TRUE(refused({.primaries = {{NextHopId{999}, 1}}, .backups = {}})) << "out of range";
  EXPECT_TRUE(refused({.primaries = {{kNoLiveNextHop, 1}}, .backups = {}})) << "reserved";
  EXPECT_TRUE(refused({.primaries = {{a, 1}}, .backups = {NextHopId{9}}})) << "unknown backup";
}

TEST_F(FibUpdate, RunsOutOfIdentifiersWithAnError) {
  std::vector<NextHopId> hops;
  for (unsigned i = 1; i < kSmallLimits.next_hops; ++i) hops.push_back(next_hop(1));
  const auto more = client.add_next_hop({});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error(), FibError::kTooManyNextHops);

  for (const NextHopId id : hops) group({id});
  const auto another =
      client.acquire_group({.primaries = {{hops[0], 1}, {hops[1], 1}}, .backups = {}});
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error(), FibError::kTooManyGroups);
}

TEST_F(FibUpdate, AChangedSetKeepsFlowsWithoutBeingTold) {
  const NextHopId a = next_hop(1);
  const NextHopId b = next_hop(2);
  const NextHopId c = next_hop(3);
  const GroupId three = group({a, b, c});
  const GroupId two = group({a, c});
  settle();
  unsigned moved = 0;
  for (std::uint32_t hash = 0; hash < kMaxBuckets; ++hash) {
    const NextHopId before = tables.groups.select(three, hash, tables.next_hops);
    const NextHopId after = tables.groups.select(two, hash, tables.next_hops);
    if (before == b) ++moved;
    if (before != b) {
      ASSERT_EQ(after, before);
    }
  }
  EXPECT_NEAR(moved, kMaxBuckets / 3.0, 2.0);
}

// ---- identifiers come back after a grace period only

TEST_F(FibUpdate, GroupIdentifiersAreReusedAfterAGracePeriodOnly) {
  RcuReader reader{tables.rcu};
  reader.online();
  const NextHopId hop = next_hop(1);
  std::vector<GroupId> groups;
  GroupId id = group({hop});
  client.set_route(v4("10.0.0.0/8"), id);
  settle();
  client.remove_route(v4("10.0.0.0/8"));
  client.release_group(id);
  settle();
  EXPECT_EQ(writer.stats().waiting_for_readers, 1U);
  EXPECT_FALSE(tables.groups.view(id).buckets.empty()) << "a reader may still be in it";

  // Use up all the others: the resting one must not come back.
  std::set<GroupId> others;
  for (unsigned i = 2; i < kSmallLimits.groups; ++i) {
    const auto other =
        client.acquire_group({.primaries = {{hop, static_cast<std::uint16_t>(i)}}, .backups = {}});
    ASSERT_TRUE(other.has_value());
    others.insert(*other);
  }
  settle();
  EXPECT_FALSE(others.contains(id));
  EXPECT_FALSE(client.acquire_group({.primaries = {{hop, 999}}, .backups = {}}).has_value());

  reader.quiescent();
  settle();
  EXPECT_EQ(writer.stats().waiting_for_readers, 0U);
  EXPECT_EQ(client.acquire_group({.primaries = {{hop, 999}}, .backups = {}}).value(), id);
  reader.offline();
}

TEST_F(FibUpdate, SecondLevelGroupsComeBackWhileNothingElseHappens) {
  RcuReader reader{tables.rcu};
  reader.online();
  client.set_route(v4("192.0.2.0/25"), group({next_hop(1)}));
  client.remove_route(v4("192.0.2.0/25"));
  settle();
  ASSERT_EQ(tables.ipv4.stats().second_level_waiting, 1U);
  writer.start();
  // The writer has nothing to do; it must find out by itself that the reader has passed.
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  client.poll();
  reader.offline();
  pollfd progress{.fd = channel.event_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&progress, 1, 10000), 1) << "the client was not told";
  EXPECT_EQ(tables.ipv4.stats().second_level_waiting, 0U);
  writer.stop();
}

TEST_F(FibUpdate, NextHopIdentifiersAreReusedAfterAGracePeriodOnly) {
  RcuReader reader{tables.rcu};
  reader.online();
  const NextHopId first = next_hop(1);
  client.set_down(first, DownCause::kRouting);
  client.release_next_hop(first);
  settle();
  for (unsigned i = 2; i < kSmallLimits.next_hops; ++i) EXPECT_NE(next_hop(1), first);
  EXPECT_FALSE(client.add_next_hop({}).has_value());
  settle();
  reader.quiescent();
  settle();
  const auto again = client.add_next_hop({});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, first);
  EXPECT_TRUE(client.is_alive(first)) << "old causes are forgotten";
  reader.offline();
}

TEST_F(FibUpdate, ANextHopOutlivesItsOwnerWhileAGroupHoldsIt) {
  const NextHopId hop = next_hop(1);
  const GroupId id = group({hop});
  client.set_route(v4("10.0.0.0/8"), id);
  client.release_next_hop(hop);
  settle();
  EXPECT_EQ(forwards("10.0.0.1").destination(), mac(1));
  EXPECT_FALSE(client.acquire_group({.primaries = {{hop, 2}}, .backups = {}}).has_value())
      << "no new group may hold it";
  client.remove_route(v4("10.0.0.0/8"));
  client.release_group(id);
  settle();
  settle();
  std::set<NextHopId> all;
  for (unsigned i = 1; i < kSmallLimits.next_hops; ++i) all.insert(next_hop(2));
  EXPECT_TRUE(all.contains(hop));
}

// The client promises to hold a group as long as a route uses it. If it doesn't, the route must
// still not be left with a group that is gone.
TEST_F(FibUpdate, AGroupOutlivesItsHoldersWhileARouteUsesIt) {
  const NextHopId hop = next_hop(1);
  const GroupId id = group({hop});
  client.set_route(v4("10.0.0.0/8"), id);
  client.release_group(id);
  settle();
  settle();
  EXPECT_EQ(forwards("10.0.0.1").destination(), mac(1));
  client.remove_route(v4("10.0.0.0/8"));
  settle();
  settle();
  EXPECT_TRUE(tables.groups.view(id).buckets.empty());
}

// ---- failures

TEST_F(FibUpdate, ReportsWhatDidNotFitAndKeepsTheRest) {
  const GroupId id = group({next_hop(1)});
  for (unsigned i = 0; i < 4; ++i) {  // one second-level group each
    client.set_route(Ipv4Prefix{Ipv4Address{10, 0, static_cast<std::uint8_t>(i), 1}, 32}, id);
  }
  const FibSequence failing = client.set_route(v4("10.0.9.1/32"), id);
  client.set_route(v4("10.0.0.0/8"), id);
  settle();
  const std::vector<FibFailure> failures = client.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].sequence, failing);
  EXPECT_EQ(failures[0].prefix, IpPrefix{v4("10.0.9.1/32")});
  EXPECT_EQ(failures[0].error, FibError::kOutOfSecondLevel);
  EXPECT_TRUE(client.take_failures().empty()) << "told once";
  EXPECT_EQ(client.applied(), client.submitted()) << "a failure doesn't stop the stream";
  EXPECT_EQ(writer.stats().failures, 1U);
  EXPECT_EQ(forwards("10.0.3.1").destination(), mac(1));
  EXPECT_EQ(forwards("10.0.9.1").destination(), mac(1)) << "by the /8";
}

TEST_F(FibUpdate, ReportsTooManyRoutes) {
  const GroupId id = group({next_hop(1)});
  for (unsigned i = 0; i <= kSmallLimits.ipv4.max_routes; ++i) {
    client.set_route(Ipv4Prefix{Ipv4Address{i << 16}, 16}, id);
  }
  settle();
  const auto failures = client.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].error, FibError::kTooManyRoutes);
}

// ---- waking

bool readable(int fd) {
  pollfd descriptor{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&descriptor, 1, 0) == 1;
}

TEST_F(FibUpdate, TheClientIsWokenByProgress) {
  EXPECT_FALSE(readable(channel.event_fd()));
  client.set_route(v4("10.0.0.0/8"), group({next_hop(1)}));
  client.poll();
  EXPECT_FALSE(readable(channel.event_fd()));
  writer.run_once();
  EXPECT_TRUE(readable(channel.event_fd()));
  client.poll();
  EXPECT_FALSE(readable(channel.event_fd()));
}

TEST_F(FibUpdate, WhatIsAppliedWithoutAPollRingsAndIsSeenAtTheNext) {
  client.set_route(v4("10.0.0.0/8"), group({next_hop(1)}));
  client.poll();
  writer.run_once();
  EXPECT_EQ(client.applied(), 0U) << "who takes this for an answer would hear of it by no bell";
  EXPECT_TRUE(readable(channel.event_fd()));
  client.poll();
  EXPECT_EQ(client.applied(), client.submitted());
  EXPECT_FALSE(readable(channel.event_fd()));
}

TEST_F(FibUpdate, TheWriterIsSignalledOnlyWhenItSleeps) {
  client.set_route(v4("10.0.0.0/8"), group({next_hop(1)}));
  client.poll();
  EXPECT_FALSE(readable(channel.writer_bell.fd()));
  writer.run_once();
  channel.writer_bell.arm();
  client.remove_route(v4("10.0.0.0/8"));
  client.poll();
  EXPECT_TRUE(readable(channel.writer_bell.fd()));
}

// ---- a full queue

class FullQueue : public UpdateTest {
 protected:
  FullQueue() : UpdateTest(4) {}
};

TEST_F(FullQueue, CoalescesByPrefixAndNeverBlocks) {
  const GroupId first = group({next_hop(1)});
  const GroupId second = group({next_hop(2)});
  for (int i = 0; i < 1000; ++i) {
    client.set_route(v4("10.0.0.0/8"), i % 2 == 0 ? first : second);
    client.set_route(v4("20.0.0.0/8"), i % 2 == 0 ? second : first);
  }
  client.remove_route(v4("20.0.0.0/8"));
  const FibQueueStatus status = client.queue_status();
  EXPECT_EQ(status.depth, 6U) << "four additions in the queue, two prefixes in the client";
  EXPECT_EQ(status.coalesced, 1999U);
  settle();
  EXPECT_EQ(client.applied(), client.submitted());
  EXPECT_EQ(writer.stats().operations, 6U);
  EXPECT_EQ(forwards("10.0.0.1").destination(), mac(2));
  EXPECT_EQ(forwards("20.0.0.1").kind(), NextHopKind::kUnreachable);
}

TEST_F(FullQueue, AppliedNeverPromisesWhatStillWaits) {
  const GroupId id = group({next_hop(1)});
  std::vector<FibSequence> sequences;
  for (unsigned i = 0; i < 40; ++i) {
    sequences.push_back(client.set_route(Ipv4Prefix{Ipv4Address{i << 24}, 8}, id));
  }
  while (client.applied() != client.submitted()) {
    client.poll();
    writer.run_once();
    for (unsigned i = 0; i < sequences.size(); ++i) {
      if (sequences[i] <= client.applied()) {
        ASSERT_EQ(tables.ipv4.lookup(Ipv4Address{i << 24 | 1}), id) << i;
      }
    }
  }
}

class LongQueue : public UpdateTest {
 protected:
  LongQueue() : UpdateTest(8192) {}
};

TEST_F(LongQueue, WhatWaitsIsHandedOverInPartsAndEachPartCallsForTheNext) {
  const GroupId id = group({next_hop(1)});
  for (unsigned i = 0; i < 20000; ++i) client.set_route(Ipv4Prefix{Ipv4Address{i << 8}, 24}, id);
  for (int i = 0; client.applied() != client.submitted(); ++i) {
    ASSERT_LT(i, 1000);
    writer.run_once();
    ASSERT_TRUE(readable(channel.event_fd())) << "nobody would look after the rest";
    const std::uint64_t waited = client.queue_status().depth - channel.operations.size();
    client.poll();
    EXPECT_LE(waited - (client.queue_status().depth - channel.operations.size()), 2048U);
  }
}

TEST_F(FullQueue, GroupsComeBeforeTheirRoutesAndGoAfterThem) {
  const NextHopId hop = next_hop(1);
  GroupId current = group({hop});
  client.set_route(v4("10.0.0.0/8"), current);
  for (unsigned round = 0; round < 200; ++round) {
    const auto next = client.acquire_group(
        {.primaries = {{hop, static_cast<std::uint16_t>(2 + round)}}, .backups = {}});
    if (!next) {  // all identifiers under way
      settle();
      settle();
      continue;
    }
    client.set_route(v4("10.0.0.0/8"), *next);
    client.release_group(current);
    current = *next;
    if (round % 3 == 0) writer.run_once();
    const GroupId found = tables.ipv4.lookup(*Ipv4Address::parse("10.0.0.1"));
    if (found != kNoGroup) {
      ASSERT_EQ(tables.groups.select(found, 0, tables.next_hops), hop) << "round " << round;
    }
  }
  settle();
  EXPECT_EQ(tables.ipv4.lookup(*Ipv4Address::parse("10.0.0.1")), current);
}

TEST_F(FullQueue, AClientThatTakesNoNoticesStopsTheWriterAndLosesNone) {
  for (unsigned round = 0; round < 5; ++round) {  // second-level groups: each of these fails
    const GroupId id = group({next_hop(1)});
    for (unsigned i = 0; i < 24; ++i) {
      client.set_route(Ipv4Prefix{Ipv4Address{10, static_cast<std::uint8_t>(round),
                                              static_cast<std::uint8_t>(i), 1},
                                  32},
                       id);
      writer.run_once();  // no poll in between
    }
  }
  settle();
  EXPECT_EQ(client.take_failures().size(), 5U * 24U - 4U);
  EXPECT_EQ(client.applied(), client.submitted());
}

}  // namespace
}  // namespace lastmile
