// What the daemon says, as tables of the screen.
#pragma once

#include "cli/top/sample.h"
#include "cli/top/text.h"

namespace lastmile::cli::top {

/// Two moments; `before` is null at first.
struct Moments {
  const Sample* before = nullptr;
  const Sample& now;
};

[[nodiscard]] Table ports_table(const Moments& moments);
/// BGP neighbors with the state of their BFD sessions.
[[nodiscard]] Table sessions_table(const Moments& moments);
/// Next hops that packets leave by, with their share of what left since the sample before.
[[nodiscard]] Table next_hops_table(const Moments& moments, Glyphs glyphs);
[[nodiscard]] Table workers_table(const Moments& moments, Glyphs glyphs);
/// Reasons that occurred, the busiest first.
[[nodiscard]] Table drops_table(const Moments& moments);

}  // namespace lastmile::cli::top
