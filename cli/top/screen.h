// The screen: which page, what was typed, and what fits. Knows no terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/top/tables.h"

namespace lastmile::cli::top {

enum class Page : std::uint8_t { kOverview, kPorts, kSessions, kNextHops, kWorkers, kDrops };

/// What the operator has chosen.
struct View {
  Page page = Page::kOverview;
  std::size_t selected = 0;  ///< row of the page's table
  std::string detail;        ///< key of the row that is looked into; empty: none
  bool paused = false;
  bool quit = false;
};

enum class Key : std::uint8_t { kOther, kUp, kDown, kEnter, kBack, kPause, kQuit };
/// A key that is no letter of a page.
void press(View& view, Key key, const Moments& moments);
/// A letter: of a page, or one that stands for a Key.
void press(View& view, char letter, const Moments& moments);

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};
/// What stands at the top and is not the daemon's.
struct Status {
  std::string clock;  ///< "12:34:56"
  double interval = 1;
  std::string trouble;  ///< why there is no answer now; empty: there is one
};

/// At most `size.rows` lines of at most `size.columns`.
[[nodiscard]] std::vector<Line> draw(const View& view, const Moments& moments, const Status& status,
                                     Size size, Glyphs glyphs);

}  // namespace lastmile::cli::top
