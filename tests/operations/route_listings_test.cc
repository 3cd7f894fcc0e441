// Readers of a large table, each at a place of its own.
#include "daemon/route_listings.h"

#include <gtest/gtest.h>

namespace lastmile {
namespace {

using Reading = RouteListings::Reading;

const rib::PrefixListing::Of kAll = rib::PathFilter{};
const rib::PrefixListing::Of kAnother = bgp::PeerId{1};
constexpr TimePoint kBeginning{std::chrono::hours{1}};

/// As if the RIB had found these.
void fill(Reading& reading) {
  std::vector<Ipv4Prefix> prefixes;
  for (std::uint8_t i = 1; i <= 9; ++i) prefixes.emplace_back(Ipv4Address{i, 0, 0, 0}, 8);
  reading.listing.add(std::move(prefixes));
  reading.listing.cursor().done = true;
}

/// Reads one prefix of a page, and returns the page's cursor.
std::string turn(Reading& reading) {
  reading.last = reading.listing.next();
  ++reading.page;
  return RouteListings::cursor_of(reading);
}

TEST(RouteListings, GoOnWhereThePageEnded) {
  RouteListings listings;
  Reading& first = listings.resume("", kAll, kBeginning);
  fill(first);
  const std::string one = turn(first);
  Reading& second = listings.resume("", kAll, kBeginning);
  EXPECT_NE(&second, &first) << "another reader";
  EXPECT_EQ(&listings.resume(one, kAll, kBeginning), &first);
  const std::string two = turn(first);
  EXPECT_NE(one, two);
  EXPECT_EQ(to_string(*first.last), "2.0.0.0/8");
  listings.end(first);
  listings.end(second);
  EXPECT_EQ(listings.size(), 0U);
}

TEST(RouteListings, WhoHasLostTheirsGoesOnBehindTheLastPrefix) {
  RouteListings listings;
  Reading& first = listings.resume("", kAll, kBeginning);
  fill(first);
  turn(first);
  const std::string cursor = turn(first);
  for (std::size_t i = 0; i < RouteListings::kMost; ++i) {
    listings.resume("", kAll, kBeginning + std::chrono::seconds{1 + i});
  }
  EXPECT_EQ(listings.size(), RouteListings::kMost);
  Reading& again = listings.resume(cursor, kAll, kBeginning + std::chrono::seconds{9});
  EXPECT_EQ(listings.size(), RouteListings::kMost);
  fill(again);
  EXPECT_EQ(to_string(*again.listing.next()), "3.0.0.0/8");
}

TEST(RouteListings, APageIsNotReadTwiceFromOneListing) {
  RouteListings listings;
  Reading& first = listings.resume("", kAll, kBeginning);
  fill(first);
  const std::string cursor = turn(first);
  turn(first);
  Reading& again = listings.resume(cursor, kAll, kBeginning);
  ASSERT_NE(&again, &first);
  fill(again);
  EXPECT_EQ(to_string(*again.listing.next()), "2.0.0.0/8");
  EXPECT_NE(&listings.resume(cursor, kAnother, kBeginning), &again) << "of something else";
}

TEST(RouteListings, ManyReadersInTurnComeToTheirEnds) {
  constexpr std::size_t kReaders = RouteListings::kMost + 3;
  constexpr std::uint64_t kPages = 5;  // that it takes to find all
  RouteListings listings;
  std::vector<std::string> cursors(kReaders);
  std::size_t ended = 0;
  TimePoint now = kBeginning;
  for (int round = 0; round < 100 && ended < kReaders; ++round) {
    for (std::string& cursor : cursors) {
      if (cursor == "end") continue;
      Reading& reading = listings.resume(cursor, kAll, now += std::chrono::milliseconds{1});
      ++reading.page;
      cursor = RouteListings::cursor_of(reading);
      if (reading.page < kPages) continue;
      cursor = "end";
      listings.end(reading);
      ++ended;
    }
  }
  EXPECT_EQ(ended, kReaders);
}

TEST(RouteListings, WhatNobodyReadsIsForgotten) {
  RouteListings listings;
  listings.resume("", kAll, kBeginning);
  listings.resume("", kAll, kBeginning + RouteListings::kPatience + std::chrono::seconds{1});
  EXPECT_EQ(listings.size(), 1U);
}

TEST(RouteListings, NonsenseBeginsAtTheStart) {
  RouteListings listings;
  for (const char* cursor : {"0:17", "1", "x y z", "1 2 10.0.0.1/8", "-1 -1 -1"}) {
    Reading& reading = listings.resume(cursor, kAll, kBeginning);
    fill(reading);
    EXPECT_EQ(to_string(*reading.listing.next()), "1.0.0.0/8") << cursor;
  }
}

}  // namespace
}  // namespace lastmile
