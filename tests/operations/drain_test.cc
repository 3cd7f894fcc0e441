// Draining: traffic first, sessions then, and what is refused.

#include "controlplane/drain/drain.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace lastmile {
namespace {

using namespace std::chrono_literals;
using enum DrainRequest::Force;

class DrainedRouter final : public DrainOutside, public Timers {
 public:
  void drain_changed(TimePoint) override { ++changes; }
  std::uint64_t packets_from(const std::string& neighbor) const override {
    return packets.contains(neighbor) ? packets.at(neighbor) : 0;
  }
  bool is_established(const std::string& neighbor) const override {
    return established.contains(neighbor);
  }
  bool has_other_way() const override { return other_way; }
  void drain_note(const std::string&, const std::string& text, TimePoint) override {
    notes.push_back(text);
  }
  void arm(TimerKey timer, Duration after) override { armed[timer] = after; }
  void cancel(TimerKey timer) override { armed.erase(timer); }

  std::map<std::string, std::uint64_t> packets;
  std::set<std::string> established{"up1", "up2"};
  bool other_way = true;
  unsigned changes = 0;
  std::vector<std::string> notes;
  std::map<TimerKey, Duration> armed;
};

class Draining : public ::testing::Test {
 protected:
  Draining() {
    for (const char* name : {"up1", "up2"}) {
      BgpNeighborConfig neighbor;
      neighbor.name = name;
      config_.bgp.neighbors.push_back(neighbor);
    }
  }
  /// The timer fires until it is no longer armed or `most` has passed, with so many packets a
  /// second meanwhile.
  void run(Duration most, std::uint64_t packets_per_second = 0) {
    const TimePoint end = now_ + most;
    while (!outside_.armed.empty() && now_ < end) {
      const Duration step = outside_.armed.begin()->second;
      outside_.armed.clear();
      now_ += step;
      for (const char* name : {"up1", "up2"}) {
        outside_.packets[name] +=
            packets_per_second * static_cast<std::uint64_t>(step / 1ms) / 1000;
      }
      drain_.timer_expired(now_);
    }
  }
  [[nodiscard]] std::string phases() const {
    std::string text;
    for (const Drain::Status& one : drain_.status()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", one.neighbor, to_string(one.phase));
    }
    return text;
  }
  /// What the neighbor's configuration would be.
  [[nodiscard]] BgpNeighborConfig laid_over(std::size_t neighbor) const {
    return drain_.lay_over(config_).bgp.neighbors[neighbor];
  }

  Config config_;
  DrainedRouter outside_;
  Drain drain_{config_, outside_, outside_};
  TimePoint now_{1h};
};

TEST_F(Draining, AsksTrafficToLeaveBeforeTheSessionEnds) {
  DrainRequest request{.neighbors = {"up1"}};
  request.message = "back at noon";
  ASSERT_TRUE(drain_.begin(request, now_));
  EXPECT_TRUE(laid_over(0).graceful_shutdown);
  EXPECT_FALSE(laid_over(0).shutdown);
  EXPECT_FALSE(laid_over(1).graceful_shutdown);
  run(30s, 1000);
  EXPECT_EQ(phases(), "up1 leaving");
  run(10s, 4);
  EXPECT_EQ(phases(), "up1 down");
  EXPECT_TRUE(laid_over(0).shutdown);
  EXPECT_EQ(laid_over(0).shutdown_message, "back at noon");
  EXPECT_TRUE(outside_.armed.empty());
  EXPECT_EQ(outside_.changes, 2U);
}

TEST_F(Draining, NeighborsHaveTimeToChooseEvenIfNothingComesInNow) {
  ASSERT_TRUE(drain_.begin({.neighbors = {"up1"}}, now_));
  run(1750ms);
  EXPECT_EQ(phases(), "up1 leaving");
  run(1s);
  EXPECT_EQ(phases(), "up1 down");
}

TEST_F(Draining, TrafficThatPausesHasNotLeft) {
  ASSERT_TRUE(drain_.begin({.neighbors = {"up1"}}, now_));
  run(3s, 1000);
  run(500ms, 0);
  run(250ms, 1000);
  run(750ms, 0);
  EXPECT_EQ(phases(), "up1 leaving");
  run(500ms, 0);
  EXPECT_EQ(phases(), "up1 down");
}

TEST_F(Draining, PatienceEnds) {
  ASSERT_TRUE(drain_.begin({.neighbors = {"up1"}, .patience = 5s}, now_));
  run(4750ms, 1000);
  EXPECT_EQ(phases(), "up1 leaving");
  run(500ms, 1000);
  EXPECT_EQ(phases(), "up1 down");
  EXPECT_EQ(outside_.notes.back(), "patience is over (1000 packets/s came in); the session ends");
}

TEST_F(Draining, TheLastPathIsNotCut) {
  outside_.established = {"up1"};
  const auto refused = drain_.begin({.neighbors = {"up1"}}, now_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("last path"), std::string::npos) << refused.error();
  EXPECT_EQ(phases(), "");
  EXPECT_TRUE(drain_.begin({.neighbors = {"up1"}, .force = kYes}, now_));
}

TEST_F(Draining, ADrainedNeighborIsNoPath) {
  ASSERT_TRUE(drain_.begin({.neighbors = {"up1"}}, now_));
  EXPECT_FALSE(drain_.begin({.neighbors = {"up2"}}, now_));
}

TEST_F(Draining, TheWholeRouterOnlyIfTheMachineIsReachedWithoutIt) {
  outside_.other_way = false;
  EXPECT_FALSE(drain_.begin({}, now_));
  outside_.other_way = true;
  ASSERT_TRUE(drain_.begin({}, now_));
  EXPECT_EQ(phases(), "up1 leaving, up2 leaving");
  EXPECT_TRUE(drain_.whole_router());
}

TEST_F(Draining, OneThatIsDownHasNoTrafficToWaitFor) {
  outside_.established = {"up2"};
  ASSERT_TRUE(drain_.begin({.neighbors = {"up1"}}, now_));
  run(300ms, 1000);
  EXPECT_EQ(phases(), "up1 down");
}

TEST_F(Draining, AReloadKeepsItAndAWholeRouterTakesNewNeighborsAlong) {
  ASSERT_TRUE(drain_.begin({}, now_));
  run(5s);
  EXPECT_EQ(phases(), "up1 down, up2 down");
  BgpNeighborConfig third;
  third.name = "up3";
  config_.bgp.neighbors[0] = third;
  outside_.established.insert("up3");
  drain_.reloaded(now_);
  EXPECT_EQ(phases(), "up2 down, up3 leaving");
}

TEST_F(Draining, UndrainGivesBackWhatTheFileSays) {
  config_.bgp.neighbors[1].shutdown = true;
  config_.bgp.neighbors[1].shutdown_message = "of the file";
  ASSERT_TRUE(drain_.begin({}, now_));
  run(5s);
  EXPECT_EQ(laid_over(1).shutdown_message, "of the file");
  ASSERT_TRUE(drain_.end({}, now_));
  EXPECT_FALSE(laid_over(0).shutdown);
  EXPECT_FALSE(laid_over(0).graceful_shutdown);
  EXPECT_TRUE(laid_over(1).shutdown);
  EXPECT_EQ(drain_.end({}, now_).error(), "nothing is drained");
  EXPECT_EQ(drain_.end({"up1"}, now_).error(), "up1 is not drained");
}

}  // namespace
}  // namespace lastmile
