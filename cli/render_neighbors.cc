// Neighbors as BGP, BFD and the links know them, as text.
#include <fmt/format.h>

#include <string>

#include "cli/fields.h"
#include "cli/render.h"

namespace lastmile::cli {

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

std::string render_neighbors(const Json& data) {
  TextTable table{{{"PORT"}, {"ADDRESS"}, {"MAC"}, {"STATE"}, {"ROUTER"}}};
  for (const Json& neighbor : data.at("neighbors")) {
    table.add({neighbor.at("port"), neighbor.at("address"), text_or(neighbor.at("mac"), "-"),
               neighbor.at("state"), neighbor.at("router").get<bool>() ? "yes" : "no"});
  }
  return data.at("neighbors").empty() ? "no link-layer neighbors\n" : table.text();
}

}  // namespace lastmile::cli
