// The schema as a manual page: lastmile.yaml(5).
#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "controlplane/config/reference.h"
#include "controlplane/config/roff.h"
#include "controlplane/config/schema.h"

namespace lastmile {
namespace {

using config::Key;
using config::Status;

void page_section(const std::vector<Key>& keys, const std::string& path, roff::Page& page) {
  std::string planned;
  for (const Key& key : keys) {
    if (key.status == Status::kPlanned) {
      if (!key.instead.empty()) continue;
      planned += fmt::format("{}{}", planned.empty() ? "" : ", ", key.name);
      continue;
    }
    std::string facts = reference::type_of(key);
    if (const std::string absent = reference::default_of(key, ""); absent == "required") {
      facts += "; required";
    } else if (!absent.empty()) {
      facts += "; default: " + absent;
    }
    page.item(key.name, key.help);
    page.more(facts + '.');
  }
  if (!planned.empty()) {
    page.paragraph(
        fmt::format("Names kept for later versions, and refused by this one: {}.", planned));
  }
  for (const Key& key : keys) {
    if (!key.instead.empty())
      page.paragraph(fmt::format("Refused: {}; {}.", key.name, key.instead));
  }
  for (const Key& key : keys) {
    if (key.keys.empty()) continue;
    const std::string inner = reference::inner_path(key, path);
    page.subsection(inner);
    page.paragraph(key.help);
    page_section(key.keys, inner, page);
  }
}

constexpr std::string_view kExample = R"(router: {asn: 64512}
loopbacks: [10.0.1.1/32]
ports:
  up1: {device: "0000:03:00.0", mtu: 9000}
  up2: {device: "0000:03:00.1", mtu: 9000}
bgp:
  allow-own-as: 1
  neighbors:
    - {port: up1, remote-asn: external}
    - {port: up2, remote-asn: external}
)";

}  // namespace

std::string config_reference_man(std::string_view version) {
  roff::Page page{"LASTMILE.YAML", 5, version, "configuration of lastmiled(8)"};
  page.section("DESCRIPTION");
  page.paragraph(
      "One YAML file says all that a router is to do. \"lastmiled --check FILE\" reads it, says "
      "all "
      "that is wrong with it (FILE:LINE:COLUMN: what is wrong; what is expected) and exits with 0 "
      "or 1. An unknown key is an error, never ignored; so is a key that is there twice.");
  page.paragraph(
      "Durations have a unit: 500us, 10ms, 3s, 2m, 1h. Text that YAML would take for something "
      "else "
      "needs quotes: \"2001:db8::1/128\", \"net_af_packet0,iface=eth1\".");
  page.paragraph(
      "Editors that speak to a YAML language server complete and check the file by the JSON schema "
      "that \"lastmiled --json-schema\" prints.");
  page.section("KEYS");
  page_section(config::schema(), "", page);
  page.section("EXAMPLE");
  page.paragraph(
      "A server with two uplinks. Between servers, the loopback is the only difference:");
  page.example(kExample);
  page.section("SEE ALSO");
  page.paragraph("lastmiled(8), lastmile(1)");
  return page.text();
}

}  // namespace lastmile
