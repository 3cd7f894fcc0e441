#include "controlplane/config/reference.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "controlplane/config/schema.h"

namespace lastmile {

using config::Key;
using config::LoneItem;
using config::Presence;
using config::Shape;
using config::Status;

namespace reference {

std::string default_of(const Key& key, std::string_view quote) {
  if (key.presence == Presence::kRequired) {
    if (key.unless.empty()) return "required";
    return fmt::format("required without {}{}{}", quote, key.unless, quote);
  }
  if (!key.fallback.empty()) return fmt::format("{}{}{}", quote, key.fallback, quote);
  return key.absent;
}

std::string type_of(const Key& key) {
  switch (key.shape) {
    case Shape::kValue:
      return key.type;
    case Shape::kValueList:
      if (key.lone_item == LoneItem::kRefused) return "list; each " + key.type;
      return fmt::format("{}, or a list of up to {}", key.type, key.max_items);
    case Shape::kSection:
      return "section";
    case Shape::kSectionList:
      return "list of sections";
    case Shape::kNamedSections:
      return fmt::format("section for each {}", key.placeholder);
  }
  return {};
}

std::string inner_path(const Key& key, const std::string& path) {
  const std::string own = path.empty() ? key.name : path + '.' + key.name;
  if (key.shape == Shape::kSectionList) return own + "[]";
  if (key.shape == Shape::kNamedSections) return own + '.' + key.placeholder;
  return own;
}

}  // namespace reference

namespace {

using reference::default_of;
using reference::inner_path;
using reference::type_of;

// --- Markdown --------------------------------------------------------------------------------

std::string table_cell(std::string text) {
  std::size_t at = 0;
  while ((at = text.find('|', at)) != std::string::npos) text.replace(at, 1, "\\|"), at += 2;
  return text;
}

void markdown_section(const std::vector<Key>& keys, const std::string& path, std::string& out) {
  out += "\n| key | value | default | meaning |\n|---|---|---|---|\n";
  std::string planned;
  for (const Key& key : keys) {
    if (key.status == Status::kPlanned) {
      if (key.instead.empty()) {
        planned += fmt::format("{}`{}`", planned.empty() ? "" : ", ", key.name);
      }
      continue;
    }
    out += fmt::format("| `{}` | {} | {} | {} |\n", key.name, table_cell(type_of(key)),
                       table_cell(default_of(key, "`")), table_cell(key.help));
  }
  if (!planned.empty()) {
    out += fmt::format("\nNames kept for later versions, and refused by this one: {}.\n", planned);
  }
  for (const Key& key : keys) {
    if (!key.instead.empty()) out += fmt::format("\nRefused: `{}`; {}.\n", key.name, key.instead);
  }
  for (const Key& key : keys) {
    if (key.keys.empty()) continue;
    const std::string inner = inner_path(key, path);
    out += fmt::format("\n## {}\n\n{}\n", inner, key.help);
    markdown_section(key.keys, inner, out);
  }
}

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Written by `ninja -C build configuration-reference` from controlplane/config/schema.cc. -->

The configuration is one YAML file; [`conf/server.yaml`](../conf/server.yaml) is one to start from.
`lastmiled --check FILE` reads it, says all that is wrong with it and exits with 0 or 1.
`lastmiled --help-config` prints this page, and [`conf/lastmile.schema.json`](../conf/lastmile.schema.json) (`lastmiled --json-schema`)
is the same for editors: with a YAML language server, the first line `# yaml-language-server: $schema=PATH` completes and checks the file.

- An unknown key is an error, never ignored; so is a key that is there twice.
- Durations have a unit: `500us`, `10ms`, `3s`, `2m`, `1h`.
- Text that YAML would take for something else needs quotes: `"2001:db8::1/128"`,
  `"net_af_packet0,iface=eth1"`.
- Errors read `FILE:LINE:COLUMN: what is wrong; what is expected`, all of them in file order:

```
server.yaml:3:1: unknown key "prots"; did you mean "ports"?
server.yaml:12:14: port: "up3" is not a port; did you mean "up1"?
```

## The file
)";

// --- plain text ------------------------------------------------------------------------------

/// Appends words at an indentation, broken to 80 columns.
void wrap(std::string_view text, std::size_t indent, std::string& out) {
  constexpr std::size_t kWidth = 80;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (column != 0 && column + 1 + word.size() > kWidth) {
      out += '\n';
      column = 0;
    }
    if (column == 0) {
      out.append(indent, ' ');
      column = indent;
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  out += '\n';
}

void text_section(const std::vector<Key>& keys, std::size_t indent, std::string& out) {
  for (const Key& key : keys) {
    out.append(indent, ' ');
    if (key.status == Status::kPlanned) {
      out += fmt::format("{}: (not supported by this version)\n", key.name);
      continue;
    }
    out += key.name + ":\n";
    std::string facts = type_of(key);
    if (const std::string absent = default_of(key, ""); absent == "required") {
      facts += "; required";
    } else if (!absent.empty()) {
      facts += "; default: " + absent;
    }
    wrap(facts, indent + 4, out);
    wrap(key.help, indent + 4, out);
    text_section(key.keys, indent + 2, out);
  }
}

}  // namespace

std::string config_reference_markdown() {
  std::string out{kIntroduction};
  markdown_section(config::schema(), "", out);
  return out;
}

std::string config_reference_text() {
  std::string out;
  text_section(config::schema(), 0, out);
  return out;
}

}  // namespace lastmile
