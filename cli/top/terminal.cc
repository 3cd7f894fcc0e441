#include "cli/top/terminal.h"

#define NCURSES_NOMACROS 1
#include <langinfo.h>
#include <ncurses.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace lastmile::cli::top {
namespace {

constexpr short kGreen = 1;
constexpr short kRed = 2;
constexpr short kYellow = 3;
constexpr short kCyan = 4;

attr_t attributes(Style style) {
  switch (style) {
    case Style::kTitle:
      return A_BOLD;
    case Style::kHead:
      return static_cast<attr_t>(COLOR_PAIR(kCyan));
    case Style::kGood:
      return static_cast<attr_t>(COLOR_PAIR(kGreen));
    case Style::kBad:
      return static_cast<attr_t>(COLOR_PAIR(kRed)) | A_BOLD;
    case Style::kWarn:
      return static_cast<attr_t>(COLOR_PAIR(kYellow)) | A_BOLD;
    case Style::kDim:
      return A_DIM;
    case Style::kBar:
      return static_cast<attr_t>(COLOR_PAIR(kGreen));
    case Style::kKey:
      return static_cast<attr_t>(COLOR_PAIR(kCyan)) | A_BOLD;
    case Style::kPlain:
      break;
  }
  return A_NORMAL;
}

bool has_input() {
  pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return ::poll(&in, 1, 0) > 0;
}

}  // namespace

tl::expected<Terminal, std::string> Terminal::open() {
  // A machine without a locale, as servers are, still has a terminal that shows UTF-8.
  if (std::setlocale(LC_CTYPE, "") == nullptr ||
      std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  const bool unicode = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  // Not initscr(), which ends the program where the terminal is not known.
  if (::newterm(nullptr, stdout, stdin) == nullptr) {
    const char* name = std::getenv("TERM");
    return tl::unexpected(std::string{"the terminal "} + (name != nullptr ? name : "(no TERM)") +
                          " is not known; set TERM, or use show ... --watch");
  }
  ::cbreak();
  ::noecho();
  ::curs_set(0);
  ::keypad(stdscr, true);
  ::set_escdelay(25);
  if (::has_colors()) {
    ::start_color();
    ::use_default_colors();
    ::init_pair(kGreen, COLOR_GREEN, -1);
    ::init_pair(kRed, COLOR_RED, -1);
    ::init_pair(kYellow, COLOR_YELLOW, -1);
    ::init_pair(kCyan, COLOR_CYAN, -1);
  }
  return Terminal{unicode ? Glyphs::kUnicode : Glyphs::kAscii};
}

Terminal::Terminal(Terminal&& other) noexcept
    : glyphs_(other.glyphs_), open_(std::exchange(other.open_, false)) {}

Terminal::~Terminal() {
  if (open_) ::endwin();
}

Size Terminal::size() const {
  return {static_cast<std::size_t>(std::max(1, ::getmaxy(stdscr))),
          static_cast<std::size_t>(std::max(1, ::getmaxx(stdscr)))};
}

void Terminal::show(const std::vector<Line>& lines) {
  ::werase(stdscr);
  int row = 0;
  for (const Line& line : lines) {
    ::wmove(stdscr, row++, 0);
    for (const Span& span : line.spans) {
      ::wattrset(stdscr, static_cast<int>(line.selected ? A_REVERSE : attributes(span.style)));
      ::waddnstr(stdscr, span.text.c_str(), static_cast<int>(span.text.size()));
    }
  }
  ::wattrset(stdscr, A_NORMAL);
  ::wrefresh(stdscr);
}

std::variant<Terminal::Nothing, Terminal::Gone, Key, char> Terminal::key(
    std::chrono::milliseconds patience) {
  ::wtimeout(stdscr, static_cast<int>(patience.count()));
  int code = ::wgetch(stdscr);
  if (code == ERR && has_input()) {
    ::wtimeout(stdscr, 0);
    code = ::wgetch(stdscr);  // typed just now, or else it is the end of the file
    if (code == ERR) return Gone{};
  }
  switch (code) {
    case ERR:
    case KEY_RESIZE:
      return Nothing{};
    case KEY_UP:
      return Key::kUp;
    case KEY_DOWN:
      return Key::kDown;
    case KEY_ENTER:
    case '\n':
    case '\r':
      return Key::kEnter;
    case KEY_LEFT:
    case KEY_BACKSPACE:
    case 27:  // escape
      return Key::kBack;
    case KEY_RIGHT:
      return Key::kEnter;
    default:
      break;
  }
  if (code > ' ' - 1 && code < 127) return static_cast<char>(code);
  return Key::kOther;
}

}  // namespace lastmile::cli::top
