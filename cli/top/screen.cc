#include "cli/top/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "cli/table.h"

namespace lastmile::cli::top {
namespace {

struct PageFacts {
  Page page;
  char letter;
  const char* name;
  // Where a row's details are: the list of an answer, and the key that names its items.
  const char* verb;
  const char* list;
  const char* name_key;
};
constexpr std::array kPages{
    PageFacts{Page::kOverview, 'o', "overview", "", "", ""},
    PageFacts{Page::kPorts, 'p', "ports", "show ports", "ports", "name"},
    PageFacts{Page::kSessions, 's', "sessions", "show bgp", "neighbors", "name"},
    PageFacts{Page::kNextHops, 'n', "hops", "show nexthops", "next_hops", "id"},
    PageFacts{Page::kWorkers, 'w', "workers", "show workers", "workers", "id"},
    PageFacts{Page::kDrops, 'd', "drops", "show drops", "drops", "reason"},
};
const PageFacts& facts_of(Page page) {
  return kPages[static_cast<std::size_t>(page)];
}

Table table_of(Page page, const Moments& moments, Glyphs glyphs) {
  switch (page) {
    case Page::kPorts:
      return ports_table(moments);
    case Page::kSessions:
      return sessions_table(moments);
    case Page::kNextHops:
      return next_hops_table(moments, glyphs);
    case Page::kWorkers:
      return workers_table(moments, glyphs);
    case Page::kDrops:
      return drops_table(moments);
    case Page::kOverview:
      break;
  }
  return {};
}

Line head(const Moments& moments, const Status& status, const View& view) {
  const Json& version = moments.now.answer("version");
  Line line{{"lastmile ", Style::kTitle}};
  if (version.is_object()) {
    line.spans.push_back({fmt::format(
        "{}  AS {:.0f}  up {}", text(version, "router_id", "-"), number(version, "asn"),
        short_duration(static_cast<std::uint64_t>(number(version, "uptime_s"))))});
  }
  line.spans.push_back(
      {fmt::format("  {}  every {:g} s", status.clock, status.interval), Style::kDim});
  if (view.paused) line.spans.push_back({"  paused", Style::kWarn});
  return line;
}

Line foot(const View& view) {
  Line line;
  for (const PageFacts& page : kPages) {
    const bool here = page.page == view.page;
    line.spans.push_back({std::string{page.letter}, Style::kKey});
    line.spans.push_back({fmt::format(" {}  ", page.name), here ? Style::kTitle : Style::kDim});
  }
  line.spans.push_back({"enter", Style::kKey});
  line.spans.push_back({" more  ", Style::kDim});
  line.spans.push_back({"q", Style::kKey});
  line.spans.push_back({view.detail.empty() ? " quit" : " back", Style::kDim});
  return line;
}

/// Tables and queues of the router in one line.
Line fill(const Sample& now) {
  const Json& fib = now.answer("show fib");
  const Json& control = now.answer("show control");
  if (!fib.is_object()) return {};
  const auto routes = [&](const char* family) {
    return fib.contains(family)
               ? short_count(static_cast<std::uint64_t>(number(fib.at(family), "routes")))
               : "-";
  };
  const double depth = fib.contains("queue") ? number(fib.at("queue"), "depth") : 0;
  Line line{{"ROUTES ", Style::kHead},
            {fmt::format("{} IPv4, {} IPv6", routes("ipv4"), routes("ipv6"))},
            {"  QUEUE ", Style::kHead},
            {fmt::format("{:.0f}", depth), depth > 0 ? Style::kWarn : Style::kPlain}};
  if (control.is_object()) {
    line.spans.push_back({"  LONGEST SLICE ", Style::kHead});
    line.spans.push_back({short_time(number(control, "longest_us"))});
  }
  return line;
}

/// The tables of the overview, each as large as it likes as long as all fit; then the largest are
/// cut, and say so.
std::vector<Line> overview(const Moments& moments, std::size_t rows, Glyphs glyphs) {
  std::vector<std::vector<Line>> parts{
      sessions_table(moments).lines(), ports_table(moments).lines(),
      next_hops_table(moments, glyphs).lines(), workers_table(moments, glyphs).lines(),
      drops_table(moments).lines()};
  if (parts.back().size() == 1) parts.pop_back();  // nothing was dropped
  parts.push_back({fill(moments.now)});
  std::vector<std::size_t> shown;
  for (const auto& part : parts) shown.push_back(part.size());
  const auto needed = [&] {
    std::size_t sum = shown.size() - 1;  // blank lines
    for (const std::size_t count : shown) sum += count;
    return sum;
  };
  while (needed() > rows) {
    const auto largest = std::ranges::max_element(shown);
    if (*largest <= 2) break;
    --*largest;
  }
  std::vector<Line> out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.emplace_back();
    const bool whole = shown[i] == parts[i].size();
    for (std::size_t row = 0; row < shown[i]; ++row) {
      if (!whole && row + 1 == shown[i]) {
        out.push_back(Line{{fmt::format("... {} more", parts[i].size() - row), Style::kDim}});
      } else {
        out.push_back(parts[i][row]);
      }
    }
  }
  return out;
}

/// A table with a row to choose, scrolled so that the choice is seen.
std::vector<Line> one_table(const View& view, const Moments& moments, std::size_t rows,
                            Glyphs glyphs) {
  std::vector<Line> lines = table_of(view.page, moments, glyphs).lines();
  if (lines.size() == 1) return {Line{{"nothing here", Style::kDim}}};
  const std::size_t count = lines.size() - 1;
  const std::size_t chosen = std::min(view.selected, count - 1);
  lines[1 + chosen].selected = true;
  const std::size_t room = std::max<std::size_t>(rows, 2) - 1;
  const std::size_t first = chosen >= room ? chosen - room + 1 : 0;
  std::vector<Line> out{lines[0]};
  for (std::size_t i = first; i < std::min(count, first + room); ++i) out.push_back(lines[1 + i]);
  return out;
}

std::string value_text(const Json& value) {
  if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
    return value.get<std::string>();
  }
  if (value.is_null() || value.is_string()) return "-";
  if (value.is_number_float()) return fmt::format("{:g}", value.get<double>());
  if (value.is_array()) {
    std::string out;
    for (const Json& item : value) {
      if (item.is_structured()) return fmt::format("{} of them", value.size());
      out += (out.empty() ? "" : " ") + value_text(item);
    }
    return out.empty() ? "none" : out;
  }
  return value.dump();
}

