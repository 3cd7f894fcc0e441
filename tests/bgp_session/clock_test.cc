// The clock on the wall jumps, as it does when somebody sets it, or NTP steps it: forward by a
// month, back by a year. Timers and sessions take no notice, because nothing below the event loop
// knows that clock.
//
// This program answers clock_gettime() itself, for the C++ library and Boost too.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <map>

#include "tests/bgp_session/two_routers.h"

namespace {

std::atomic<long> g_asked{0};  // how often somebody has looked at the wall

/// Each look sees another time: a month ahead, a year behind, 1970.
long seconds_of_the_wall(long true_seconds) {
  constexpr long kDay = 86'400;
  switch (g_asked++ % 4) {
    case 0:
      return true_seconds + 30 * kDay;
    case 1:
      return true_seconds - 365 * kDay;
    case 2:
      return 0;
    default:
      return true_seconds;
  }
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* at) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, at);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    at->tv_sec = seconds_of_the_wall(at->tv_sec);
  }
  return static_cast<int>(result);
}

namespace lastmile::bgp {
namespace {

/// The clock that would hurt does jump, or this proves nothing.
TEST(WallClock, JumpsInThisProgram) {
  using std::chrono::system_clock;
  std::array<system_clock::time_point, 4> seen;
  for (auto& at : seen) at = system_clock::now();
  EXPECT_GT(*std::ranges::max_element(seen) - *std::ranges::min_element(seen),
            std::chrono::hours{24 * 365});
}

TEST(WallClock, TimersFireInOrderAndOnTime) {
  log::set_level(log::Level::kOff);
  EventLoop loop;
  AsioTimers timers{loop};
  std::vector<std::uint64_t> order;
  std::vector<TimePoint> fired;
  constexpr std::uint64_t kTimers = 20;
  loop.set_handler([&](Event&& event) {
    order.push_back(std::get<TimerExpired>(event.what).timer.owner);
    fired.push_back(event.at);
    (void)std::chrono::system_clock::now();
    if (order.size() == kTimers) loop.stop();
  });
  // When each is due, as exactly as that is known: arming takes time, too.
  struct Due {
    TimePoint earliest, latest;
  };
  std::map<std::uint64_t, Due> due;
  for (std::uint64_t i = 0; i < kTimers; ++i) {
    const auto after = std::chrono::milliseconds{1 + (i * 7) % kTimers};
    const auto owner = static_cast<std::uint64_t>(after.count());
    due[owner].earliest = ControlClock::now() + after;
    timers.arm({TimerKind::kHold, owner}, after);
    due[owner].latest = ControlClock::now() + after;
  }
  loop.run_for(10s);
  ASSERT_EQ(order.size(), kTimers);
  for (std::size_t i = 0; i < kTimers; ++i) {
    EXPECT_GE(fired[i], due[order[i]].earliest);
    if (i == 0) continue;
    EXPECT_LE(due[order[i - 1]].earliest, due[order[i]].latest);
  }
}

/// With the shortest hold time that there is, and for longer than that.
TEST(WallClock, SessionsStayUp) {
  PeerSettings settings;
  settings.timers.hold = 3s;
  settings.timers.keepalive = 1s;
  TwoRouters net{Ipv4Address{127, 0, 0, 4}, Ipv4Address{127, 0, 0, 5}, settings};
  ASSERT_TRUE(net.until([&] { return net.both_up(); }));
  const long asked = g_asked;
  const bool lost = net.until(
      [&] {
        (void)std::chrono::system_clock::now();
        return !net.both_up();
      },
      3500ms);
  EXPECT_FALSE(lost) << net.a.observer.last_reason;
  EXPECT_GT(g_asked, asked);
  EXPECT_GE(net.a.manager->status(PeerId{0}, net.a.loop.now()).history.received.keepalive, 3U);
}

}  // namespace
}  // namespace lastmile::bgp
