// The small parts by themselves: token bucket, idle controller, event ring, tables of names.

#include <gtest/gtest.h>
#include <poll.h>

#include <set>
#include <string>

#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/pipeline/equal_mask.h"
#include "dataplane/pipeline/ipv4_options.h"
#include "dataplane/pipeline/policer.h"
#include "dataplane/pipeline/punt_class.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/idle.h"

namespace lastmile {
namespace {

using namespace std::chrono_literals;

TEST(DropReasons, HaveNamesOfTheirOwnAndSayWhy) {
  std::set<std::string_view> names;
  for (const DropReasonFacts& reason : kDropReasons) {
    EXPECT_TRUE(names.insert(reason.name).second) << reason.name;
    EXPECT_FALSE(reason.text.empty()) << reason.name;
    EXPECT_EQ(reason.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
              std::string_view::npos)
        << reason.name;
  }
  EXPECT_EQ(to_string(DropReason::kTransitRefused), "transit-refused");
}

TEST(PuntClasses, ArePolicedUnderTheirOwnReason) {
  std::set<DropReason> reasons;
  for (const PuntClassFacts& punt_class : kPuntClasses) {
    EXPECT_TRUE(reasons.insert(punt_class.policed).second) << punt_class.name;
    EXPECT_EQ(to_string(punt_class.policed), "policed-" + std::string{punt_class.name});
  }
}

TEST(TokenBucket, LetsTheBurstAndThenTheRatePass) {
  constexpr std::uint64_t kHertz = 1'000'000;
  TokenBucket bucket{kHertz, 100, 5};
  std::uint64_t now = 123;
  unsigned passed = 0;
  for (int i = 0; i < 20; ++i) passed += bucket.take(now);
  EXPECT_EQ(passed, 5U);
  passed = 0;
  for (int ms = 0; ms < 1000; ++ms) {
    now += kHertz / 1000;
    for (int i = 0; i < 3; ++i) passed += bucket.take(now);
  }
  EXPECT_EQ(passed, 100U);
}

TEST(TokenBucket, SavesNoMoreThanABurst) {
  TokenBucket bucket{1'000'000, 100, 5};
  unsigned passed = 0;
  for (int i = 0; i < 20; ++i) passed += bucket.take(3'600'000'000);
  EXPECT_EQ(passed, 5U);
}

TEST(RealtimeManners, PauseOncePerPeriodUnlessTheWorkerSleepsAnyway) {
  constexpr std::uint64_t kMicrosecond = 1000;
  constexpr auto kPeriod = kMicrosecond * RealtimeManners::kPeriod.count();
  constexpr auto kPause = kMicrosecond * RealtimeManners::kPause.count();
  RealtimeManners manners{Scheduling::kRealtime, kMicrosecond * 1'000'000};
  std::uint64_t now = 7 * kPeriod;
  EXPECT_TRUE(manners.is_due(now));
  manners.slept(now, now + 10 * kPeriod);  // pays for no more than the past
  now += 10 * kPeriod;
  EXPECT_FALSE(manners.is_due(now + kPeriod - 1));
  EXPECT_TRUE(manners.is_due(now + kPeriod));
  now += kPeriod;
  manners.slept(now, now + kPause);
  EXPECT_FALSE(manners.is_due(now + kPause));
  // Half a pause is half of what is due.
  now += kPeriod;
  manners.slept(now, now + kPause / 2);
  EXPECT_TRUE(manners.is_due(now + kPeriod * 3 / 4));
  EXPECT_FALSE(manners.is_due(now + kPeriod * 1 / 4));
}

TEST(RealtimeManners, AFairWorkerOwesNothing) {
  const RealtimeManners manners{Scheduling::kFair, 1'000'000'000};
  EXPECT_FALSE(manners.is_due(std::uint64_t{1} << 62));
}

TEST(IdleController, SpinsFirstThenSleepsLongerEachTime) {
  constexpr std::uint64_t kHertz = 1'000'000'000;
  IdleController idle{IdleStrategy::kAdaptive, kHertz};
  std::uint64_t now = 1;
  const auto spin_end = now + kHertz / 1'000'000 * IdleController::kSpin.count();
  for (; now < spin_end; now += 1000) ASSERT_EQ(idle.idle(now), 0us);
  EXPECT_EQ(idle.idle(now), IdleController::kFirstSleep);
  EXPECT_EQ(idle.idle(now), 2 * IdleController::kFirstSleep);
  for (int i = 0; i < 10; ++i) static_cast<void>(idle.idle(now));
  EXPECT_EQ(idle.idle(now), IdleController::kLongestSleep);
  idle.busy();
  EXPECT_EQ(idle.idle(now), 0us);
}

TEST(EqualMask, HasABitForEachPlaceOfTheNextHopAndNoOther) {
  std::array<NextHopId, kEqualMaskWidth> hops{};
  std::uint64_t wanted = 0;
  for (unsigned i = 0; i < kEqualMaskWidth; ++i) {
    const bool here = i % 3 == 0 || i == 31 || i == 32;
    // 0xff07 and 0x0707 differ from 7 in one byte only.
    hops[i] = NextHopId{static_cast<std::uint16_t>(here ? 7 : i % 2 == 0 ? 0xff07 : 0x0707)};
    if (here) wanted |= std::uint64_t{1} << i;
  }
  EXPECT_EQ(equal_mask(hops.data(), NextHopId{7}), wanted);
  EXPECT_EQ(equal_mask(hops.data(), NextHopId{8}), 0U);

  EXPECT_EQ(first_bits(0), 0U);
  EXPECT_EQ(first_bits(1), 1U);
  EXPECT_EQ(first_bits(63), ~std::uint64_t{0} >> 1);
  EXPECT_EQ(first_bits(64), ~std::uint64_t{0});
  EXPECT_EQ(first_bits(200), ~std::uint64_t{0});
}

TEST(EventRing, OneBellForManyEventsAndNoneLost) {
  EventRing ring;
  pollfd descriptor{.fd = ring.event_fd(), .events = POLLIN, .revents = 0};
  const auto readable = [&] { return poll(&descriptor, 1, 0) == 1; };
  EXPECT_FALSE(readable());
  std::uint16_t sent = 0;
  while (ring.push(ResolutionRequest{.port = {}, .next_hop = NextHopId{sent}, .destination = {}})) {
    ++sent;
  }
  EXPECT_EQ(sent, EventRing::kCapacity);
  EXPECT_TRUE(readable());
  std::uint16_t got = 0;
  ring.drain([&](const WorkerEvent& event) {
    EXPECT_EQ(std::get<ResolutionRequest>(event).next_hop, NextHopId{got++});
  });
  EXPECT_EQ(got, sent);
  // A full ring's worth was drained: the consumer is told to look again, and then all is quiet.
  EXPECT_TRUE(readable());
  EXPECT_EQ(ring.drain([](const WorkerEvent&) {}), 0U);
  EXPECT_FALSE(readable());
  EXPECT_TRUE(ring.push(ResolutionRequest{}));
  EXPECT_TRUE(readable());
}

TEST(Snapshot, CopiesEveryCounter) {
  WorkerCounters counters{4};
  counters.ports[3].sent_bytes.add(7);
  counters.host.received_packets.add(2);
  counters.drops[static_cast<std::size_t>(DropReason::kNoRoute)].add(5);
  counters.next_hops[2].bytes.add(100);
  counters.busy_cycles.add(25);
  counters.idle_cycles.add(50);
  counters.sleep_cycles.add(25);
  counters.packets.add(5);
  const WorkerSnapshot copy = snapshot(counters);
  EXPECT_EQ(copy.ports[3].sent_bytes, 7U);
  EXPECT_EQ(copy.host.received_packets, 2U);
  EXPECT_EQ(copy.drops_for(DropReason::kNoRoute), 5U);
  EXPECT_EQ(copy.total_drops(), 5U);
  ASSERT_EQ(copy.next_hops.size(), 4U);
  EXPECT_EQ(copy.next_hops[2].bytes, 100U);
  EXPECT_DOUBLE_EQ(copy.idle_share(), 0.75);
  EXPECT_DOUBLE_EQ(copy.cycles_per_packet(), 5.0);
}

}  // namespace
}  // namespace lastmile
