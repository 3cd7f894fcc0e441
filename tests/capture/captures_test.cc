// A capture from the workers' rings to its reader, without workers: the test puts packets in.

#include "controlplane/capture/captures.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "dataplane/rcu/rcu.h"

namespace lastmile {
namespace {

using Json = nlohmann::json;

/// The other end of a capture's connection.
class Reader {
 public:
  explicit Reader(int descriptor) : descriptor_(descriptor) {}

  /// Everything until the connection ends.
  std::string rest() {
    char buffer[4096];
    std::string text;
    for (ssize_t got; (got = ::recv(descriptor_.get(), buffer, sizeof buffer, 0)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }
  std::string line() {
    std::string text;
    for (char c; ::recv(descriptor_.get(), &c, 1, 0) == 1 && c != '\n';) text += c;
    return text;
  }
  void has_enough() { ::shutdown(descriptor_.get(), SHUT_WR); }

 private:
  FileDescriptor descriptor_;
};

/// What came over a connection: the response, the file, the summary.
struct Stream {
  explicit Stream(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const Json one = Json::parse(text.substr(0, end));
      text.remove_prefix(end + 1);
      if (!one.contains("bytes")) {
        lines.push_back(one);
        continue;
      }
      const auto bytes = one["bytes"].get<std::size_t>();
      file += text.substr(0, bytes);
      text.remove_prefix(bytes);
    }
  }

  std::vector<Json> lines;
  std::string file;
};

/// The types of the blocks of a pcapng file; their lengths must add up.
std::vector<std::uint32_t> blocks(std::string_view file) {
  std::vector<std::uint32_t> types;
  while (!file.empty()) {
    std::uint32_t type = 0, length = 0, again = 0;
    std::memcpy(&type, file.data(), 4);
    std::memcpy(&length, file.data() + 4, 4);
    if (length % 4 != 0 || length < 12 || length > file.size()) {
      ADD_FAILURE() << "length of a block: " << length;
      return types;
    }
    std::memcpy(&again, file.data() + length - 4, 4);
    EXPECT_EQ(length, again);
    types.push_back(type);
    file.remove_prefix(length);
  }
  return types;
}
constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kStatistics = 5, kPacket = 6;

class CapturesTest : public ::testing::Test {
 protected:
  CapturesTest() {
    captures_.emplace(Captures::Outside{.board = board_,
                                        .workers = 1,
                                        .interfaces = {{CaptureInterface{0}, "up1", "net_null0"},
                                                       {CaptureInterface{1}, "up2", "net_null1"},
                                                       {kHostInterface, "lm0", "local"}},
                                        .cycles = [] { return std::uint64_t{1000}; },
                                        .cycles_per_second = 1'000'000'000,
                                        .application = "test",
                                        .ring_bytes = 0});
  }

  Reader start(const CaptureRequest& request) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    auto prepared = captures_->prepare(request);
    EXPECT_TRUE(prepared.has_value()) << prepared.error();
    (*prepared)(FileDescriptor{ends[0]});
    return Reader{ends[1]};
  }
  void wait_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 30'000; ++i) {
      if (condition()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    FAIL() << "waited in vain";
  }
  /// As a worker does it. False: no room.
  bool put(std::uint32_t octets, CapturedHeader header = {}) {
    wait_until([&] { return board_.running() != 0; });
    header.cycles = ++packets_;
    header.length = header.kept = octets;
    PacketRing& ring = *board_.capture(0).rings[0];
    std::uint8_t* const to = ring.reserve(header);
    if (to == nullptr) return false;
    std::memset(to, 0xab, octets);
    ring.commit();
    return true;
  }

