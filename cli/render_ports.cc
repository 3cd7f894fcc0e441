// Ports and their offload, as text.
#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <vector>

#include "cli/fields.h"
#include "cli/render.h"

namespace lastmile::cli {
namespace {

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

}  // namespace lastmile::cli
