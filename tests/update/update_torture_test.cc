// Readers at full speed against a writer that churns. Each test runs a fixed time; what it asserts
// is right answers, never speed. Run it under ThreadSanitizer as well.
//
// LASTMILE_TORTURE_SECONDS (default: half of one) sets how long each of the clean runs lasts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/forwarding/tables.h"
#include "dataplane/update/fib_channel.h"
#include "dataplane/update/fib_client.h"
#include "dataplane/update/fib_writer.h"

namespace lastmile {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kShortRun{500};

std::chrono::milliseconds clean_run() {
  const char* const text = std::getenv("LASTMILE_TORTURE_SECONDS");
  return text != nullptr ? std::chrono::seconds{std::stoull(text)} : kShortRun;
}

#if defined(__has_feature)
#define LASTMILE_CLANG_SANITIZED \
  (__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define LASTMILE_CLANG_SANITIZED 0
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || LASTMILE_CLANG_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// ---- the ring

TEST(SpscTorture, EveryItemArrivesOnceAndInOrder) {
  SpscRing<std::uint64_t> ring{256};
  std::atomic<bool> done{false};
  std::uint64_t sent = 0;
  std::thread producer{[&] {
    const auto end = Clock::now() + clean_run();
    while (Clock::now() < end) {
      for (unsigned i = 0; i < 1 + sent % 50; ++i) {
        if (!ring.stage(sent)) break;
        ++sent;
      }
      ring.publish();
    }
    done.store(true, std::memory_order_release);
  }};
  std::uint64_t expected = 0;
  std::uint64_t wrong = 0;
  for (;;) {
    const bool last = done.load(std::memory_order_acquire);
    const auto items = ring.front(1 + expected % 70);
    for (const std::uint64_t item : items) wrong += item != expected++ ? 1 : 0;
    ring.consume(items.size());
    if (items.empty() && last) break;
    if (items.empty()) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(expected, sent);
  EXPECT_GT(sent, 1000U);
}

TEST(DoorbellTorture, NoRingIsLost) {
  Doorbell bell;
  std::atomic<std::uint64_t> published{0};
  std::atomic<bool> done{false};
  std::thread ringer{[&] {
    const auto end = Clock::now() + clean_run();
    for (std::uint64_t i = 1; Clock::now() < end; ++i) {
      published.store(i, std::memory_order_release);
      bell.ring();
      if (i % 64 == 0) std::this_thread::yield();
    }
    done.store(true, std::memory_order_release);
    bell.ring();
  }};
  // A lost ring leaves this loop asleep for ever: the test's time limit is what fails.
  std::uint64_t seen = 0;
  std::uint64_t sleeps = 0;
  for (;;) {
    bell.arm();
    const bool last = done.load(std::memory_order_acquire);
    const std::uint64_t now = published.load(std::memory_order_acquire);
    if (now == seen) {
      if (last) break;
      ++sleeps;
      bell.wait(std::chrono::microseconds{-1});
    }
    seen = now;
  }
  ringer.join();
  EXPECT_GT(sleeps, 0U);
}

// ---- one record

TEST(NextHopTorture, AChangeOfAddressIsNeverTorn) {
  NextHopTable table{4};
  const MacAddress ours{{0x02, 0, 0, 0, 0, 1}};
  // All six bytes alike, and the kind tells which: any mixture shows.
  const auto mac = [](std::uint8_t n) { return MacAddress{{n, n, n, n, n, n}}; };
  const auto kind = [](std::uint8_t n) {
    return n % 2 == 0 ? NextHopKind::kForward : NextHopKind::kUnresolved;
  };
  table.set(NextHopId{1}, {.kind = kind(0), .port = PortId{3}, .destination = mac(0)}, ours);
  std::atomic<bool> done{false};
  std::array<std::uint64_t, 2> wrong{};
  std::array<std::uint64_t, 2> changes_seen{};
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < wrong.size(); ++r) {
    readers.emplace_back([&, r] {
      std::uint8_t last = 0;
      std::array<std::uint8_t, 14> frame{};
      while (!done.load(std::memory_order_relaxed)) {
        const NextHop hop = table.load(NextHopId{1});
        hop.write_ethernet(frame.data(), 0x0008);
        const std::uint8_t n = frame[0];
        const bool same = hop.destination() == mac(n) && hop.kind() == kind(n) &&
                          std::equal(frame.begin(), frame.begin() + 6, mac(n).bytes().begin()) &&
                          hop.source() == ours && hop.port() == PortId{3};
        wrong[r] += same ? 0 : 1;
        changes_seen[r] += n != last ? 1 : 0;
        last = n;
      }
    });
  }
  const auto end = Clock::now() + clean_run();
  for (std::uint8_t n = 0; Clock::now() < end;) {
    for (int i = 0; i < 100; ++i, ++n) table.change(NextHopId{1}, kind(n), mac(n));
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  for (std::size_t r = 0; r < wrong.size(); ++r) {
    EXPECT_EQ(wrong[r], 0U);
    EXPECT_GT(changes_seen[r], 0U);
  }
}

// ---- the whole way

// Every next hop that a route to prefix n can use has n in its link-layer address, so a reader that
// is led to an identifier used again too early sees another prefix's number.
class Churn {
 public:
  static constexpr unsigned kPrefixes = 8;
  static constexpr ForwardingLimits kLimits{
      .readers = 4,
      .next_hops = 48,
      .groups = 24,
      .ipv4 = {.max_routes = 64, .second_level_groups = 4},
      .ipv6 = {.max_routes = 64, .second_level_groups = 4},
  };

  /// `most_members`: of a group; at most 3.
  explicit Churn(unsigned most_members) : most_members_(most_members) {
    tables.ports.set(PortId{0}, {.mac = MacAddress{{0x02, 0, 0, 0, 0, 1}}});
  }

  static std::uint32_t address_in(unsigned n) { return (10 + n) << 24 | 1; }

  /// True if what a reader found for prefix `n` was legal at some time.
  static bool legal(unsigned n, const NextHop& hop) {
    const MacAddress::Bytes bytes = hop.destination().bytes();
    return hop.kind() == NextHopKind::kUnreachable ||
           (hop.kind() == NextHopKind::kForward && bytes[4] == n && bytes[5] == (n ^ 0xff));
  }

  /// Gives prefix `round % kPrefixes` a new group, or takes its route away.
  void step(unsigned round) {
    const unsigned n = round % kPrefixes;
    Route& route = routes_[n];
    const IpPrefix prefix = Ipv4Prefix{Ipv4Address{address_in(n)}, 8};
    if (round % 23 == 0) {
      client.remove_route(prefix);
      release(route);
      return;
    }
    Route next;
    for (unsigned i = 0; i < 1 + round % most_members_; ++i) {
      const auto id = client.add_next_hop(
          {.kind = NextHopKind::kForward,
           .port = PortId{0},
           .destination = MacAddress{{0x02, 0, 0, 0, static_cast<std::uint8_t>(n),
                                      static_cast<std::uint8_t>(n ^ 0xff)}}});
      if (id) next.hops.push_back(*id);
    }
    std::sort(next.hops.begin(), next.hops.end());
    GroupSpec spec;
    for (const NextHopId id : next.hops) spec.primaries.push_back({id, 1});
    const auto group = client.acquire_group(spec);
    if (!group) {  // identifiers are resting
      release(next);
      return;
    }
    next.group = *group;
    client.set_route(prefix, *group);
    if (round % 5 == 0 && next.hops.size() > 1) client.set_down(next.hops[0], DownCause::kBfd);
    release(route);
    route = next;
    ++changes;
  }

  ForwardingTables tables{kLimits};
  FibChannel channel{16, kLimits.groups};
  FibClient client{tables, channel};
  FibWriter writer{tables, channel};
  std::uint64_t changes = 0;

 private:
  struct Route {
    std::optional<GroupId> group;
    std::vector<NextHopId> hops;
  };
  void release(Route& route) {
    if (route.group) client.release_group(*route.group);
    for (const NextHopId id : route.hops) client.release_next_hop(id);
    route = {};
  }

  const unsigned most_members_;
  std::array<Route, kPrefixes> routes_;
};

// Reads until told to stop; returns how many answers were illegal. `pause` stretches the window in
// which a reader holds identifiers, as a descheduled worker does.
template <class AfterVector>
std::uint64_t read_routes(const ForwardingTables& tables, const std::atomic<bool>& done, bool pause,
                          const AfterVector& after_vector) {
  std::uint64_t wrong = 0;
  std::array<std::uint32_t, 32> addresses{};
  std::array<std::uint16_t, 32> groups{};
  std::array<std::uint32_t, 32> hashes{};
  std::array<NextHopId, 32> hops{};
  std::uint32_t hash = 1;
  for (unsigned i = 0; i < addresses.size(); ++i) {
    addresses[i] = Churn::address_in(i % Churn::kPrefixes);
  }
  while (!done.load(std::memory_order_relaxed)) {
    for (std::uint32_t& h : hashes) h = hash = hash * 1664525 + 1013904223;
    tables.ipv4.lookup_bulk(addresses.data(), groups.data(),
                            static_cast<unsigned>(addresses.size()));
    if (pause) std::this_thread::yield();
    tables.groups.select(groups, hashes, tables.next_hops, hops);
    if (pause) std::this_thread::yield();
    for (unsigned i = 0; i < hops.size(); ++i) {
      const NextHop hop = tables.next_hops.load(hops[i]);
      wrong += Churn::legal(i % Churn::kPrefixes, hop) ? 0 : 1;
    }
    after_vector();
  }
  return wrong;
}

// Churns on this thread with the writer on its own, for `time` or as much longer as `enough` wants.
template <class Enough>
void churn_for(std::chrono::milliseconds time, Churn& churn, const Enough& enough) {
  churn.writer.start();
  const auto end = Clock::now() + time;
  for (unsigned round = 1; Clock::now() < end || !enough(); ++round) {
    churn.step(round);
    churn.client.poll();
    if (round % 16 == 0) std::this_thread::yield();
  }
  churn.writer.stop();
}

TEST(UpdateTorture, ReadersNeverSeeAnIdentifierThatBelongsToAnother) {
  Churn churn{3};
  std::atomic<bool> done{false};
  std::array<std::uint64_t, 2> wrong{};
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < wrong.size(); ++r) {
    readers.emplace_back([&, r] {
      RcuReader reader{churn.tables.rcu};
      reader.online();
      wrong[r] = read_routes(churn.tables, done, r == 1, [&] { reader.quiescent(); });
    });
  }
  churn_for(clean_run(), churn, [&] { return churn.changes > 200; });
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong[0] + wrong[1], 0U);
  EXPECT_TRUE(churn.client.take_failures().empty());
}

// The same with a planted bug: the readers don't take part in grace periods. If that goes
// unnoticed, the test above proves nothing.
TEST(UpdateTorture, FindsReadersThatGracePeriodsIgnore) {
  if (kSanitized) GTEST_SKIP() << "the planted bug is a data race; sanitizers stop at it";
  Churn churn{2};  // groups that lie within the table: the readers must not touch freed memory
  std::atomic<bool> done{false};
  std::array<std::uint64_t, 2> wrong{};
  std::vector<std::thread> readers;
  for (std::uint64_t& count : wrong) {
    readers.emplace_back([&] { count = read_routes(churn.tables, done, true, [] {}); });
  }
  churn_for(kShortRun, churn, [&] { return churn.changes > 20'000; });
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(wrong[0] + wrong[1], 0U);
}

// The threaded writer against a client that waits for its wake-ups only.
TEST(UpdateTorture, EveryWaitForProgressEnds) {
  Churn churn{1};
  churn.writer.start();
  const auto end = Clock::now() + clean_run();
  std::uint64_t waits = 0;
  for (unsigned round = 1; Clock::now() < end; ++round) {
    churn.step(round);
    churn.client.poll();
    while (churn.client.applied() != churn.client.submitted()) {
      // A lost wake-up leaves this asleep for ever: the test's time limit is what fails.
      churn.channel.client_bell.wait(std::chrono::microseconds{-1});
      churn.client.poll();
      ++waits;
    }
  }
  churn.writer.stop();
  EXPECT_GT(waits, 0U);
}

}  // namespace
}  // namespace lastmile
