#include "cli/top/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/table.h"

namespace lastmile::cli::top {
namespace {

/// The first `columns` characters of UTF-8 text.
std::string prefix(const std::string& text, std::size_t columns) {
  std::size_t count = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U;
    if (starts && count++ == columns) break;
    ++at;
  }
  return text.substr(0, at);
}

}  // namespace

std::string Line::plain() const {
  std::string out;
  for (const Span& span : spans) out += span.text;
  return out;
}

Line cut(Line line, std::size_t width) {
  std::size_t used = 0;
  for (Span& span : line.spans) {
    span.text = prefix(span.text, width - used);
    used += cli::width(span.text);
  }
  return line;
}

std::vector<Line> Table::lines() const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns) widths.push_back(cli::width(column.title));
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      widths[i] = std::max(widths[i], cli::width(row.cells[i].text));
    }
  }
  const auto padded = [&](std::size_t column, Span span) {
    const std::size_t fill = widths[column] - cli::width(span.text);
    const bool right = columns[column].align == Align::kRight;
    span.text = right ? std::string(fill, ' ') + span.text : span.text + std::string(fill, ' ');
    return span;
  };
  std::vector<Line> out(1);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out[0].spans.push_back({"  ", Style::kHead});
    out[0].spans.push_back(padded(i, {columns[i].title, Style::kHead}));
  }
  for (const Row& row : rows) {
    Line& line = out.emplace_back();
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (i > 0) line.spans.push_back({"  "});
      line.spans.push_back(padded(i, row.cells[i]));
    }
  }
  return out;
}

Span bar(double share, std::size_t width, Glyphs glyphs) {
  const double clean = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0;
  const auto full = static_cast<std::size_t>(std::lround(clean * static_cast<double>(width)));
  std::string text;
  for (std::size_t i = 0; i < width; ++i) {
    if (glyphs == Glyphs::kUnicode) {
      text += i < full ? "█" : "░";
    } else {
      text += i < full ? '#' : '.';
    }
  }
  return {std::move(text), Style::kBar};
}

std::string rate(std::optional<double> per_second) {
  if (!per_second) return "-";
  return short_count(static_cast<std::uint64_t>(std::llround(*per_second)));
}

std::string short_time(double microseconds) {
  if (microseconds < 1000) return fmt::format("{:.0f} us", microseconds);
  if (microseconds < 1e6) return fmt::format("{:.4g} ms", microseconds / 1e3);
  return fmt::format("{:.4g} s", microseconds / 1e6);
}

}  // namespace lastmile::cli::top
