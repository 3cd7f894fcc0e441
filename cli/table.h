// Text in aligned columns, as a terminal shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lastmile::cli {

enum class Align : std::uint8_t { kLeft, kRight };

/// Columns two spaces apart, as wide as their widest cell; no spaces at the end of a line.
///
///   TextTable table{{"PORT", Align::kLeft}, {"PACKETS", Align::kRight}};
///   table.add({"up1", "17"});
///   table.note("  below the row, at any width");
///   out << table.text();
///
/// A table may be printed in parts (page by page): widths then only grow.
class TextTable {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit TextTable(std::vector<Column> columns);

  /// One cell for each column.
  void add(std::vector<std::string> cells);
  /// A line of its own.
  void note(std::string line);
  /// Everything added since the last call; the first call puts the titles in front.
  [[nodiscard]] std::string text();

 private:
  struct Line {
    std::vector<std::string> cells;  ///< empty: a note
    std::string note;
  };
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<Line> lines_;
  bool titled_ = false;
};

/// Characters (not bytes) of UTF-8 text.
[[nodiscard]] std::size_t width(const std::string& text);

/// At most five characters: "9999", "12.3k", "4.56M", "789G".
[[nodiscard]] std::string short_count(std::uint64_t count);
/// "12s", "5m12s", "2h05m", "3d04h".
[[nodiscard]] std::string short_duration(std::uint64_t seconds);
/// "25G", "100M", or "-" for 0.
[[nodiscard]] std::string link_speed(std::uint64_t megabits);

}  // namespace lastmile::cli