void append_fields(const Json& object, std::vector<Line>& out) {
  std::size_t widest = 0;
  for (const auto& [name, value] : object.items()) widest = std::max(widest, name.size());
  for (const auto& [name, value] : object.items()) {
    std::string label = name;
    std::ranges::replace(label, '_', ' ');
    out.push_back(
        Line{{fmt::format("{:<{}}  ", label, widest), Style::kHead}, {value_text(value)}});
  }
}

/// All that is known of one row.
std::vector<Line> details(const View& view, const Moments& moments) {
  const PageFacts& facts = facts_of(view.page);
  std::vector<Line> out;
  const auto find = [&](const char* verb, const char* list, const char* name_key) {
    for (const Json& item : moments.now.list(verb, list)) {
      if (item.contains(name_key) && value_text(item.at(name_key)) == view.detail) {
        append_fields(item, out);
      }
    }
  };
  find(facts.verb, facts.list, facts.name_key);
  if (view.page == Page::kSessions) {
    const std::size_t before = out.size();
    find("show bfd", "sessions", "neighbor");
    if (out.size() > before) {
      const auto at = out.begin() + static_cast<std::ptrdiff_t>(before);
      out.insert(at, {Line{}, Line{{"BFD", Style::kTitle}}});
    }
  }
  if (out.empty()) out.push_back(Line{{view.detail + " is not there any more", Style::kWarn}});
  return out;
}

void go(View& view, Page page) {
  view.page = page;
  view.selected = 0;
  view.detail.clear();
}

}  // namespace

void press(View& view, Key key, const Moments& moments) {
  const std::size_t rows = view.detail.empty()
                               ? table_of(view.page, moments, Glyphs::kAscii).rows.size()
                               : details(view, moments).size();
  switch (key) {
    case Key::kUp:
      if (view.selected > 0) --view.selected;
      break;
    case Key::kDown:
      view.selected = std::min(view.selected + 1, rows > 0 ? rows - 1 : 0);
      break;
    case Key::kEnter: {
      if (view.page == Page::kOverview) return go(view, Page::kSessions);
      const Table table = table_of(view.page, moments, Glyphs::kAscii);
      if (!view.detail.empty() || table.rows.empty()) return;
      view.detail = table.rows[std::min(view.selected, table.rows.size() - 1)].key;
      view.selected = 0;
      break;
    }
    case Key::kBack:
      if (!view.detail.empty()) {
        view.detail.clear();
        view.selected = 0;
      } else {
        go(view, Page::kOverview);
      }
      break;
    case Key::kPause:
      view.paused = !view.paused;
      break;
    case Key::kQuit:
      if (view.detail.empty()) {
        view.quit = true;
      } else {
        press(view, Key::kBack, moments);
      }
      break;
    case Key::kOther:
      break;
  }
}

void press(View& view, char letter, const Moments& moments) {
  for (const PageFacts& page : kPages) {
    if (page.letter == letter) return go(view, page.page);
  }
  if (letter == 'q') return press(view, Key::kQuit, moments);
  if (letter == 'j') return press(view, Key::kDown, moments);
  if (letter == 'k') return press(view, Key::kUp, moments);
  if (letter == ' ') return press(view, Key::kPause, moments);
}

std::vector<Line> draw(const View& view, const Moments& moments, const Status& status, Size size,
                       Glyphs glyphs) {
  std::vector<Line> lines{head(moments, status, view)};
  if (!status.trouble.empty()) lines.push_back(Line{{status.trouble, Style::kBad}});
  if (size.rows > 6) lines.emplace_back();
  const std::size_t used = lines.size() + 1;  // and the last line
  const std::size_t room = size.rows > used ? size.rows - used : 1;
  std::vector<Line> body;
  if (moments.now.answers.empty()) {
    body.push_back(Line{{"waiting for the router", Style::kDim}});
  } else if (!view.detail.empty()) {
    body = details(view, moments);
    const std::size_t most = body.size() > room ? body.size() - room : 0;
    body.erase(body.begin(),
               body.begin() + static_cast<std::ptrdiff_t>(std::min(view.selected, most)));
  } else if (view.page == Page::kOverview) {
    body = overview(moments, room, glyphs);
  } else {
    body = one_table(view, moments, room, glyphs);
  }
  body.resize(room);  // cut, or filled up, so that the last line is at the bottom
  for (Line& line : body) lines.push_back(std::move(line));
  lines.push_back(foot(view));
  if (lines.size() > size.rows) lines.resize(size.rows);
  for (Line& line : lines) line = cut(std::move(line), size.columns);
  return lines;
}

}  // namespace lastmile::cli::top
