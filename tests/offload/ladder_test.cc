// The ladder against NICs of every kind, played by a table of what they take.
#include "drivers/offload/ladder.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "drivers/offload/rte_rule.h"

namespace lastmile::offload {
namespace {

/// A NIC that takes the rules whose text `takes` approves of, each once.
class PlayedNic final : public FlowDevice {
 public:
  using Judge = std::function<bool(const std::string& rule)>;
  explicit PlayedNic(Judge takes) : takes_(std::move(takes)) {}
  ~PlayedNic() override { EXPECT_TRUE(rules_.empty()) << "rules were left in the NIC"; }

  Result<void> validate(const Rule& rule) override {
    const std::string text = testpmd_text(rule);
    if (!takes_(text)) return failure("no such parser: " + text, 95);
    if (holds(text)) return failure("rule exists", 17);
    return {};
  }
  Result<RuleHandle> create(const Rule& rule) override {
    if (room_ == rules_.size()) return failure("table is full", 28);
    if (auto valid = validate(rule); !valid) return tl::unexpected(valid.error());
    rules_[++last_] = testpmd_text(rule);
    return reinterpret_cast<RuleHandle>(last_);
  }
  Result<void> destroy(RuleHandle handle) override {
    EXPECT_EQ(rules_.erase(reinterpret_cast<std::uintptr_t>(handle)), 1U);
    return {};
  }

  [[nodiscard]] bool holds(const std::string& text) const {
    for (const auto& [handle, rule] : rules_) {
      if (rule == text) return true;
    }
    return false;
  }
  [[nodiscard]] std::size_t size() const { return rules_.size(); }
  /// As many NICs do when the port is stopped.
  void forget() { rules_.clear(); }
  void make_room_for(std::size_t rules) { room_ = rules; }

 private:
  Judge takes_;
  std::size_t room_ = 1000;
  std::uintptr_t last_ = 0;
  std::map<std::uintptr_t, std::string> rules_;
};

bool has(const std::string& text, const char* word) {
  return text.find(word) != std::string::npos;
}

const MacAddress kOurs{{2, 0, 0x5e, 0x10, 0, 1}};
const MacAddress kLeaf{{2, 0, 0x5e, 0x10, 1, 1}};

Footing whole_nic() {
  return {.mac = kOurs, .priority_queue = 2, .hairpin_queue = 3};
}
Footing without_hairpin() {
  Footing footing = whole_nic();
  footing.hairpin_queue.reset();
  footing.why_no_hairpin_queue = "the driver has no hairpin queues";
  return footing;
}

const StepReport& step(const Ladder& ladder, Step which) {
  return ladder.report().steps[static_cast<std::size_t>(which)];
}

TEST(Ladder, ANicThatTakesEverythingReachesTheTop) {
  PlayedNic nic{[](const std::string&) { return true; }};
  Ladder ladder{nic, whole_nic()};
  ladder.climb();
  EXPECT_EQ(ladder.report().reached(), Step::kDropRules);
  EXPECT_EQ(ladder.report().next_refused(), nullptr);
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).state, StepState::kReached);
  // Nothing to reflect and nothing to drop yet: asked for, not installed.
  EXPECT_EQ(step(ladder, Step::kEchoReflection).state, StepState::kPossible);
  EXPECT_EQ(step(ladder, Step::kDropRules).state, StepState::kPossible);
  EXPECT_EQ(step(ladder, Step::kDropRules).reason, "nothing in the router asks for discards yet");
  EXPECT_EQ(nic.size(), 15U);
}

TEST(Ladder, ANicThatTakesNothingSaysWhy) {
  PlayedNic nic{[](const std::string&) { return false; }};
  Ladder ladder{nic, without_hairpin()};
  ladder.climb();
  EXPECT_EQ(ladder.report().reached(), Step::kSoftware);
  ASSERT_NE(ladder.report().next_refused(), nullptr);
  EXPECT_EQ(ladder.report().next_refused()->step, Step::kPriorityQueue);
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).reason,
            "no such parser: ingress pattern eth / ipv4 / udp dst is 3784 / end "
            "actions queue index 2 / end");
  EXPECT_EQ(step(ladder, Step::kEchoReflection).reason, "the driver has no hairpin queues");
  EXPECT_TRUE(has(step(ladder, Step::kDropRules).reason, "no such parser"));
  EXPECT_EQ(nic.size(), 0U);
}

TEST(Ladder, WhatIsSteeredAlreadyNeedsNoRules) {
  PlayedNic nic{[](const std::string&) { return false; }};
  Footing footing = without_hairpin();
  footing.steered_already = {
      {.name = "bfd", .state = RuleState::kInstalled, .rule = "by the kernel", .reason = {}}};
  Ladder ladder{nic, footing};
  ladder.climb();
  EXPECT_EQ(ladder.report().reached(), Step::kPriorityQueue);
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).state, StepState::kReached);
  ASSERT_EQ(step(ladder, Step::kPriorityQueue).rules.size(), 1U);
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).rules[0].rule, "by the kernel");
  EXPECT_EQ(step(ladder, Step::kDropRules).state, StepState::kRefused);
}

