// `lastmile events`: the journal, a page at a time.
#pragma once

#include <functional>

#include "controlplane/control/command_table.h"
#include "controlplane/journal/journal.h"

namespace lastmile {

/// Most entries in one answer; a client asks again with the answer's "last" as "after".
inline constexpr std::size_t kMaxEventsPage = 256;

/// {"after": N, "since": "10m"}, both may be left out. The answer: {"events": [{"number",
/// "time_us" since 1970, "time", "kind", "subject", "text"}], "last": N, "more": bool}.
/// `wall`: what the clock on the wall says, and `now` at the same moment.
[[nodiscard]] CommandResult read_events(const Journal& journal, const Json& args, TimePoint now,
                                        std::chrono::system_clock::time_point wall);

/// The journal outlives the table.
void add_event_commands(CommandTable& table, const Journal& journal,
                        std::function<TimePoint()> now);

}  // namespace lastmile
