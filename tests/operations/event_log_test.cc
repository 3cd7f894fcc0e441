// What systemd's journal is told: read from a socket that stands for journald's.

#include "controlplane/journal/event_log.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <string>

#include "tests/control/fixtures.h"

namespace lastmile {
namespace {

using namespace std::chrono_literals;

class Journald {
 public:
  Journald() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    path().copy(own.sun_path, sizeof own.sun_path - 1);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  }
  [[nodiscard]] std::string path() const { return folder_ / "socket"; }
  std::string read() {
    std::array<char, 4096> buffer;
    const ssize_t size = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

 private:
  test::TemporaryDirectory folder_;
  FileDescriptor fd_;
};

TEST(EventLog, AnEntryHasFields) {
  Journald journald;
  const EventLog log{journald.path()};
  const TimePoint at{5s};
  log.write({7, at, JournalKind::kDetection, "up1", "echo function failed"}, at + 173us);
  EXPECT_EQ(journald.read(),
            "MESSAGE=detection up1: echo function failed\nPRIORITY=5\nSYSLOG_IDENTIFIER=lastmiled\n"
            "LASTMILE_EVENT=detection\nLASTMILE_SUBJECT=up1\nLASTMILE_AGO_US=173\n");
}

TEST(EventLog, ANeighborsWordsCannotMakeFieldsOfTheirOwn) {
  Journald journald;
  const EventLog log{journald.path()};
  log.write({1, {}, JournalKind::kBgp, "up1", "down: Cease: \"noon\nLASTMILE_EVENT=start\""}, {});
  const std::string text = journald.read();
  EXPECT_EQ(text.find("\nLASTMILE_EVENT=start"), std::string::npos) << text;
  EXPECT_NE(text.find("noon LASTMILE_EVENT=start"), std::string::npos) << text;
}

TEST(EventLog, TablesAreLeftOutAndNobodyIsWaitedFor) {
  Journald journald;
  const EventLog log{journald.path()};
  log.write({1, {}, JournalKind::kRoutes, "", "3 changes"}, {});
  EXPECT_EQ(journald.read(), "");
  for (unsigned i = 0; i < 10'000; ++i) log.write({i, {}, JournalKind::kBgp, "up1", "down"}, {});
  const EventLog nobody{"/nowhere/at/all"};
  nobody.write({1, {}, JournalKind::kBgp, "up1", "down"}, {});
}

TEST(EventLog, TheJournalTellsItsObserverOfEachEntryOnce) {
  Journal journal;
  std::vector<std::string> seen;
  journal.observe([&](const JournalEntry& entry) { seen.push_back(entry.text); });
  journal.record(TimePoint{1s}, JournalKind::kBgp, "up1", "down");
  journal.record_applied(TimePoint{1s}, 3);
  journal.record_applied(TimePoint{1s}, 4);
  EXPECT_EQ(seen,
            (std::vector<std::string>{"down", "3 changes of the forwarding tables in effect"}));
}

}  // namespace
}  // namespace lastmile
