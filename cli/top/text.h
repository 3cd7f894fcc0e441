// Lines of styled text: what a terminal shows, before there is a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lastmile::cli::top {

enum class Style : std::uint8_t { kPlain, kTitle, kHead, kGood, kBad, kWarn, kDim, kBar, kKey };

struct Span {
  std::string text;
  Style style = Style::kPlain;
};
struct Line {
  std::vector<Span> spans;
  bool selected = false;

  Line() = default;
  Line(std::initializer_list<Span> parts) : spans(parts) {}
  [[nodiscard]] std::string plain() const;
};

/// Cuts a line to so many columns.
[[nodiscard]] Line cut(Line line, std::size_t width);

enum class Align : std::uint8_t { kLeft, kRight };
enum class Glyphs : std::uint8_t { kUnicode, kAscii };

/// Columns two spaces apart, as wide as their widest cell.
struct Table {
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  struct Row {
    std::string key;  ///< names the row over the samples
    std::vector<Span> cells;
  };
  std::vector<Column> columns;
  std::vector<Row> rows;

  /// The titles, and a line for each row.
  [[nodiscard]] std::vector<Line> lines() const;
};

/// A share from 0 to 1 as a bar of `width` columns.
[[nodiscard]] Span bar(double share, std::size_t width, Glyphs glyphs);
/// "1.23M"; "-" for what is not known.
[[nodiscard]] std::string rate(std::optional<double> per_second);
/// "12.3 us", "4.5 ms", "2 s".
[[nodiscard]] std::string short_time(double microseconds);

}  // namespace lastmile::cli::top
