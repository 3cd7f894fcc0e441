#include "cli/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>
#include <vector>

namespace lastmile::cli {
namespace {

constexpr auto kRight = Align::kRight;

std::string text_or(const Json& value, std::string_view otherwise) {
  return value.is_string() && !value.get_ref<const std::string&>().empty()
             ? value.get<std::string>()
             : std::string{otherwise};
}

std::string number_or(const Json& value, std::string_view otherwise) {
  return value.is_number() ? fmt::format("{}", value.get<std::uint64_t>()) : std::string{otherwise};
}

std::string count(const Json& object, const char* key) {
  return short_count(object.at(key).get<std::uint64_t>());
}

std::string duration_or(const Json& value, std::string_view otherwise) {
  return value.is_number() ? short_duration(value.get<std::uint64_t>()) : std::string{otherwise};
}

std::string joined(const Json& list, std::string_view separator) {
  std::string out;
  for (const Json& item : list) {
    if (!out.empty()) out += separator;
    out += item.get_ref<const std::string&>();
  }
  return out;
}

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

/// Cycles per packet: a row for each worker, a column for each stage.
std::string stage_table(const Json& workers) {
  std::vector<TextTable::Column> columns{{"CYCLES OF WORKER", kRight}};
  for (const Json& stage : workers.at(0).at("stages")) {
    std::string name = stage.at("stage");
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    columns.push_back({std::move(name), kRight});
  }
  TextTable table{std::move(columns)};
  for (const Json& worker : workers) {
    std::vector<std::string> row{number_or(worker.at("id"), "-")};
    for (const Json& stage : worker.at("stages")) {
      const auto cycles = stage.at("cycles_per_packet").get<double>();
      row.push_back(cycles > 0 ? fmt::format("{:.1f}", cycles) : "-");
    }
    table.add(std::move(row));
  }
  return table.text();
}

// What fits behind an indentation on 80 columns.
constexpr std::size_t kNoteWidth = 70;

/// Text in lines of at most `width` characters, broken at spaces.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = text.size();
    if (end - at > width) {
      const std::size_t space = text.rfind(' ', at + width);
      end = space == std::string::npos || space <= at ? at + width : space;
    }
    lines.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(' ', end);
    if (at == std::string::npos) break;
  }
  return lines;
}

const char* mark(const Json& route) {
  if (route.at("best").get<bool>()) return "*";
  if (route.at("multipath").get<bool>()) return "=";
  if (route.at("backup").get<bool>()) return "+";
  return text_or(route.at("refusal"), "").empty() ? "" : "x";
}

}  // namespace

std::string render_ports(const Json& data) {
  TextTable table{{{"PORT"},
                   {"LINK"},
                   {"SPEED", kRight},
                   {"MTU", kRight},
                   {"MAC"},
                   {"RX PKTS", kRight},
                   {"TX PKTS", kRight},
                   {"LOST", kRight},
                   {"DRIVER"}}};
  for (const Json& port : data.at("ports")) {
    const auto lost = port.at("rx_missed").get<std::uint64_t>() +
                      port.at("rx_errors").get<std::uint64_t>() +
                      port.at("tx_dropped").get<std::uint64_t>();
    table.add({port.at("name"), port.at("link"),
               link_speed(port.at("speed_mbps").get<std::uint64_t>()),
               number_or(port.at("mtu"), "-"), port.at("mac"), count(port, "rx_packets"),
               count(port, "tx_packets"), short_count(lost), text_or(port.at("driver"), "absent")});
    std::string device = "  device " + port.at("device").get<std::string>();
    if (const Json& vlan = port.at("vlan"); !vlan.empty()) {
      device += fmt::format(", {} VLAN {}", port.at("vlan_protocol").get<std::string>(),
                            vlan[0].get<unsigned>());
      if (vlan.size() > 1) device += fmt::format(" / {}", vlan[1].get<unsigned>());
    }
    if (const auto queues = port.at("rx_queues").get<unsigned>(); queues != 0) {
      device += fmt::format(", {} receive and {} transmit queue(s)", queues,
                            port.at("tx_queues").get<unsigned>());
    }
    table.note(fmt::format("{}, link by {}", device, text_or(port.at("link_watch"), "?")));
    if (!port.at("addresses").empty()) {
      table.note(fmt::format("  {} {}", port.at("twin").get<std::string>(),
                             joined(port.at("addresses"), " ")));
    }
  }
  return data.at("ports").empty() ? "no ports\n" : table.text();
}

