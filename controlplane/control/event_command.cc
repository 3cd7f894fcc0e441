#include "controlplane/control/event_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "controlplane/config/time_types.h"

namespace lastmile {
namespace {

using std::chrono::microseconds;
using WallTime = std::chrono::system_clock::time_point;

/// "2026-11-21T18:40:25.123456Z".
std::string text_of(WallTime at) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto rest = std::chrono::floor<microseconds>(at - whole);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), rest.count());
}

/// Wall time of the control clock's. The two can't be read in one instant, so their distance is
/// kept until the wall clock has been set or has drifted: an event has the same time whenever it is
/// read.
class Clocks {
 public:
  [[nodiscard]] WallTime wall(TimePoint now) {
    const auto apart = std::chrono::system_clock::now().time_since_epoch() -
                       ControlClock::now().time_since_epoch();
    if (!apart_ || std::chrono::abs(apart - *apart_) > kDrift) apart_ = apart;
    return WallTime{std::chrono::floor<WallTime::duration>(now.time_since_epoch() + *apart_)};
  }

 private:
  static constexpr std::chrono::milliseconds kDrift{1};
  std::optional<std::chrono::nanoseconds> apart_;
};

}  // namespace

CommandResult read_events(const Journal& journal, const Json& args, TimePoint now, WallTime wall) {
  std::uint64_t after = 0;
  if (const auto found = args.find("after"); found != args.end()) {
    if (!found->is_number_unsigned()) {
      return tl::unexpected<std::string>("\"after\" is no number; expected that of an event");
    }
    after = found->get<std::uint64_t>();
  }
  TimePoint since = TimePoint::min();
  if (const auto found = args.find("since"); found != args.end()) {
    const auto age = found->is_string()
                         ? config::parse_duration(found->get_ref<const std::string&>())
                         : tl::unexpected(config::Fault{});
    if (!age) {
      return tl::unexpected<std::string>(
          "\"since\" is no duration; expected how long ago, such as 30s, 10m or 2h");
    }
    since = now - std::chrono::duration_cast<Duration>(*age);
  }
  Json events = Json::array();
  std::uint64_t last = after;
  std::size_t seen = 0;
  journal.read(after, kMaxEventsPage, [&](const JournalEntry& entry) {
    ++seen;
    last = entry.number;
    if (entry.at < since) return;
    const WallTime at = wall - std::chrono::duration_cast<WallTime::duration>(now - entry.at);
    const auto unix_us = std::chrono::floor<microseconds>(at.time_since_epoch()).count();
    events.push_back({{"number", entry.number},
                      {"time_us", unix_us},
                      {"time", text_of(at)},
                      {"kind", to_string(entry.kind)},
                      {"subject", entry.subject},
                      {"text", entry.text}});
  });
  return Json{{"events", std::move(events)}, {"last", last}, {"more", seen == kMaxEventsPage}};
}

void add_event_commands(CommandTable& table, const Journal& journal,
                        std::function<TimePoint()> now) {
  table.add({"events",
             "what happened: detection, repair, sessions, services, reloads",
             {"after", "since"},
             [&journal, now = std::move(now), clocks = Clocks{}](const Json& args) mutable {
               const TimePoint at = now();
               return read_events(journal, args, at, clocks.wall(at));
             }});
}

}  // namespace lastmile
