#include "controlplane/config/roff.h"

#include <fmt/format.h>

#include <algorithm>

namespace lastmile::roff {
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':  // marks code in the Markdown that the same text goes into
        out += '"';
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Page::Page(std::string_view title, int section, std::string_view version,
           std::string_view summary) {
  out_ = fmt::format(".TH {} {} \"\" \"{}\"\n.nh\n.ad l\n.SH NAME\n{} \\- {}\n", escape(title),
                     section, version, escape(lower(title)), escape(summary));
}

void Page::section(std::string_view title) {
  out_ += fmt::format(".SH \"{}\"\n", escape(title));
}
void Page::subsection(std::string_view title) {
  out_ += fmt::format(".SS \"{}\"\n", escape(title));
}
void Page::paragraph(std::string_view text) {
  out_ += fmt::format(".PP\n{}\n", escape(text));
}
void Page::item(std::string_view term, std::string_view text) {
  // .B takes what stands in quotes as one word; quotes inside are doubled by troff's rules.
  std::string quoted = escape(term);
  for (std::size_t at = 0; (at = quoted.find('"', at)) != std::string::npos; at += 4) {
    quoted.replace(at, 1, "\\(dq");
  }
  out_ += fmt::format(".TP\n.B \"{}\"\n{}\n", quoted, text.empty() ? "\\&" : escape(text));
}
void Page::more(std::string_view text) {
  out_ += fmt::format(".IP\n{}\n", escape(text));
}
void Page::example(std::string_view lines) {
  out_ += fmt::format(".PP\n.RS 4\n.nf\n{}{}.fi\n.RE\n", escape(lines),
                      lines.ends_with('\n') ? "" : "\n");
}

}  // namespace lastmile::roff