std::string render_offload(const Json& data) {
  TextTable table{
      {{"PORT"}, {"DRIVER"}, {"STEP", kRight}, {"REACHED"}, {"QUEUE", kRight}, {"WORKER", kRight}}};
  for (const Json& port : data.at("ports")) {
    table.add({port.at("port"), text_or(port.at("driver"), "absent"),
               number_or(port.at("step"), "-"), port.at("step_name"),
               number_or(port.at("priority_queue"), "-"), number_or(port.at("worker"), "-")});
    for (const Json& step : port.at("steps")) {
      if (step.at("step").get<unsigned>() == 0) continue;
      table.note(fmt::format("  {} {}: {}", step.at("step").get<unsigned>(),
                             step.at("name").get_ref<const std::string&>(),
                             step.at("state").get_ref<const std::string&>()));
      std::size_t installed = 0;
      std::string refused;
      for (const Json& rule : step.at("rules")) {
        if (rule.at("installed").get<bool>()) {
          ++installed;
        } else {
          refused += fmt::format("{}{}", refused.empty() ? "" : ", ",
                                 rule.at("name").get_ref<const std::string&>());
        }
      }
      if (installed > 0) {
        table.note(fmt::format("    {} of {} rules", installed, step.at("rules").size()));
      }
      for (const std::string& line : wrapped(refused, kNoteWidth)) table.note("    not " + line);
      for (const std::string& line : wrapped(text_or(step.at("reason"), ""), kNoteWidth)) {
        table.note("    " + line);
      }
    }
  }
  return data.at("ports").empty() ? "no ports\n" : table.text();
}

