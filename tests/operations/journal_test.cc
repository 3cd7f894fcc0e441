// The journal, and how a client reads it.

#include "controlplane/journal/journal.h"

#include <gtest/gtest.h>

#include "controlplane/control/event_command.h"

namespace lastmile {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow{1h};
const std::chrono::system_clock::time_point kWall{std::chrono::seconds{1'700'000'000}};

TEST(Journal, KeepsTheNewestEntries) {
  Journal journal{3};
  for (int i = 1; i <= 5; ++i) {
    journal.record(kNow, JournalKind::kLink, "up1", std::to_string(i));
  }
  std::string seen;
  journal.read(0, 10, [&](const JournalEntry& entry) { seen += entry.text; });
  EXPECT_EQ(seen, "345");
  EXPECT_EQ(journal.last(), 5U);
}

TEST(Journal, AReaderMissesNothingAndSeesNothingTwice) {
  Journal journal;
  journal.record(kNow, JournalKind::kLink, "up1", "a");
  journal.record_applied(kNow, 2);
  std::uint64_t last = 0;
  std::vector<std::string> seen;
  const auto read = [&] {
    journal.read(last, 10, [&](const JournalEntry& entry) {
      last = entry.number;
      seen.push_back(entry.text);
    });
  };
  read();
  journal.record_applied(kNow + 10ms, 3);
  read();
  read();
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "2 changes of the forwarding tables in effect",
                                            "5 changes of the forwarding tables in effect"}));
}

TEST(Journal, OnlyABurstIsOneEntry) {
  Journal journal;
  journal.record_applied(kNow, 1);
  journal.record_applied(kNow + 2s, 1);
  journal.record(kNow + 2s, JournalKind::kBgp, "up1", "down");
  journal.record_applied(kNow + 2s, 1);
  std::size_t entries = 0;
  journal.read(0, 10, [&](const JournalEntry&) { ++entries; });
  EXPECT_EQ(entries, 4U);
}

TEST(Events, CarryTheTimeOnTheWallInMicroseconds) {
  Journal journal;
  journal.record(kNow - 1500us, JournalKind::kDetection, "up1", "silent");
  const auto answer = read_events(journal, Json::object(), kNow, kWall);
  ASSERT_TRUE(answer);
  const Json& event = answer->at("events").at(0);
  EXPECT_EQ(event.at("time_us"), 1'699'999'999'998'500);
  EXPECT_EQ(event.at("time"), "2023-11-14T22:13:19.998500Z");
  EXPECT_EQ(event.at("kind"), "detection");
}

TEST(Events, ComeInPagesAndNoOlderThanAskedFor) {
  Journal journal;
  for (std::size_t i = 0; i < kMaxEventsPage + 10; ++i) {
    journal.record(i < 5 ? kNow - 1h : kNow, JournalKind::kLink, "up1", "");
  }
  auto answer = read_events(journal, {{"since", "1m"}}, kNow, kWall);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("events").size(), kMaxEventsPage - 5);
  EXPECT_TRUE(answer->at("more"));
  answer = read_events(journal, {{"after", answer->at("last")}}, kNow, kWall);
  EXPECT_EQ(answer->at("events").size(), 10U);
  EXPECT_FALSE(answer->at("more"));
  EXPECT_FALSE(read_events(journal, {{"since", "yesterday"}}, kNow, kWall));
  EXPECT_FALSE(read_events(journal, {{"after", "x"}}, kNow, kWall));
}

}  // namespace
}  // namespace lastmile
