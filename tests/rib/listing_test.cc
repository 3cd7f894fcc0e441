// All prefixes in order, found in slices while the table changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "controlplane/rib/prefix_listing.h"
#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

std::vector<std::string> read(PrefixListing& listing) {
  std::vector<std::string> prefixes;
  while (const auto prefix = listing.next()) prefixes.push_back(to_string(*prefix));
  return prefixes;
}

std::vector<std::string> listed(const Rib& rib, const PrefixListing::Of& of,
                                const std::optional<IpPrefix>& after = std::nullopt) {
  PrefixListing listing{of, after};
  while (!listing.whole()) rib.gather(listing);
  return read(listing);
}

/// "50.1.2.0/24"; `n` is below 65,536, and the order of numbers is not that of prefixes.
std::string numbered(unsigned n) {
  return fmt::format("50.{}.{}.0/24", n % 251, n / 251);
}

TEST(SortedRuns, MergeWhatComesInPieces) {
  std::mt19937 random{1};  // NOLINT: the same each time
  SortedRuns<Ipv4Address> runs;
  std::set<Ipv4Prefix> expected;
  for (int piece = 0; piece < 20; ++piece) {
    std::vector<Ipv4Prefix> prefixes;
    for (unsigned i = 0; i < random() % 50; ++i) {
      prefixes.emplace_back(Ipv4Address{static_cast<std::uint32_t>(random() % 64) << 24},
                            8 + random() % 3);
      expected.insert(prefixes.back());
    }
    runs.add(std::move(prefixes));
  }
  std::vector<Ipv4Prefix> read;
  while (const auto prefix = runs.next()) read.push_back(*prefix);
  EXPECT_EQ(read, (std::vector<Ipv4Prefix>{expected.begin(), expected.end()}));
  EXPECT_FALSE(runs.next());
}

TEST(Listing, IsInOrderIpv4First) {
  RibFixture f;
  f.start(2);
  f.announce(0, {"20.0.0.0/8", "21.0.0.0/8", "20.0.0.0/16"}, f.path({65001}), f.via(0));
  f.announce(0, {"2001:db8:7::/48"}, f.path({65001}), f.via(0));
  f.announce(1, {"9.0.0.0/8", "20.0.0.0/8"}, f.path({65002}), f.via(1));
  f.settle();
  const auto of = [&](unsigned n) { return PathFilter{.peer = f.peer(n)}; };
  EXPECT_EQ(listed(*f.rib, of(0)), (std::vector<std::string>{"20.0.0.0/8", "20.0.0.0/16",
                                                             "21.0.0.0/8", "2001:db8:7::/48"}));
  EXPECT_EQ(listed(*f.rib, of(1)), (std::vector<std::string>{"9.0.0.0/8", "20.0.0.0/8"}));
  EXPECT_EQ(listed(*f.rib, of(0), prefix("20.0.0.0/16")),
            (std::vector<std::string>{"21.0.0.0/8", "2001:db8:7::/48"}));
  EXPECT_EQ(listed(*f.rib, of(0), prefix("21.0.0.0/8")),
            (std::vector<std::string>{"2001:db8:7::/48"}));
  EXPECT_EQ(listed(*f.rib, f.peer(0)),
            (std::vector<std::string>{"10.0.1.1/32", "192.168.0.250/32", "2001:db8:1::1/128"}));
  EXPECT_TRUE(listed(*f.rib, f.peer(7)).empty());

  const auto all = listed(*f.rib, PathFilter{});
  std::vector<std::string> expected;
  for (const RouteView& route : f.rib->routes({}, f.now)) {
    const std::string text = to_string(route.prefix);
    if (expected.empty() || expected.back() != text) expected.push_back(text);
  }
  EXPECT_EQ(all, expected);
}

TEST(Listing, OfWhatItsOwnSourceWasToldLooksAtAFewRecordsAtATime) {
  RibFixture f{transit_config()};
  f.start(2);
  const std::size_t ours = listed(*f.rib, f.peer(0)).size();
  for (unsigned n = 0; n < 20000; ++n) f.announce(0, numbered(n), f.path({65001}));
  f.settle();
  PrefixListing listing{f.peer(0)};
  unsigned slices = 0;
  for (; !listing.whole(); ++slices) f.rib->gather(listing);
  EXPECT_GE(slices, 3U) << "nobody is told their own routes, but they are passed over";
  EXPECT_EQ(listing.size(), ours);
}

TEST(Listing, HasWhatStandsThroughoutWhateverComesAndGoes) {
  RibFixture f;
  f.start(1);
  constexpr unsigned kPrefixes = 20000;
  std::set<IpPrefix> stands;
  for (unsigned n = 0; n < kPrefixes; ++n) {
    f.announce(0, numbered(n), f.path({65001}));
    if (n % 3 != 0) stands.insert(prefix(numbered(n)));
  }
  f.settle();
  PrefixListing listing{PathFilter{.peer = f.peer(0)}};
  unsigned slices = 0;
  for (; !listing.whole(); ++slices) {
    f.rib->gather(listing);
    // Every third one goes, of which every second comes back, somewhere else in the table.
    for (unsigned n = slices * 3; n < kPrefixes; n += 15) f.withdraw(0, numbered(n));
    f.settle();
    for (unsigned n = 40000 + slices * 100; n < 40100 + slices * 100; ++n) {
      f.announce(0, numbered(n), f.path({65001}));
    }
    for (unsigned n = slices * 3; n < kPrefixes; n += 30)
      f.announce(0, numbered(n), f.path({65001}));
    f.settle();
  }
  EXPECT_GE(slices, 3U) << "it was not found in slices";
  std::vector<IpPrefix> read;
  while (const auto next = listing.next()) read.push_back(*next);
  EXPECT_TRUE(std::ranges::is_sorted(read));
  EXPECT_EQ(std::ranges::adjacent_find(read), read.end()) << "one is there twice";
  for (const IpPrefix& wanted : stands) {
    ASSERT_TRUE(std::ranges::binary_search(read, wanted)) << to_string(wanted);
  }
}

}  // namespace
}  // namespace lastmile::rib::test