std::string render_bgp(const Json& data) {
  TextTable table{{{"NEIGHBOR"},
                   {"ADDRESS"},
                   {"AS", kRight},
                   {"STATE"},
                   {"UP", kRight},
                   {"RECV", kRight},
                   {"ACPT", kRight},
                   {"SENT", kRight}}};
  for (const Json& neighbor : data.at("neighbors")) {
    table.add({neighbor.at("name"), text_or(neighbor.at("address"), "not discovered"),
               number_or(neighbor.at("remote_asn"), "-"), neighbor.at("state"),
               duration_or(neighbor.at("uptime_s"), "-"), count(neighbor, "received"),
               count(neighbor, "accepted"), count(neighbor, "advertised")});
    if (const std::string text = text_or(neighbor.at("description"), ""); !text.empty()) {
      table.note("  " + text);
    }
    if (const std::string role = text_or(neighbor.at("role"), ""); !role.empty()) {
      table.note(fmt::format("  role {}, the neighbor's: {}", role,
                             text_or(neighbor.at("remote_role"), "not told")));
    }
    if (neighbor.at("stale").get<std::uint64_t>() != 0) {
      table.note(fmt::format("  {} routes are kept from before its restart",
                             number_or(neighbor.at("stale"), "0")));
    }
    if (const std::string detail = text_or(neighbor.at("detail"), ""); !detail.empty()) {
      table.note("  not up: " + detail);
    }
    if (const std::string error = text_or(neighbor.at("last_error"), ""); !error.empty()) {
      table.note("  last down: " + error);
    }
    if (const std::string fault = text_or(neighbor.at("last_fault"), ""); !fault.empty()) {
      table.note(fmt::format("  bad UPDATEs: {} withdrew routes, {} lost an attribute; last: {}",
                             number_or(neighbor.at("treat_as_withdraw"), "0"),
                             number_or(neighbor.at("attribute_discard"), "0"), fault));
    }
  }
  return data.at("neighbors").empty() ? "no BGP neighbors\n" : table.text();
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

std::string render_bfd(const Json& data) {
  TextTable table{{{"NEIGHBOR"},
                   {"ADDRESS"},
                   {"STATE"},
                   {"UP", kRight},
                   {"INTERVAL", kRight},
                   {"DETECT", kRight},
                   {"ECHO"},
                   {"RTT", kRight},
                   {"JITTER", kRight},
                   {"SENT", kRight},
                   {"RECV", kRight}}};
  const auto short_time = [](const Json& value) {
    if (!value.is_number()) return std::string{"-"};
    const auto microseconds = value.get<double>();
    return microseconds >= 1000 ? fmt::format("{:.4g} ms", microseconds / 1000)
                                : fmt::format("{:.0f} us", microseconds);
  };
  for (const Json& session : data.at("sessions")) {
    table.add({session.at("neighbor"), session.at("address"), session.at("state"),
               duration_or(session.at("uptime_s"), "-"), short_time(session.at("interval_us")),
               fmt::format("{} x{}", short_time(session.at("detect_us")),
                           session.at("multiplier").get<unsigned>()),
               session.at("echo"), short_time(session.at("rtt_mean_us")),
               short_time(session.at("rtt_jitter_us")), count(session, "sent"),
               count(session, "received")});
    if (const std::string reason = text_or(session.at("last_down_reason"), ""); !reason.empty()) {
      table.note(fmt::format("  last down: {} ({} times)", reason,
                             session.at("failures").get<std::uint64_t>()));
    }
  }
  for (const Json& refusal : data.at("refused")) {
    table.note(fmt::format("refused {}: {}", refusal.at("packets").get<std::uint64_t>(),
                           refusal.at("help").get<std::string>()));
  }
  return data.at("sessions").empty() ? "no BFD sessions\n" : table.text();
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

std::string render_control(const Json& data) {
  const auto milliseconds = [&](const char* key) {
    return fmt::format("{:.1f} ms", data.at(key).get<double>() / 1000);
  };
  const auto megabytes = [&](const char* key) {
    return fmt::format("{:.1f} MB", data.at(key).get<double>() / 1e6);
  };
  TextTable table{{{"CONTROL THREAD"}, {"", kRight}}};
  table.add({"events and commands handled", number_or(data.at("slices"), "-")});
  table.add({"processor time for them", milliseconds("busy_us")});
  table.add({"longest of them", milliseconds("longest_us")});
  table.add({"... which was", text_or(data.at("longest_in"), "-")});
  table.add({"longest by the clock", milliseconds("longest_wall_us")});
  table.add({"longer than 5 ms", number_or(data.at("long_slices"), "-")});
  table.add({"memory of the routes", megabytes("rib_bytes")});
  table.add({"memory of the process's heap", megabytes("heap_bytes")});
  for (const Json& thread : data.value("threads", Json::array())) {
    if (thread.at("stuck").get<bool>()) table.add({"stuck", thread.at("name")});
  }
  return table.text();
}

std::string render_neighbors(const Json& data) {
  TextTable table{{{"PORT"}, {"ADDRESS"}, {"MAC"}, {"STATE"}, {"ROUTER"}}};
  for (const Json& neighbor : data.at("neighbors")) {
    table.add({neighbor.at("port"), neighbor.at("address"), text_or(neighbor.at("mac"), "-"),
               neighbor.at("state"), neighbor.at("router").get<bool>() ? "yes" : "no"});
  }
  return data.at("neighbors").empty() ? "no link-layer neighbors\n" : table.text();
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

/// Classes of packets for the kernel, of all workers together; empty as long as there are none.
std::string punt_table(const Json& workers) {
  TextTable table{{{"FOR THE KERNEL"}, {"PACKETS", kRight}, {"POLICED", kRight}}};
  std::vector<std::string> classes;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> sums;
  for (const Json& worker : workers) {
    for (const Json& punt : worker.at("punts")) {
      const auto name = punt.at("class").get<std::string>();
      if (!sums.contains(name)) classes.push_back(name);
      sums[name].first += punt.at("packets").get<std::uint64_t>();
      sums[name].second += punt.at("policed").get<std::uint64_t>();
    }
  }
  bool any = false;
  for (const std::string& name : classes) {
    const auto& [packets, policed] = sums[name];
    if (packets + policed == 0) continue;
    table.add({name, short_count(packets), short_count(policed)});
    any = true;
  }
  return any ? '\n' + table.text() : "";
}

std::string render_workers(const Json& data) {
  TextTable table{{{"WORKER", kRight},
                   {"CPU", kRight},
                   {"RX PKTS", kRight},
                   {"TX PKTS", kRight},
                   {"PUNTED", kRight},
                   {"DROPPED", kRight},
                   {"CYCLES/PKT", kRight},
                   {"PKTS/VECTOR", kRight},
                   {"IDLE", kRight}}};
  for (const Json& worker : data.at("workers")) {
    std::uint64_t dropped = 0;
    for (const Json& drop : worker.at("drops")) dropped += drop.at("packets").get<std::uint64_t>();
    const auto cycles = worker.at("cycles_per_packet").get<double>();
    const auto vector = worker.at("packets_per_vector").get<double>();
    table.add({number_or(worker.at("id"), "-"), number_or(worker.at("cpu"), "-"),
               count(worker, "rx_packets"), count(worker, "tx_packets"), count(worker, "punted"),
               short_count(dropped), cycles > 0 ? fmt::format("{:.0f}", cycles) : "-",
               vector > 0 ? fmt::format("{:.1f}", vector) : "-",
               fmt::format("{:.0f}%", worker.at("idle_share").get<double>() * 100)});
    if (worker.value("stuck", false)) table.note("  stuck: it moves no packet");
    if (worker.at("icmp_errors").get<std::uint64_t>() != 0) {
      table.note(fmt::format("  {} ICMP errors sent, {} more above the rate",
                             count(worker, "icmp_errors"), count(worker, "icmp_errors_limited")));
    }
    table.note("  receives from " + (worker.at("receives").empty()
                                         ? std::string{"nothing: no device has a queue for it"}
                                         : joined(worker.at("receives"), " ")));
  }
  if (data.at("workers").empty()) return "no workers\n";
  return table.text() + '\n' + stage_table(data.at("workers")) + punt_table(data.at("workers"));
}

std::string render_drops(const Json& data) {
  TextTable table{{{"PACKETS", kRight}, {"REASON"}, {"MEANING"}}};
  bool any = false;
  for (const Json& drop : data.at("drops")) {
    const auto packets = drop.at("packets").get<std::uint64_t>();
    if (packets == 0) continue;
    table.add({std::to_string(packets), drop.at("reason"), drop.at("help")});
    any = true;
  }
  return any ? table.text() : "no packets dropped\n";
}

std::string render_metrics(const Json& data) {
  return data.at("text");
}

std::string render_version(const Json& data) {
  return fmt::format("lastmiled {} (DPDK {}), up {}, router id {}, AS {}, {}\n",
                     data.at("version").get<std::string>(), data.at("dpdk").get<std::string>(),
                     duration_or(data.at("uptime_s"), "-"), data.at("router_id").get<std::string>(),
                     number_or(data.at("asn"), "-"), data.at("config").get<std::string>());
}

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

}  // namespace lastmile::cli
