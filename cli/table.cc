#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace lastmile::cli {

std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // not inside a character
  }));
}

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(width(column.title));
}

void TextTable::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], width(cells[i]));
  lines_.push_back({std::move(cells), {}});
}

void TextTable::note(std::string line) {
  lines_.push_back({{}, std::move(line)});
}

std::string TextTable::text() {
  std::string out;
  const auto end_line = [&out] {
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  };
  const auto print = [&](std::size_t column, const std::string& cell) {
    if (column > 0) out += "  ";
    const std::size_t fill = widths_[column] - width(cell);
    if (columns_[column].align == Align::kRight) out.append(fill, ' ');
    out += cell;
    if (columns_[column].align == Align::kLeft) out.append(fill, ' ');
  };
  if (!titled_) {
    for (std::size_t i = 0; i < columns_.size(); ++i) print(i, columns_[i].title);
    end_line();
    titled_ = true;
  }
  for (const Line& line : lines_) {
    for (std::size_t i = 0; i < line.cells.size(); ++i) print(i, line.cells[i]);
    out += line.note;
    end_line();
  }
  lines_.clear();
  return out;
}

std::string short_count(std::uint64_t count) {
  if (count < 10'000) return std::to_string(count);
  constexpr std::array kUnits{'k', 'M', 'G', 'T', 'P', 'E'};
  std::uint64_t unit = 1000;
  std::size_t index = 0;
  // Cut off, not rounded: a count never looks larger than it is.
  while (count / unit >= 1000 && index + 1 < kUnits.size()) unit *= 1000, ++index;
  const std::uint64_t whole = count / unit;
  const std::uint64_t hundredths = count % unit / (unit / 100);
  if (whole >= 100) return fmt::format("{}{}", whole, kUnits[index]);
  if (whole >= 10) return fmt::format("{}.{}{}", whole, hundredths / 10, kUnits[index]);
  return fmt::format("{}.{:02}{}", whole, hundredths, kUnits[index]);
}

std::string short_duration(std::uint64_t seconds) {
  const std::uint64_t minutes = seconds / 60;
  const std::uint64_t hours = minutes / 60;
  if (minutes == 0) return fmt::format("{}s", seconds);
  if (hours == 0) return fmt::format("{}m{:02}s", minutes, seconds % 60);
  if (hours < 24) return fmt::format("{}h{:02}m", hours, minutes % 60);
  return fmt::format("{}d{:02}h", hours / 24, hours % 24);
}

std::string link_speed(std::uint64_t megabits) {
  if (megabits == 0) return "-";
  if (megabits % 1000 == 0) return fmt::format("{}G", megabits / 1000);
  return megabits == 2500 ? "2.5G" : fmt::format("{}M", megabits);
}

}  // namespace lastmile::cli
