#include "cli/manual.h"

#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/option_manual.h"

namespace lastmile::cli {

std::string manual(const CommandLine& line) {
  roff::Page page{"LASTMILE", 1, "lastmile " LASTMILE_VERSION, "asks a running lastmiled(8)"};
  page.section("SYNOPSIS");
  page.paragraph("lastmile [OPTIONS] VERB [ARGUMENT]");
  page.section("DESCRIPTION");
  page.paragraph(
      "Asks a running router by its control socket and prints the answer: in columns for people, "
      "or "
      "with --json for scripts, whose fields are added to, never renamed or removed. Members of "
      "the "
      "group that the configuration names may ask, those of its read-group may look; else root "
      "only.");
  page.section("VERBS");
  for (const Verb& verb : verbs()) {
    page.item(fmt::format("{}{}{}", verb.words, verb.argument.empty() ? "" : " ", verb.argument),
              verb.help);
  }
  page.section("OPTIONS");
  options_manual(line.app, "Options", page);
  for (const char* verb : kVerbGroups) {
    page.section(fmt::format("OPTIONS OF {}", verb));
    options_manual(line.app, verb, page);
  }
  page.section("EXIT STATUS");
  page.item("0", "The router has answered.");
  page.item(
      "1",
      "There is no router, it refused (one line on standard error says why), or doctor has found "
      "a problem.");
  page.item("2", "The command line is wrong, or top has no terminal.");
  page.section("ENVIRONMENT");
  page.item("LASTMILE_SOCKET", "The control socket, if --socket does not name it.");
  page.section("SEE ALSO");
  page.paragraph("lastmiled(8), lastmile.yaml(5)");
  return page.text();
}

}  // namespace lastmile::cli
