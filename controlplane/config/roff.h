// Manual pages: text as man(7) macros. For the writers of lastmile.yaml(5), lastmiled(8) and
// lastmile(1).
#pragma once

#include <string>
#include <string_view>

namespace lastmile::roff {

/// Text that troff shows as it is: backslashes, hyphens that may be typed, leading dots.
[[nodiscard]] std::string escape(std::string_view text);

/// Builds a page from the top.
///
///   Page page{"LASTMILE", 1, "lastmile 0.1.0", "asks a running lastmiled"};
///   page.section("OPTIONS");
///   page.item("-j, --json", "JSON for scripts");
///   std::puts(page.text().c_str());
class Page {
 public:
  /// `title`: "LASTMILE.YAML"; `summary` stands in the NAME section.
  Page(std::string_view title, int section, std::string_view version, std::string_view summary);

  void section(std::string_view title);     ///< a heading
  void subsection(std::string_view title);  ///< a smaller one
  void paragraph(std::string_view text);
  void item(std::string_view term, std::string_view text);  ///< a term and what it means
  void more(std::string_view text);                         ///< another paragraph of the last item
  void example(std::string_view lines);                     ///< as it is, line for line

  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  std::string out_;
};

}  // namespace lastmile::roff
