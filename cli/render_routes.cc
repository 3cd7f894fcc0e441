// Routes, what policies make of them, and where packets go, as text.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "cli/fields.h"
#include "cli/render.h"

namespace lastmile::cli {
namespace {

/// "up1 fe80::1 weight 2 (dead)".
std::string next_hop(const Json& hop) {
  std::string out = text_or(hop.at("port"), "");
  if (const std::string address = text_or(hop.at("address"), ""); !address.empty()) {
    out += (out.empty() ? "" : " ") + address;
  }
  if (hop.at("weight").get<unsigned>() != 1) {
    out += fmt::format(" weight {}", hop.at("weight").get<unsigned>());
  }
  if (!hop.at("alive").get<bool>()) out += " (dead)";
  return out.empty() ? "-" : out;
}

const char* mark(const Json& route) {
  if (route.at("best").get<bool>()) return "*";
  if (route.at("multipath").get<bool>()) return "=";
  if (route.at("backup").get<bool>()) return "+";
  return text_or(route.at("refusal"), "").empty() ? "" : "x";
}

}  // namespace

std::string render_route_details(const Json& data) {
  std::string out;
  std::string prefix;
  for (const Json& route : data.at("routes")) {
    if (route.at("prefix") != prefix) {
      prefix = route.at("prefix");
      out += prefix + '\n';
    }
    out += fmt::format("  {}", route.at("source").get<std::string>());
    if (const std::string from = text_or(route.at("neighbor"), ""); !from.empty()) {
      out += " from " + from;
    }
    for (const char* role : {"best", "multipath", "backup", "stale"}) {
      if (route.at(role).get<bool>()) out += fmt::format(", {}", role);
    }
    if (const std::string refusal = text_or(route.at("refusal"), ""); !refusal.empty()) {
      out += ", refused: " + refusal;
    } else if (const std::string reason = text_or(route.at("reason"), ""); !reason.empty()) {
      out += " (" + reason + ")";
    }
    if (route.at("age_s").is_number()) out += ", " + duration_or(route.at("age_s"), "") + " old";
    out += '\n';
    for (const Json& hop : route.at("next_hops")) out += "    via " + next_hop(hop) + '\n';
    std::string attributes;
    const auto attribute = [&attributes](std::string_view name, const std::string& value) {
      if (value.empty()) return;
      attributes += fmt::format("{}{} {}", attributes.empty() ? "    " : ", ", name, value);
    };
    attribute("as-path", text_or(route.at("as_path"), ""));
    attribute("origin", text_or(route.at("origin"), ""));
    attribute("med", number_or(route.at("med"), ""));
    attribute("local-preference", number_or(route.at("local_preference"), ""));
    attribute("aigp", number_or(route.at("aigp"), ""));
    attribute("path-id", number_or(route.at("path_id"), ""));
    if (!attributes.empty()) out += attributes + '\n';
    if (const std::string error = text_or(route.at("fib_error"), ""); !error.empty()) {
      out += "    not forwarded: " + error + '\n';
    }
    for (const auto& [name, key] :
         {std::pair{"advertised to", "advertised_to"}, std::pair{"communities", "communities"},
          std::pair{"large communities", "large_communities"}}) {
      if (!route.at(key).empty())
        out += fmt::format("    {} {}\n", name, joined(route.at(key), " "));
    }
    if (const Json& bandwidth = route.at("link_bandwidth"); bandwidth.is_number()) {
      // Links are spoken of in bits.
      out += fmt::format("    link bandwidth {:g} Mbit/s\n", bandwidth.get<double>() * 8 / 1e6);
    }
    if (const Json& marked_by = route.at("only_to_customer"); marked_by.is_number()) {
      out += fmt::format("    only to customers, says AS {}\n", marked_by.get<std::uint32_t>());
    }
  }
  return out.empty() ? "no such route\n" : out;
}

RouteList::RouteList() : table_({{""}, {"PREFIX"}, {"SOURCE"}, {"NEXT HOP"}, {"AS PATH"}}) {}

std::string RouteList::page(const Json& data) {
  if (data.at("routes").empty()) return {};
  for (const Json& route : data.at("routes")) {
    std::string prefix = route.at("prefix");
    const bool same = prefix == last_prefix_;
    last_prefix_ = prefix;
    if (same) prefix.clear();
    const Json& hops = route.at("next_hops");
    std::string source = route.at("source");
    if (route.at("path_id").is_number()) {
      source += " path " + number_or(route.at("path_id"), "");
    }
    table_.add({mark(route), std::move(prefix), std::move(source),
                hops.empty() ? "-" : next_hop(hops.front()), text_or(route.at("as_path"), "")});
    for (std::size_t i = 1; i < hops.size(); ++i) table_.add({"", "", "", next_hop(hops[i]), ""});
    if (const std::string refusal = text_or(route.at("refusal"), ""); !refusal.empty()) {
      table_.note("   refused: " + refusal);
      refused_ = true;
    }
  }
  return table_.text();
}

std::string RouteList::end() const {
  return last_prefix_.empty() ? "no routes\n"
         : refused_ ? "\n* best, = used beside it (multipath), + stands by (backup), x refused\n"
                    : "\n* best, = used beside it (multipath), + stands by (backup)\n";
}

std::string render_policy_test(const Json& data) {
  std::string out = fmt::format("{} by policy {}: {}\n  {}\n", data.at("prefix").get<std::string>(),
                                data.at("policy").get<std::string>(),
                                data.at("accepted").get<bool>() ? "accepted" : "rejected",
                                data.at("why").get<std::string>());
  for (const Json& change : data.at("changes")) {
    out += fmt::format("  {}: {} -> {}\n", change.at("what").get<std::string>(),
                       text_or(change.at("before"), "none"), text_or(change.at("after"), "none"));
  }
  return out;
}

std::string render_fib(const Json& data) {
  TextTable table{{{"FAMILY"},
                   {"ROUTES", kRight},
                   {"LIMIT", kRight},
                   {"GROUPS", kRight},
                   {"TBL8", kRight},
                   {"OF", kRight}}};
  for (const char* family : {"ipv4", "ipv6"}) {
    const Json& fib = data.at(family);
    table.add({family, number_or(fib.at("routes"), "-"), number_or(fib.at("max_routes"), "-"),
               number_or(fib.at("groups"), "-"), number_or(fib.at("tbl8_used"), "-"),
               number_or(fib.at("tbl8_total"), "-")});
  }
  const Json& queue = data.at("queue");
  table.note("");
  table.note(fmt::format("queue: {} waiting, {} applied, {} coalesced, {} failed",
                         number_or(queue.at("depth"), "-"), number_or(queue.at("applied"), "-"),
                         number_or(queue.at("coalesced"), "-"),
                         number_or(queue.at("failures"), "-")));
  return table.text();
}

std::string render_next_hops(const Json& data) {
  TextTable table{{{"ID", kRight},
                   {"PORT"},
                   {"KIND"},
                   {"MAC"},
                   {"STATE"},
                   {"PACKETS", kRight},
                   {"BYTES", kRight},
                   {"NEIGHBOR"}}};
  for (const Json& hop : data.at("next_hops")) {
    const std::string state =
        hop.at("alive").get<bool>() ? "alive" : "dead: " + joined(hop.at("down"), ", ");
    table.add({number_or(hop.at("id"), "-"), text_or(hop.at("port"), "-"), hop.at("kind"),
               text_or(hop.at("mac"), "-"), state, count(hop, "packets"), count(hop, "bytes"),
               text_or(hop.at("addresses"), "-")});
  }
  return data.at("next_hops").empty() ? "no next hops\n" : table.text();
}

}  // namespace lastmile::cli