TEST(Ladder, WithoutAQueueToSteerToNothingIsAsked) {
  PlayedNic nic{[](const std::string& rule) { return has(rule, "drop"); }};
  Footing footing = without_hairpin();
  footing.priority_queue.reset();
  footing.why_no_priority_queue = "the device has 1 receive queues, and workers use all";
  Ladder ladder{nic, footing};
  ladder.climb();
  EXPECT_EQ(ladder.report().reached(), Step::kSoftware);
  EXPECT_EQ(ladder.report().next_refused()->reason, footing.why_no_priority_queue);
  // Steps are asked one by one: this NIC drops although it can't steer.
  EXPECT_EQ(step(ladder, Step::kDropRules).state, StepState::kPossible);
}

// Intel's 82576 and 82599: five-tuples of IPv4, the protocol said, and EtherTypes.
TEST(Ladder, TakesTheWayThatTheDriverKnows) {
  PlayedNic nic{[](const std::string& rule) {
    return has(rule, "ipv4 proto is") || has(rule, "eth type is");
  }};
  Ladder ladder{nic, without_hairpin()};
  ladder.climb();
  const StepReport& steering = step(ladder, Step::kPriorityQueue);
  EXPECT_EQ(steering.state, StepState::kPartly);
  EXPECT_EQ(ladder.report().reached(), Step::kPriorityQueue);
  EXPECT_EQ(ladder.report().next_refused()->step, Step::kPriorityQueue);
  EXPECT_EQ(nic.size(), 6U);  // five services over IPv4, ARP
  EXPECT_TRUE(
      nic.holds("ingress pattern eth / ipv4 proto is 17 / udp dst is 3784 / end "
                "actions queue index 2 / end"));
  for (const RuleReport& rule : steering.rules) {
    const bool taken = has(rule.name, "ipv4") || rule.name == "arp";
    EXPECT_EQ(rule.state == RuleState::kInstalled, taken) << rule.name;
    EXPECT_EQ(rule.reason.empty(), taken) << rule.name;
  }
}

TEST(Ladder, OneRuleForAllOfIcmpv6IsInstalledOnce) {
  PlayedNic nic{[](const std::string& rule) { return !has(rule, "icmp6"); }};
  Ladder ladder{nic, without_hairpin()};
  ladder.climb();
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).state, StepState::kReached);
  EXPECT_EQ(nic.size(), 12U);
}

TEST(Ladder, WhatFindsNoRoomIsReportedAndTheRestStays) {
  PlayedNic nic{[](const std::string&) { return true; }};
  nic.make_room_for(3);
  Ladder ladder{nic, without_hairpin()};
  ladder.climb();
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).state, StepState::kPartly);
  EXPECT_EQ(step(ladder, Step::kPriorityQueue).reason, "table is full");
  EXPECT_EQ(nic.size(), 3U);
}

TEST(Ladder, TheRestGoesToTheFirstQueueWhereDevicesSpreadIt) {
  PlayedNic nic{[](const std::string&) { return true; }};
  Footing footing = without_hairpin();
  footing.spreads_the_rest = true;
  Ladder ladder{nic, footing};
  ladder.climb();
  EXPECT_TRUE(nic.holds("ingress priority 1 pattern eth / end actions queue index 0 / end"));
}

TEST(Ladder, RulesComeBackAfterARestart) {
  PlayedNic nic{[](const std::string&) { return true; }};
  Ladder ladder{nic, whole_nic()};
  ladder.climb();
  ladder.reflect({kLeaf}, {});
  ladder.drop({drop_probe()});
  const std::size_t before = nic.size();
  ladder.step_down();
  EXPECT_EQ(nic.size(), 0U);
  EXPECT_EQ(ladder.report().reached(), Step::kSoftware);
  ladder.climb();
  EXPECT_EQ(nic.size(), before);
  EXPECT_EQ(before, 15U + 2U + 1U);
  EXPECT_EQ(ladder.report().reached(), Step::kDropRules);
}

TEST(Ladder, WishesFromBeforeTheClimbAreInstalledByIt) {
  PlayedNic nic{[](const std::string&) { return true; }};
  Ladder ladder{nic, whole_nic()};
  ladder.reflect({kLeaf}, {*parse_ip_address("10.0.1.1")});
  EXPECT_EQ(nic.size(), 0U);
  ladder.climb();
  EXPECT_EQ(nic.size(), 15U + 3U);
  EXPECT_EQ(step(ladder, Step::kEchoReflection).state, StepState::kReached);
}

TEST(Ladder, AnotherNeighborTakesTheOthersPlace) {
  PlayedNic nic{[](const std::string&) { return true; }};
  Ladder ladder{nic, whole_nic()};
  ladder.climb();
  ladder.reflect({kLeaf}, {});
  const MacAddress other{{2, 0, 0x5e, 0x10, 2, 2}};
  ladder.reflect({other}, {});
  const StepReport& report = step(ladder, Step::kEchoReflection);
  ASSERT_EQ(report.rules.size(), 2U);
  EXPECT_EQ(report.rules[0].name, "echo of 02:00:5e:10:02:02 ipv4");
  EXPECT_EQ(nic.size(), 17U);
  ladder.reflect({}, {});
  EXPECT_EQ(step(ladder, Step::kEchoReflection).state, StepState::kPossible);
  EXPECT_EQ(nic.size(), 15U);
}

TEST(Ladder, NothingStaysBehind) {
  PlayedNic nic{[](const std::string&) { return true; }};  // its destructor looks
  {
    Ladder ladder{nic, whole_nic()};
    ladder.climb();
    ladder.drop({drop_probe()});
  }
  EXPECT_EQ(nic.size(), 0U);
}

}  // namespace
}  // namespace lastmile::offload
