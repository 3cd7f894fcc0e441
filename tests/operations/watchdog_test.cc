// Threads that stop, without stopping one: the monitor is given counters and a clock.

#include "daemon/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "daemon/progress_monitor.h"

namespace lastmile {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Progress : public testing::Test {
 protected:
  Progress() {
    for (const char* name : {"control", "worker 0"}) {
      monitor_.watch(name, [this, name] { return pulses_[name]; });
    }
  }
  /// A look, a quarter of a second later; those named have moved.
  std::vector<ProgressMonitor::Change> later(const std::vector<std::string>& moved,
                                             milliseconds by = milliseconds{250}) {
    now_ += by;
    for (const std::string& name : moved) ++pulses_[name];
    return monitor_.look(now_);
  }

  const std::vector<std::string> all_{"control", "worker 0"};
  std::map<std::string, std::uint64_t> pulses_;
  ProgressMonitor::Time now_{seconds{1000}};
  ProgressMonitor monitor_{{.patience = seconds{3}, .longest_gap = seconds{1}}};
};

TEST_F(Progress, WhoMovesIsNeverStuck) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(later(all_).empty());
    EXPECT_TRUE(monitor_.all_moved());
  }
}

TEST_F(Progress, WhoDoesNotMoveIsSaidOnceAndSoIsItsReturn) {
  later(all_);
  ASSERT_TRUE(monitor_.all_moved());
  for (int i = 0; i < 11; ++i) {  // 2.75 s
    EXPECT_TRUE(later({"control"}).empty());
    EXPECT_FALSE(monitor_.all_moved());
  }
  const auto stuck = later({"control"});
  ASSERT_EQ(stuck.size(), 1U);
  EXPECT_EQ(stuck[0].thread, "worker 0");
  EXPECT_TRUE(stuck[0].stuck);
  EXPECT_EQ(stuck[0].silent, seconds{3});
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(later({"control"}).empty());
  EXPECT_FALSE(monitor_.all_moved());

  const auto back = later(all_);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].thread, "worker 0");
  EXPECT_FALSE(back[0].stuck);
  EXPECT_EQ(back[0].silent, milliseconds{8250});
  EXPECT_TRUE(monitor_.all_moved());
}

TEST_F(Progress, AliveIsSaidOnlyOfMovesSinceTheLastTime) {
  later({"control"});
  EXPECT_FALSE(monitor_.all_moved());
  later({"worker 0"});  // each at its time: both have
  EXPECT_TRUE(monitor_.all_moved());
  EXPECT_FALSE(monitor_.all_moved());
  later({"worker 0"});
  EXPECT_FALSE(monitor_.all_moved());
}

TEST_F(Progress, WhoWasNotRunItselfBlamesNobody) {
  later(all_);
  EXPECT_TRUE(later({}, seconds{3600}).empty());  // suspended
  for (int i = 0; i < 11; ++i) EXPECT_TRUE(later({}).empty());
  EXPECT_EQ(later({}).size(), 2U);                // but from there on patience is the same
  EXPECT_TRUE(later({}, seconds{3600}).empty());  // and who was stuck still is
  EXPECT_EQ(later(all_).size(), 2U);
}

TEST_F(Progress, ThreadsThatNeverMovedAreStuckToo) {
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(later({}).empty());
  EXPECT_EQ(later({}).size(), 2U);
  EXPECT_FALSE(monitor_.all_moved());
}

TEST(Watchdog, PokesReportsAndIsSilentWhileOneIsStuck) {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<std::uint64_t> answers{0};
  std::atomic<bool> hangs{false};
  unsigned alive = 0;
  Watchdog watchdog{{.period = milliseconds{1},
                     .poke = [&] { answers += hangs ? 0 : 1; },
                     .report = [](const ProgressMonitor::Change&) {},
                     .alive =
                         [&] {
                           const std::lock_guard lock{mutex};
                           ++alive;
                           changed.notify_all();
                         }}};
  watchdog.watch("one", [&] { return answers.load(); });
  watchdog.start();
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return alive >= 10; });
  hangs = true;
  const unsigned until_now = alive;
  changed.wait_for(lock, milliseconds{200}, [&] { return alive > until_now + 2; });
  EXPECT_LE(alive, until_now + 2);  // what was under way
  EXPECT_FALSE(watchdog.is_stuck("one"));
  hangs = false;
  const unsigned then = alive;
  changed.wait(lock, [&] { return alive > then; });
  EXPECT_EQ(watchdog.threads(), std::vector<std::string>{"one"});
}

}  // namespace
}  // namespace lastmile
