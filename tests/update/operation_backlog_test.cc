// What happens to operations that have to wait: newest wins, and never a route without its group.
#include "dataplane/update/operation_backlog.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace lastmile {
namespace {

class Backlog : public testing::Test {
 protected:
  FibSequence push(const FibAction& action) {
    backlog.push({.sequence = ++newest, .completes = 0, .action = action});
    return newest;
  }
  FibOperation take() {
    const FibOperation operation = backlog.front(newest);
    backlog.pop();
    return operation;
  }
  static IpPrefix prefix(unsigned n) { return Ipv4Prefix{Ipv4Address{n << 8}, 24}; }
  static GroupId group(unsigned n) { return GroupId{static_cast<std::uint16_t>(n)}; }

  OperationBacklog backlog;
  FibSequence newest = 100;
};

TEST_F(Backlog, NewestWins) {
  push(SetRoute{prefix(1), group(1)});
  push(SetRoute{prefix(2), group(1)});
  push(SetRoute{prefix(1), group(2)});
  push(RemoveRoute{prefix(2)});
  push(SetRoute{prefix(1), group(3)});
  EXPECT_EQ(backlog.size(), 2U);
  EXPECT_EQ(backlog.coalesced(), 3U);

  const FibOperation first = take();
  EXPECT_EQ(std::get<SetRoute>(first.action).group, group(3));
  EXPECT_EQ(first.sequence, 105U);
  EXPECT_EQ(first.completes, 101U) << "the operation on the second prefix still waits";
  const FibOperation second = take();
  EXPECT_TRUE(std::holds_alternative<RemoveRoute>(second.action));
  EXPECT_EQ(second.completes, 105U);
  EXPECT_TRUE(backlog.empty());
}

TEST_F(Backlog, APrefixThatLeftTheBacklogStartsAnew) {
  push(SetRoute{prefix(1), group(1)});
  take();
  push(SetRoute{prefix(1), group(2)});
  EXPECT_EQ(backlog.size(), 1U);
  EXPECT_EQ(backlog.coalesced(), 0U);
  EXPECT_EQ(std::get<SetRoute>(take().action).group, group(2));
}

TEST_F(Backlog, AGroupComesBeforeTheRouteThatWasMovedToIt) {
  push(SetRoute{prefix(1), group(1)});
  push(AddNextHop{NextHopId{7}, {}});
  push(AddGroup{group(2)});
  push(SetRoute{prefix(1), group(2)});  // takes the place of the first operation
  EXPECT_TRUE(std::holds_alternative<AddNextHop>(take().action));
  EXPECT_TRUE(std::holds_alternative<AddGroup>(take().action));
  EXPECT_EQ(std::get<SetRoute>(take().action).group, group(2));
}

TEST_F(Backlog, AGroupIsFreedAfterTheRouteThatLeavesIt) {
  push(SetRoute{prefix(1), group(2)});  // leaves group 1
  push(FreeGroup{group(1)});
  push(FreeNextHop{NextHopId{7}});
  push(SetRoute{prefix(2), group(2)});
  push(SetRoute{prefix(1), group(3)});
  EXPECT_EQ(std::get<SetRoute>(take().action).group, group(3));
  EXPECT_TRUE(std::holds_alternative<FreeGroup>(take().action));
  EXPECT_TRUE(std::holds_alternative<FreeNextHop>(take().action));
  EXPECT_TRUE(std::holds_alternative<SetRoute>(take().action)) << "younger routes don't hold it up";
}

TEST_F(Backlog, ChangesOfANextHopMergeIntoWhatWaits) {
  const NextHopSpec forward{.kind = NextHopKind::kForward, .port = PortId{1}, .destination = {}};
  const NextHopSpec glean{.kind = NextHopKind::kGlean, .port = PortId{1}, .destination = {}};
  push(AddNextHop{NextHopId{7}, glean});
  push(ChangeNextHop{NextHopId{7}, forward});
  push(ChangeNextHop{NextHopId{8}, forward});
  push(ChangeNextHop{NextHopId{8}, glean});
  EXPECT_EQ(backlog.size(), 2U);
  EXPECT_EQ(std::get<AddNextHop>(take().action).spec, forward);
  EXPECT_EQ(std::get<ChangeNextHop>(take().action).spec, glean);
}

TEST_F(Backlog, MemoryIsBoundedByDistinctPrefixes) {
  for (unsigned i = 0; i < 100'000; ++i) push(SetRoute{prefix(i % 10), group(1 + i % 7)});
  EXPECT_EQ(backlog.size(), 10U);
}

// Random streams against a model: with every operation applied in the backlog's order, the routes
// end as if they had been applied in the order of submission; no route ever refers to a group that
// is not there; and `completes` never promises what is still waiting.
TEST_F(Backlog, RandomStreamsKeepTheRules) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random{seed};

  std::map<IpPrefix, GroupId> wanted;         // as submitted
  std::map<IpPrefix, GroupId> applied;        // as a writer has it
  std::map<IpPrefix, FibSequence> submitted;  // newest operation of each prefix
  std::map<IpPrefix, FibSequence> done;
  std::set<GroupId> exists;  // at the writer
  std::set<GroupId> usable;  // at the client
  unsigned next_group = 1;
  FibSequence complete = 0;

  const auto apply = [&](const FibOperation& operation) {
    if (const auto* set = std::get_if<SetRoute>(&operation.action)) {
      ASSERT_TRUE(exists.contains(set->group));
      applied[set->prefix] = set->group;
      done[set->prefix] = operation.sequence;
    } else if (const auto* remove = std::get_if<RemoveRoute>(&operation.action)) {
      applied.erase(remove->prefix);
      done[remove->prefix] = operation.sequence;
    } else if (const auto* add = std::get_if<AddGroup>(&operation.action)) {
      exists.insert(add->id);
    } else if (const auto* free = std::get_if<FreeGroup>(&operation.action)) {
      for (const auto& [p, g] : applied) ASSERT_NE(g, free->id) << "a route without a group";
      exists.erase(free->id);
    }
    ASSERT_GE(operation.completes, complete);
    complete = operation.completes;
    for (const auto& [p, sequence] : submitted) {
      if (sequence <= complete) {
        ASSERT_GE(done[p], sequence) << "promised and not done";
      }
    }
  };

  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 8) {
      case 0:
        usable.insert(group(next_group));
        push(AddGroup{group(next_group++)});
        break;
      case 1: {  // move every route off a group, then free it
        if (usable.size() < 2) break;
        const GroupId old = *usable.begin();
        usable.erase(usable.begin());
        for (auto& [p, g] : wanted) {
          if (g != old) continue;
          g = *usable.rbegin();
          submitted[p] = push(SetRoute{p, g});
        }
        push(FreeGroup{old});
        break;
      }
      case 2:
      case 3:
      case 4: {
        if (usable.empty()) break;
        const IpPrefix p = prefix(static_cast<unsigned>(random() % 40));
        wanted[p] = *std::next(usable.begin(), static_cast<long>(random() % usable.size()));
        submitted[p] = push(SetRoute{p, wanted[p]});
        break;
      }
      case 5: {
        const IpPrefix p = prefix(static_cast<unsigned>(random() % 40));
        wanted.erase(p);
        submitted[p] = push(RemoveRoute{p});
        break;
      }
      default:
        for (auto left = random() % 4; left > 0 && !backlog.empty(); --left) apply(take());
    }
    if (HasFatalFailure()) return;
  }
  while (!backlog.empty()) apply(take());
  EXPECT_EQ(applied, wanted);
  EXPECT_EQ(complete, newest);
}

}  // namespace
}  // namespace lastmile
