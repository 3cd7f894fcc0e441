// The terminal, by ncurses. One at a time: ncurses has one screen for the whole program.
#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "cli/top/screen.h"

namespace lastmile::cli::top {

class Terminal {
 public:
  /// Takes the terminal over; the destructor gives it back as it was. The error is one line.
  [[nodiscard]] static tl::expected<Terminal, std::string> open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  [[nodiscard]] Size size() const;
  [[nodiscard]] Glyphs glyphs() const { return glyphs_; }
  void show(const std::vector<Line>& lines);

  /// Nothing was typed in time, or the size changed: draw again.
  struct Nothing {};
  /// The terminal is gone: nothing will be typed any more.
  struct Gone {};
  /// Waits for a key.
  [[nodiscard]] std::variant<Nothing, Gone, Key, char> key(std::chrono::milliseconds patience);

 private:
  explicit Terminal(Glyphs glyphs) : glyphs_(glyphs) {}
  Glyphs glyphs_;
  bool open_ = true;
};

}  // namespace lastmile::cli::top