  RcuDomain rcu_{1};
  CaptureBoard board_{rcu_};
  std::uint64_t packets_ = 0;
  std::optional<Captures> captures_;
};

TEST_F(CapturesTest, EndsWhenAllPacketsAreThere) {
  Reader reader = start({.of = "up1", .packets = 3});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(100));
  const Stream stream{reader.rest()};
  ASSERT_EQ(stream.lines.size(), 2U);
  EXPECT_TRUE(stream.lines[0].at("ok").get<bool>());
  EXPECT_EQ(stream.lines[1].at("data"),
            (Json{{"packets", 3}, {"lost", 0}, {"ended", "all packets are there"}}));
  EXPECT_EQ(blocks(stream.file), (std::vector<std::uint32_t>{kSection, kInterface, kPacket, kPacket,
                                                             kPacket, kStatistics}));
  EXPECT_EQ(board_.running(), 0U);
}

TEST_F(CapturesTest, ItsReaderEndsItAndLosesNothingThatWasSeen) {
  Reader reader = start({.of = "any"});
  ASSERT_TRUE(put(60));
  reader.has_enough();
  const Stream stream{reader.rest()};
  EXPECT_EQ(stream.lines.at(1).at("data").at("ended"), "asked for");
  EXPECT_EQ(blocks(stream.file), (std::vector<std::uint32_t>{kSection, kInterface, kInterface,
                                                             kInterface, kPacket, kStatistics}));
}

TEST_F(CapturesTest, AFileIsNoLongerThanItMayBe) {
  constexpr std::uint64_t kBytes = 10'000;
  Reader reader = start({.of = "up1", .bytes = kBytes});
  for (int i = 0; i < 100; ++i) put(1000);
  const Stream stream{reader.rest()};
  EXPECT_EQ(stream.lines.at(1).at("data").at("ended"), "the file is full");
  EXPECT_EQ(stream.lines.at(1).at("data").at("packets"), 9);
  const std::size_t statistics = 12 + 12 + 2 * 12 + 4;
  EXPECT_LE(stream.file.size(), kBytes + statistics);
}

TEST_F(CapturesTest, TimeAndTheRouterEndIt) {
  Reader short_one = start({.of = "up1", .time = std::chrono::seconds{1}});
  EXPECT_EQ(Stream{short_one.rest()}.lines.at(1).at("data").at("ended"), "time is over");
  Reader other = start({.of = "up1"});
  EXPECT_EQ(other.line(), R"({"ok":true,"data":{}})");
  captures_.reset();
  const Stream stream{other.rest()};
  EXPECT_EQ(stream.lines.at(0).at("data").at("ended"), "the router stops");
}

TEST_F(CapturesTest, ADropCarriesItsReasonAsAComment) {
  Reader reader = start({.of = "drops", .packets = 1});
  ASSERT_TRUE(put(60, {.interface = CaptureInterface{1},
                       .point = CapturePoint::kDropped,
                       .reason = DropReason::kNoRoute}));
  const Stream stream{reader.rest()};
  EXPECT_NE(stream.file.find("dropped, no-route: no route to the destination"), std::string::npos);
}

TEST_F(CapturesTest, WhatFindsNoRoomIsCounted) {
  Reader reader = start({.of = "up1"});
  // The reader takes nothing, so in the end neither does the ring.
  std::uint64_t lost = 0;
  for (int i = 0; i < 30'000 && lost < 3; ++i) lost += put(9000) ? 0 : 1;
  ASSERT_EQ(lost, 3U);
  reader.has_enough();
  EXPECT_EQ(Stream{reader.rest()}.lines.at(1).at("data").at("lost"), 3);
}

TEST_F(CapturesTest, AreBounded) {
  std::vector<Reader> readers;
  for (unsigned i = 0; i < CaptureBoard::kSlots; ++i) readers.push_back(start({.of = "up1"}));
  EXPECT_EQ(captures_->prepare({.of = "up1"}).error(),
            "4 captures run already; expected one of them to end first");
  readers[1].has_enough();
  readers[1].rest();
  // A moment later its thread has ended.
  wait_until([&] { return captures_->prepare({.of = "up1"}).has_value(); });
}

TEST_F(CapturesTest, AReaderThatGoesLeavesNoCaptureBehind) {
  { const Reader gone = start({.of = "up1"}); }
  wait_until(
      [&] { return captures_->prepare({.of = "up1"}).has_value() && board_.running() == 0; });
}

TEST_F(CapturesTest, NamesThePortsThatThereAre) {
  EXPECT_EQ(captures_->prepare({.of = "up3"}).error(),
            "there is no port \"up3\"; did you mean \"up1\"?");
  EXPECT_EQ(captures_->prepare({.of = "eth0"}).error(),
            "there is no port \"eth0\"; expected one of: up1, up2, lm0, any, drops");
}

}  // namespace
}  // namespace lastmile
